"""The contracts between the story and the outside, in prose: what an adapter promises, or raises."""
