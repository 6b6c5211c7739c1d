"""The health of a node: whether it has all that it depends on, and what helps where it has not (``doctor``)."""
