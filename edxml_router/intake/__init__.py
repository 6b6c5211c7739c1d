"""Messages from the mailboxes of a hub: what is done with each kind, and whose word it is."""
