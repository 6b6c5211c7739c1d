"""What only the gateway tells: pages, events, what a letter says, tokens."""
