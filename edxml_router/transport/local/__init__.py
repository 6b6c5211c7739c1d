"""Mailboxes in folders of a local disk."""
