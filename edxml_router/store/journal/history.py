"""The journal, and the story of an envelope or a delivery: :class:`SqlHistory` keeps the promises of
:class:`edxml_router.ports.views.History` in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.views import DeliveryHistory, EnvelopeHistory, JournalLine, Notice
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes_of
from edxml_router.store.journal.table import entry_columns, journal
from edxml_router.store.receipts.book import receipt_of, receipts


class SqlHistory:
    """See :class:`edxml_router.ports.views.History`."""

    engine: Engine

    def lines(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        event: str = "",
        envelope: str = "",
        recipient: str = "",
        code: str = "",
        actor: str = "",
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[JournalLine]:
        query = _lines(envelope, recipient, after, limit)
        if since is not None:
            query = query.where(journal.c.at >= since)
        if until is not None:
            query = query.where(journal.c.at < until)
        if event:
            group = event.endswith(".")
            within = journal.c.event.startswith(event, autoescape=True) if group else journal.c.event == event
            query = query.where(within)
        if code:
            query = query.where(journal.c.code == code)
        if actor:
            query = query.where(journal.c.actor == actor)
        with reading(self.engine) as connection:
            return _read_lines(connection, query)

    def trace(self, digest: str, recipient: str = "", limit: int = 1000) -> EnvelopeHistory | None:
        about = select(deliveries).where(deliveries.c.digest == digest)
        told = select(receipts).where(receipts.c.envelope == digest)
        if recipient:
            about = about.where(deliveries.c.recipient == recipient)
            told = told.where(receipts.c.recipient == recipient)
        with reading(self.engine) as connection:
            envelope = envelopes_of(connection, [digest]).get(digest)
            if envelope is None:
                return None
            entries = _read_lines(connection, _lines(digest, recipient, 0, limit))
            standing = delivery_rows(connection.execute(about.order_by(deliveries.c.id).limit(limit)))
            notes = _read_notes(connection, told.order_by(receipts.c.id).limit(limit))
        if recipient:  # the acceptance is part of every recipient's story
            accepted = [line for line in self.lines(envelope=digest, limit=1) if not line.entry.recipient]
            entries = [*accepted, *entries]
        return EnvelopeHistory(envelope, standing, entries, notes)

    def story(self, number: int, limit: int = 1000) -> DeliveryHistory | None:
        with reading(self.engine) as connection:
            found = delivery_rows(connection.execute(select(deliveries).where(deliveries.c.id == number)))
            if not found:
                return None
            [delivery] = found
            [envelope] = envelopes_of(connection, [delivery.digest]).values()
            entries = _read_lines(connection, _lines(delivery.digest, delivery.recipient, 0, limit))
        return DeliveryHistory(delivery, envelope, entries)

    def notices(self, origin: Route, after: int = 0, limit: int = 100) -> Sequence[Notice]:
        query = select(receipts).where(receipts.c.origin == origin, receipts.c.sent_at.is_(None), receipts.c.id > after)
        with reading(self.engine) as connection:
            return _read_notes(connection, query.order_by(receipts.c.id).limit(limit))


def _lines(envelope: str, recipient: str, after: int, limit: int) -> Select[Any]:
    query = select(journal.c.id).where(journal.c.id > after)
    if envelope:
        # The second condition lets SQLite see that the partial index on envelopes applies.
        # A beginning of a digest: in hex all that continues it sorts before it with a "g".
        whole = len(envelope) == 64
        which = journal.c.envelope == envelope if whole else journal.c.envelope.between(envelope, envelope + "g")
        query = query.where(which, journal.c.envelope != "")
    if recipient:
        query = query.where(journal.c.recipient == recipient)
    return query.order_by(journal.c.id).limit(limit)


def _read_lines(connection: Connection, query: Select[Any]) -> list[JournalLine]:
    rows = connection.execute(query.with_only_columns(*entry_columns(connection)))
    return [JournalLine(row.id, row.position, Entry.read(bytes(row.entry)), row.stamp) for row in rows]


def _read_notes(connection: Connection, query: Select[Any]) -> list[Notice]:
    return [Notice(row.id, row.origin, receipt_of(row), row.sent_at) for row in connection.execute(query)]
