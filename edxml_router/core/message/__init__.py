"""An edXML message: from bytes to a value and back, and the checks on both."""
