"""What a node does for its own keeping: copies of it, and what was made from them."""
