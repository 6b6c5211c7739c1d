"""The messages that nodes exchange, who vouches for them, and where they go."""
