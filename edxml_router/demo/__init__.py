"""Trees of nodes with offices that write to each other, on this machine."""
