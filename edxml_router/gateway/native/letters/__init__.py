"""Letters from plain values, and what became of what was sent, over HTTP."""
