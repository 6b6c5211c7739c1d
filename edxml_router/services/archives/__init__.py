"""Documents handed to an archive."""
