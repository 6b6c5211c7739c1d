"""What was removed on purpose and what is held, in the database."""
