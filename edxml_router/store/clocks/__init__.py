"""The node's clock, and those of its neighbours."""
