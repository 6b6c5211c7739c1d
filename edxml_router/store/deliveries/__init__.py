"""Deliveries: their table, and all that is done with them and asked of them."""
