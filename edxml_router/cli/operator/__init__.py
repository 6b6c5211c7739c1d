"""Commands of operators: what waits, where it piles up, and what is done about it."""
