"""The journal's entries by what they say: an index in blocks, and questions to it."""
