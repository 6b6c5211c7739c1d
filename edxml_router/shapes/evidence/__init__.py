"""Shapes of what is handed out as evidence."""
