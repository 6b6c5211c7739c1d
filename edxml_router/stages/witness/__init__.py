"""Neighbours hold each other to their journals."""
