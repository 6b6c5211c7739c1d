"""The table of bodies, and ``book.bodies``: :class:`edxml_router.ports.ledger.KeptBodies` in SQL.

Kept here up to a size; above it ``data`` is null and the bytes are in a file (:mod:`edxml_router.store.bodies.files`),
because databases handle large values badly: with a megabyte per row SQLite drops from thousands of commits a second to
about a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Table, Text

from edxml_router.core.body import Body
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.columns import Octets, metadata
from edxml_router.store.database.part import Part

INLINE_LIMIT: Final = 64 * 1024  # bytes

bodies = Table(
    "bodies",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("data", Octets),
)

_ADD: Final = Insert(bodies, ("digest", "size", "data"), "ON CONFLICT DO NOTHING")


class SqlBodies(Part):
    """See :class:`edxml_router.ports.ledger.KeptBodies`."""

    def __init__(self, connection: Connection, inline_limit: int) -> None:
        super().__init__(connection)
        self._inline_limit = inline_limit

    def add(self, bodies: Mapping[str, Body]) -> None:
        limit = self._inline_limit
        rows = [
            {
                "digest": digest,
                "size": body.size,
                "data": body.held if body.size <= limit else None,
            }
            for digest, body in sorted(bodies.items())
        ]
        self._write(_ADD, rows)
