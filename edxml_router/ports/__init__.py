"""The contracts between the pipeline and the outside, in prose: what an adapter promises, and what it raises."""
