"""XML from strangers: safe parsing, access to elements, the schema, and skeletons of large documents."""
