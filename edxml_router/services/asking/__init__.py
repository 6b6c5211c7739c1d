"""Questions of auditors to everything that is kept, and the note of who asked them."""
