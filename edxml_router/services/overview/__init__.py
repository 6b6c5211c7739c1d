"""What needs somebody, and how a node stands, as one value for whoever watches it."""
