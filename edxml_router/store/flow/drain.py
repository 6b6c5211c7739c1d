"""A node that takes nothing new, in SQL: one row at most (:mod:`edxml_router.ports.flow.drain`).

It stands in the database, so it counts for all processes of a node on all machines, and after a restart.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Column, Engine, Integer, Table, func, insert, select, text

from edxml_router.core.delivery.halts import Drain, UnderWay
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.store.database.columns import Instant, metadata, words
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import Part
from edxml_router.store.deliveries.silences import silences
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.receipts.book import receipts

drains = Table(
    "drains",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("since", Instant, nullable=False),
    words("actor"),
    words("reason"),
)

_DRAIN: Final = select(drains.c.since, drains.c.actor, drains.c.reason)
_GROUPS: Final = (
    select(deliveries.c.route, deliveries.c.urgent, deliveries.c.state, deliveries.c.far_accepted, func.count())
    .where(text(OPEN))
    .group_by(deliveries.c.route, deliveries.c.urgent, deliveries.c.state, deliveries.c.far_accepted)
)
_UNSENT: Final = (
    select(receipts.c.origin, func.count()).where(receipts.c.sent_at.is_(None)).group_by(receipts.c.origin)
)


class SqlDrains(Part):
    """See :class:`edxml_router.ports.flow.drain.Drains`."""

    def drain(self) -> Drain | None:
        return _of(self._execute(_DRAIN).first())

    def begin_drain(self, drain: Drain) -> bool:
        if self.drain() is not None:
            return False
        self._execute(insert(drains), {"id": 1, **asdict(drain)})
        return True

    def end_drain(self) -> None:
        self._execute(drains.delete())


class SqlDrainQueries:
    """See :class:`edxml_router.ports.flow.drain.DrainViews`."""

    engine: Engine

    def drain(self) -> Drain | None:
        with reading(self.engine) as connection:
            return _of(connection.execute(_DRAIN).first())

    def under_way(self) -> UnderWay:
        with reading(self.engine) as connection:
            away = {(row.route, row.urgent) for row in connection.execute(select(silences.c.route, silences.c.urgent))}
            groups = connection.execute(_GROUPS).all()
            unsent = connection.execute(_UNSENT).all()
        mine = waiting = answers = 0
        for route, urgent, state, far_accepted, count in groups:
            if far_accepted or state in (State.FORWARDED, State.AVAILABLE):
                answers += count
            elif state in (State.HELD, State.DEFERRED) or (route.is_link and (route, urgent) in away):
                waiting += count
            elif state not in ENDS:
                mine += count
        told = sum(count for origin, count in unsent if origin.is_link and (origin, False) not in away)
        return UnderWay(mine, told, waiting, answers)


def _of(row: Any) -> Drain | None:
    return Drain(**row._mapping) if row is not None else None
