"""What an office asks that is attached by a folder, and what is said of its folder."""
