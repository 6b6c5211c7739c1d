"""Accepted envelopes: their table, and all that is asked of them."""
