"""What offices see: their inboxes, pushed mail, and notices."""
