"""What a worker does beside the mail, a little at each turn."""
