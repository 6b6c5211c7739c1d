"""What shells and readers of manuals are given of the commands."""
