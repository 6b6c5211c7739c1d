"""The index of the journal: which entries have a term, in blocks of :data:`BLOCK` places.

An entry never changes and never moves, so a block that is full is read once and its index never written again, but for
what later entries tell about a document accepted in it. One row says for one term and one block which of its entries
have it. Two conditions are two numbers and an AND, and a count is the bits of a number: whatever is combined, the work
is that of the blocks that may have an answer. An index of the database for each column would be touched twice by every
entry (when it is written, and when it gets its place), could not tell the sender of the document that an entry is
about, and leaves two conditions that are both frequent to a guess of the planner.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import TEXT, BigInteger, Column, Table, Text

from edxml_router.store.database.columns import Instant, Octets, converting, metadata

# Entries in a block; a set of them is at most 128 bytes. The last block, which is not full, is read at each question.
BLOCK: Final = 1024

postings = Table(
    "postings",
    metadata,
    Column("field", Text, primary_key=True),
    Column("value", Text().with_variant(TEXT(collation="C"), "postgresql"), primary_key=True),  # ordered by its bytes
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("places", Octets, nullable=False),  # see packed
    sqlite_with_rowid=False,
)

# The blocks that are indexed, from 0 on without a gap, and the times of their entries.
journal_blocks = Table(
    "journal_blocks",
    metadata,
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
)

_BITMAP: Final = BLOCK // 8
_FEW: Final = _BITMAP // 2 - 1  # so many places are shorter as numbers of two bytes


def packed(bits: int) -> bytes:
    """A set of places within a block, bit by bit in a number, as it is kept: few of them as numbers of two bytes, many
    as a bitmap of 128 bytes."""
    if bits.bit_count() > _FEW:
        return bits.to_bytes(_BITMAP, "little")
    return b"".join(place.to_bytes(2, "little") for place in places_in(bits))


def unpacked(kept: bytes) -> int:
    """The number that :func:`packed` was given. Raises Setback EDX610 for anything else."""
    if len(kept) == _BITMAP:
        return int.from_bytes(kept, "little")
    places = [kept[at] | kept[at + 1] << 8 for at in range(0, len(kept) & ~1, 2)]
    with converting():
        if len(kept) % 2 or (places and max(places) >= BLOCK):
            raise ValueError
    return bits_at(places)


def bits_at(places: Iterable[int]) -> int:
    """The set of these places, as a number."""
    bitmap = bytearray(_BITMAP)
    for place in places:
        bitmap[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(bitmap, "little")


def places_in(bits: int) -> list[int]:
    """The places in a set, in their order."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found
