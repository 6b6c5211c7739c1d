"""The database itself: how it is opened, what it is waited for, how values become columns."""
