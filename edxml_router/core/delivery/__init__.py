"""Deliveries: their life, their values, what links carry about them, and their journal."""
