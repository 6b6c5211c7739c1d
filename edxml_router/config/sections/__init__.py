"""Sections of a node's configuration by subject."""
