"""What is kept for how long, and what must stay: pure decisions."""
