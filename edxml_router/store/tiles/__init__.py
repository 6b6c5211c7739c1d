"""The journal as files beside the database, to be served, copied and archived."""
