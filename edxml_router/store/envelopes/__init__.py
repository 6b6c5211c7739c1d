"""Accepted envelopes: their table, and queries about them."""
