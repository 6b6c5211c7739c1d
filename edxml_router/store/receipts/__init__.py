"""Receipts that this node made, what proves the outcomes in them, and the certificates of who signed."""
