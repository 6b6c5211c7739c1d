"""The ways on which the kit sends and receives."""
