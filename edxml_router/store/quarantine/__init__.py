"""Input that was refused: how it is kept, shown and removed."""
