"""The composition root: the only room that chooses adapters and puts a node together from its settings."""
