"""What comes out of the mailboxes of a hub, by kind, and whose word it is."""
