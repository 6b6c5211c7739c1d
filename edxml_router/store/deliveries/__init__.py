"""Deliveries: their table, their changes, and queries about them."""
