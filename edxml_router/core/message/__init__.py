"""An edXML message: bytes to a value and back, and what is asked of both."""
