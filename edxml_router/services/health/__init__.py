"""Whether a node has all that it depends on, and what helps where it has not: what ``doctor`` tells."""
