"""Give the room of what was removed back to the disk.

for given in give_back_all(node): …        # bytes, a step at a time, while the node works
before, after = compact_database(node)      # of a file of an earlier version: once, and mail waits
"""

from __future__ import annotations

from collections.abc import Iterator

from edxml_router.store.database import space
from edxml_router.store.database.space import FileSpace
from edxml_router.wiring.stored import StoredNode

PAGES = 2000  # in one step, for which mail waits: some two tenths of a second


def database_space(node: StoredNode) -> FileSpace | None:
    """How much of the database's file is free; None for a server. Raises Setback."""
    return space.file_space(node.ledger.engine)


def give_back_all(node: StoredNode) -> Iterator[int]:
    """Give back what can be given, the bytes of each step. Nothing for a server, and for a file that has to be
    compacted first. Raises Setback."""
    while given := node.give_back(PAGES):
        yield given


def compact_database(node: StoredNode) -> tuple[int, int]:
    """Write the file anew; its bytes before and after. Raises Refusal EDX673, Setback EDX601."""
    return space.compact(node.ledger.engine)
