"""Queries about inventories: :class:`SqlInventoryQueries` keeps the promises of
:class:`edxml_router.ports.witnesses.InventoryViews` in SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Engine, Select, inspect, select

from edxml_router.core.link.inventory.values import InventoryRound, LinkGap
from edxml_router.store.database.engine import reading
from edxml_router.store.inventory.book import gap_of, round_of
from edxml_router.store.inventory.tables import gap_notes, gaps, inventories


class SqlInventoryQueries:
    """See :class:`edxml_router.ports.witnesses.InventoryViews`. In a copy from before there were inventories, nothing
    is found."""

    engine: Engine

    def inventory_rounds(self, peer: str = "") -> Sequence[InventoryRound]:
        query = select(inventories).order_by(inventories.c.peer, inventories.c.reason, inventories.c.direction)
        return [round_of(row) for row in self._rows(query.where(inventories.c.peer == peer) if peer else query)]

    def link_gaps(
        self, peer: str = "", *, ended: bool = False, after: tuple[str, int] = ("", 0), limit: int = 100
    ) -> Sequence[tuple[int, LinkGap]]:
        name, number = after
        query = select(gaps).where((gaps.c.peer > name) | ((gaps.c.peer == name) & (gaps.c.id > number)))
        if peer:
            query = query.where(gaps.c.peer == peer)
        if not ended:
            query = query.where(gaps.c.ended_at.is_(None))
        return [(row.id, gap_of(row)) for row in self._rows(query.order_by(gaps.c.peer, gaps.c.id).limit(limit))]

    def link_gap_counts(self) -> Mapping[tuple[str, str], int]:
        query = select(gaps).where(gaps.c.ended_at.is_(None), gaps.c.excused.is_(False))
        counts: dict[tuple[str, str], int] = {}
        for row in self._rows(query):  # a bounded number of each neighbour
            key = (row.peer, gap_of(row).code)
            counts[key] = counts.get(key, 0) + 1
        return counts

    def gap_evidence(self, digest: str) -> bytes | None:
        [row] = self._rows(select(gap_notes.c.note).where(gap_notes.c.evidence == digest)) or [None]
        return bytes(row.note) if row else None

    def _rows(self, query: Select[Any]) -> Sequence[Any]:
        with reading(self.engine) as connection:
            if not inspect(connection).has_table(gaps.name):
                return ()
            return connection.execute(query).all()
