"""The journal: its table, its places in the log, its verification."""
