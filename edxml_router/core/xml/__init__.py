"""XML from strangers: parsed safely, walked, held against the schema, and large documents by their skeleton."""
