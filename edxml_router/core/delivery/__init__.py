"""Deliveries: their life cycle, their values, and their journal."""
