"""People at the console: who they are, what they may do, and how they sign in. Every act is an entry of the journal."""
