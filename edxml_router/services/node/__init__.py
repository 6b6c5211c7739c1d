"""What is done to the node itself: it is configured, made, run, linked, copied and restored, and told the time."""
