"""What the kit writes."""
