"""The journal as offices follow it: in the order of its places, each entry with the delivery that it is about.

:class:`SqlFeed` keeps the promises of :class:`edxml_router.ports.views.Feed` in SQL. Places are given after the commit
and leave none open, so who has read up to one misses nothing that comes later, whichever transaction was slow: ids, and
times, promise no such thing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import Engine, bindparam, func, select

from edxml_router.core.delivery.entries.reasons import FACT
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.views import FeedHead, FeedLine, InboxItem
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.reasons import words_behind
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes_of
from edxml_router.store.epochs.tables import identity
from edxml_router.store.journal.table import checkpoints, entry_of, journal

_PAIR: Final = (deliveries.c.digest == journal.c.envelope) & (deliveries.c.recipient == journal.c.recipient)
_NUMBERED: Final = select(deliveries).where(deliveries.c.id.in_(bindparam("keys", expanding=True)))
_HEAD: Final = select(func.max(checkpoints.c.size)).scalar_subquery()
_EPOCH: Final = select(identity.c.epoch).limit(1).scalar_subquery()


class SqlFeed:
    """See :class:`edxml_router.ports.views.Feed`."""

    engine: Engine

    def feed_head(self) -> FeedHead:
        with reading(self.engine) as connection:
            row = connection.execute(select(_EPOCH.label("epoch"), _HEAD.label("size"))).one()
        return FeedHead(row.epoch or "", row.size or 0)

    def feed(
        self, after: int, until: int, *, office: Route | None = None, events: Collection[str] = (), limit: int = 1000
    ) -> Sequence[FeedLine]:
        query = (
            select(journal.c.id, journal.c.position, journal.c.entry, deliveries.c.route, deliveries.c.origin)
            .join(deliveries, _PAIR)
            .where(journal.c.position >= after, journal.c.position < until, journal.c.position.is_not(None))
        )
        if office is not None:
            query = query.where((deliveries.c.route == office) | (deliveries.c.origin == office))
        if events:
            query = query.where(journal.c.event.in_(sorted(events)))
        with reading(self.engine) as connection:
            rows = connection.execute(query.order_by(journal.c.position).limit(limit)).all()
            entries = [entry_of(row) for row in rows]
            words = words_behind(connection, entries)
        return [
            FeedLine(row.position, entry, row.route, row.origin, words.get(entry.facts.get(FACT, ""), ""))
            for row, entry in zip(rows, entries, strict=True)
        ]

    def ready_for(
        self, office: Route, agencies: Collection[str], *, after: int = 0, limit: int = 100
    ) -> Sequence[InboxItem]:
        query = (
            select(deliveries)
            .where(
                deliveries.c.recipient.in_(sorted(agencies)),
                deliveries.c.state == State.AVAILABLE,
                deliveries.c.route == office,
                deliveries.c.id > after,
            )
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        return self._items(query)

    def offered_to(
        self, office: Route, event: str, after: int, until: int, limit: int
    ) -> Sequence[tuple[int, InboxItem]]:
        query = (
            select(journal.c.position, deliveries.c.id)
            .join(deliveries, _PAIR)
            .where(
                journal.c.position >= after,
                journal.c.position < until,
                journal.c.position.is_not(None),
                journal.c.event == event,
                deliveries.c.route == office,
                deliveries.c.state == State.AVAILABLE,
            )
            .order_by(journal.c.position)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
            whole = delivery_rows(connection.execute(_NUMBERED, {"keys": sorted({row.id for row in rows})}))
            by_number = {one.id: one for one in whole}
            found = [by_number[row.id] for row in rows]
            theirs = envelopes_of(connection, (one.digest for one in found))
        items = [InboxItem(one, theirs[one.digest]) for one in found]
        return list(zip((row.position for row in rows), items, strict=True))

    def _items(self, query: Any) -> list[InboxItem]:
        with reading(self.engine) as connection:
            found = delivery_rows(connection.execute(query))
            theirs = envelopes_of(connection, (one.digest for one in found))
        return [InboxItem(one, theirs[one.digest]) for one in found]
