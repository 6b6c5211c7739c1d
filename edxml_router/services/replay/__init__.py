"""Judge a letter again by the rules of its day, and compare."""
