"""Copies of a node: made while it works, verified, and put in the place of what was lost."""
