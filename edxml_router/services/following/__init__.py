"""Find a document by what a caller on the phone says of it, and show its way."""
