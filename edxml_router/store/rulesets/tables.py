"""The tables of the rules that decisions were made by."""

from __future__ import annotations

import zlib
from typing import Final

from sqlalchemy import BigInteger, Column, Table, Text

from edxml_router.store.database.columns import Instant, Number, Octets, metadata

PART_MAX: Final = 64 * 1024 * 1024  # bytes that a part may unpack to; those of the program have far fewer

# Bytes by their SHA-256, packed by zlib. Sets share what has not changed between them.
rule_parts = Table(
    "rule_parts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("data", Octets, nullable=False),
)

# There is an entry for each row, which has the digest too.
applied_rules = Table(
    "applied_rules",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("digest", Text, nullable=False),
)


def packed_part(data: bytes) -> bytes:
    return zlib.compress(data)


def unpacked_part(data: bytes) -> bytes | None:
    """The bytes of a part; None for what is no packed part."""
    try:
        unpacking = zlib.decompressobj()
        found = unpacking.decompress(data, PART_MAX)
    except zlib.error:
        return None
    return found if unpacking.eof else None
