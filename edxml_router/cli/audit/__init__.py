"""Commands that look at what a node decided."""
