"""What is reported, and as what."""
