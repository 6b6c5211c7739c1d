"""Commands of auditors: what became of a document, and whether the journal is what was written."""
