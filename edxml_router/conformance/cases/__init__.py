"""The cases, and the judges of what was seen."""
