"""What is told to the makers of e-office systems."""
