"""People who sign in to the console: accounts, sessions, and what one asks a second one to approve."""
