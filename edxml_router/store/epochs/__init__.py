"""Whose database this is, and what follows from a restored back-up or another name."""
