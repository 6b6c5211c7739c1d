"""Neighbours compare what has gone over their link."""
