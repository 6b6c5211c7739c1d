"""The hashes in the journal's tree: what proofs are computed from, without reading the journal again.

    grow(connection, size)                  # by the sequencer, in the transaction that numbers
    read = StoredTree(connection)           # edxml_router.core.proof.paths reads subtrees through it
    root = tree_root(read, 104832)

Kept is one hash for each complete 256 entries, one for each 256 of these, and so on: a row for each 256 entries, which
is never written again. The leaves stand in the journal. A path through a tree of millions so takes a few reads of 256
hashes, as in https://c2sp.org/tlog-tiles; tiles as rows were rejected, because their last one is rewritten with every
checkpoint.

What is not there yet (in a database of an older version, until the sequencer has caught up) is computed from the level
below. Raises Setback EDX605 where the journal itself has a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.core.proof.tiles import folded
from edxml_router.store.database.bulk import Insert
from edxml_router.store.journal.table import journal, tree_nodes

WIDTH: Final = 256  # hashes below one that is kept
HEIGHT: Final = 8  # levels of the tree from one kept level to the next
AT_ONCE: Final = 256  # hashes of one level that a call of grow adds at most: 65,536 entries, in a quarter of a second
_PART: Final = 16  # of them for which the hashes below are read together

_ADD: Final = Insert(tree_nodes, ("level", "place", "hash"))
_HAVE: Final = select(func.max(tree_nodes.c.place)).where(tree_nodes.c.level == bindparam("level"))
_LEAVES: Final = (
    select(journal.c.position, journal.c.leaf)
    .where(journal.c.position >= bindparam("first"), journal.c.position < bindparam("end"))
    .where(journal.c.position.is_not(None))
    .order_by(journal.c.position)
)
_NODES: Final = (
    select(tree_nodes.c.place, tree_nodes.c.hash)
    .where(tree_nodes.c.level == bindparam("level"))
    .where(tree_nodes.c.place >= bindparam("first"), tree_nodes.c.place < bindparam("end"))
    .order_by(tree_nodes.c.place)
)


def grow(connection: Connection, size: int) -> None:
    """Keep the hashes of what is complete below ``size`` entries, at most :data:`AT_ONCE` of a level in one call."""
    level, complete = 1, size // WIDTH
    while complete:
        highest = connection.execute(_HAVE, {"level": level}).scalar_one()
        have = 0 if highest is None else highest + 1
        until = min(complete, have + AT_ONCE)
        for first in range(have, until, _PART):
            end = min(until, first + _PART)
            below = _hashes(connection, level - 1, first * WIDTH, end * WIDTH)
            rows = []
            for place in range(first, end):
                start = (place - first) * WIDTH
                rows.append({"level": level, "place": place, "hash": folded(below[start : start + WIDTH])})
            _ADD(connection, rows)
        level, complete = level + 1, until // WIDTH  # of what is there, not of what there will be


class StoredTree:
    """Reads subtrees for one computation, within one transaction: what was read is not read again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read: dict[tuple[int, int], dict[int, bytes]] = {}  # by level and group of WIDTH

    def __call__(self, height: int, place: int) -> bytes:
        level, up = divmod(height, HEIGHT)
        first = place << up
        return folded([self._one(level, each) for each in range(first, first + (1 << up))])

    def _one(self, level: int, place: int) -> bytes:
        group = self._group(level, place // WIDTH)
        if place not in group:
            if level == 0:
                raise _gap(place)
            first = place * WIDTH
            group[place] = folded([self._one(level - 1, each) for each in range(first, first + WIDTH)])
        return group[place]

    def _group(self, level: int, number: int) -> dict[int, bytes]:
        if (level, number) not in self._read:
            first = number * WIDTH
            found = _rows(self._connection, level, first, first + WIDTH)
            self._read[level, number] = {each: bytes(value) for each, value in found}
        return self._read[level, number]


def _hashes(connection: Connection, level: int, first: int, end: int) -> list[bytes]:
    """The hashes from ``first`` to before ``end``, all of which must be there."""
    found = [bytes(value) for _, value in _rows(connection, level, first, end)]
    if len(found) != end - first:
        raise _gap(first)
    return found


def _rows(connection: Connection, level: int, first: int, end: int) -> Sequence[tuple[int, bytes]]:
    between = {"first": first, "end": end}
    query = connection.execute(_NODES, {"level": level, **between}) if level else connection.execute(_LEAVES, between)
    return [(row[0], row[1]) for row in query]


def _gap(place: int) -> Setback:
    return Setback("EDX605", where=Detail("place {place}", place=place), detail=Detail("an entry is missing"))
