"""The protocol of the national axis's SDK: what an e-office that was built on it sends, and what it reads.

The SDK ends with an exception where a field is missing or no text, and where an HTTP status says failure it does not
look at the body. So every answer is 200 and tells in its fields how it went; but a download, of which it takes any
bytes for the document, fails with an empty body.
"""
