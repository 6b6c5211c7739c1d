"""What people and systems may do with a node: the same for every face."""
