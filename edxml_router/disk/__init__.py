"""This machine's disk: files that outlast a power failure, and locks between processes."""
