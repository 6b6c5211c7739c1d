"""Delivery certificates: what a node can prove of a document, in a file that others verify without it."""
