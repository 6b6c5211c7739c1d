"""What is kept, and what was removed on purpose."""
