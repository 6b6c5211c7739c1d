"""The parts of a running node: each a process of its own or, with ``workers = "inline"``, a thread of one process."""
