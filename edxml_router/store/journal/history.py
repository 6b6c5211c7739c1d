"""The journal, and the story of an envelope or a delivery: :class:`SqlHistory` keeps the promises of
:class:`edxml_router.ports.views.History` in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from edxml_router.core.delivery.entries.reasons import FACT
from edxml_router.core.delivery.views import Damage, DeliveryHistory, EnvelopeHistory, JournalLine, Notice
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.reasons import words_behind
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.journal.retelling import accepted_under, retell
from edxml_router.store.journal.table import entry_columns, entry_of, journal
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
        told = retell(self.engine, digest, recipient, limit)
        if told.envelope is None:
            return None
        notes = select(receipts).where(receipts.c.envelope == digest)
        if recipient:
            notes = notes.where(receipts.c.recipient == recipient)
        with reading(self.engine) as connection:
            made = _read_notes(connection, notes.order_by(receipts.c.id).limit(limit))
        return EnvelopeHistory(
            told.envelope, told.deliveries, told.lines, made, told.hops, told.damages, tuple(told.untold)
        )

    def unfounded(self, digest: str) -> Sequence[Damage]:
        told = retell(self.engine, digest, "", limit=0)
        return told.damages if told.envelope is None else ()

    def accepted_under(self, document_id: str) -> Sequence[str]:
        return accepted_under(self.engine, document_id)

    def story(self, number: int, limit: int = 1000) -> DeliveryHistory | None:
        with reading(self.engine) as connection:
            found = delivery_rows(connection.execute(select(deliveries).where(deliveries.c.id == number)))
        if not found:
            return None
        digest, recipient = found[0].digest, found[0].recipient
        told = retell(self.engine, digest, recipient, limit)
        if told.envelope is None or not told.deliveries:
            return None
        lines = [line for line in told.lines if line.entry.recipient]
        return DeliveryHistory(told.deliveries[0], told.envelope, lines, told.damages)

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
    found = [JournalLine(row.id, row.position, entry_of(row), row.stamp) for row in rows]
    words = words_behind(connection, (line.entry for line in found))
    return [replace(line, reason=words.get(line.entry.facts.get(FACT, ""), "")) for line in found] if words else found


def _read_notes(connection: Connection, query: Select[Any]) -> list[Notice]:
    return [Notice(row.id, row.origin, receipt_of(row), row.sent_at) for row in connection.execute(query)]
