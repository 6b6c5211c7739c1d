"""What offices see: their inboxes, mail that is pushed to them, notices."""
