"""Envelopes as operators and e-offices ask about them: :class:`SqlEnvelopeQueries` keeps the promises of
:class:`edxml_router.ports.views.MailView` in SQL, with the one of deliveries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, Text, and_, exists, func, or_, select, text, type_coerce

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import FoundEnvelope
from edxml_router.core.message.document_id import comparable
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks, equal
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import CHANGES, HANDED_IN, envelope_rows, envelopes


class SqlEnvelopeQueries:
    """See :class:`edxml_router.ports.views.MailView`."""

    engine: Engine

    def find_envelopes(
        self,
        *,
        digest: str = "",
        document_id: str = "",
        sender: str = "",
        recipient: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        state: State | None = None,
        code: str = "",
        office: str = "",
        kind: str = "",
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> Sequence[FoundEnvelope]:
        query = select(envelopes)
        if digest:
            # In hex every continuation of a prefix sorts before the prefix with a "g".
            query = query.where(envelopes.c.digest >= digest, envelopes.c.digest < digest + "g")
        query = equal(query, envelopes, document_key=comparable(document_id), sender=sender, kind=kind)
        if office:
            query = query.where(text(HANDED_IN), envelopes.c.peer == office)
        if since is not None:
            query = query.where(envelopes.c.accepted_at >= since)
        if until is not None:
            query = query.where(envelopes.c.accepted_at < until)
        if recipient or state or code:
            theirs = [deliveries.c.digest == envelopes.c.digest]
            theirs += [deliveries.c.recipient == recipient] if recipient else []
            theirs += [deliveries.c.state == state] if state else []
            theirs += [deliveries.c.code == code] if code else []
            query = query.where(exists().where(and_(*theirs)))
        if before is not None:
            at, last = before
            same = and_(envelopes.c.accepted_at == at, envelopes.c.digest < last)
            query = query.where(or_(envelopes.c.accepted_at < at, same))
        query = query.order_by(envelopes.c.accepted_at.desc(), envelopes.c.digest.desc()).limit(limit)
        with reading(self.engine) as connection:
            rows = envelope_rows(connection.execute(query))
            states = _states(connection, [row.digest for row in rows])
        return [FoundEnvelope(row, states.get(row.digest, {})) for row in rows]

    def standing(self, digests: Iterable[str], recipient: str = "") -> Mapping[str, Mapping[State, int]]:
        with reading(self.engine) as connection:
            return states_of(connection, digests, recipient)

    def changes(self, envelope: EnvelopeRow) -> Sequence[FoundEnvelope]:
        if not envelope.document_key:
            return ()
        written = json.dumps(envelope.document_key, ensure_ascii=False)
        query = (
            select(envelopes)
            .where(
                text(CHANGES),
                envelopes.c.sender == envelope.sender,
                type_coerce(envelopes.c.refers_to, Text).contains(written, autoescape=True),
            )
            .order_by(envelopes.c.accepted_at, envelopes.c.digest)
        )
        with reading(self.engine) as connection:
            found = envelope_rows(connection.execute(query))
            rows = [row for row in found if envelope.document_key in row.refers_to and row.digest != envelope.digest]
            states = _states(connection, [row.digest for row in rows])
        return [FoundEnvelope(row, states.get(row.digest, {})) for row in rows]

    def document_ids(self, digests: Iterable[str]) -> Mapping[str, str]:
        query = select(envelopes.c.digest, envelopes.c.document_id)
        found: dict[str, str] = {}
        with reading(self.engine) as connection:
            for chunk in chunks(sorted(set(digests))):
                rows = connection.execute(query.where(envelopes.c.digest.in_(chunk)))
                found.update({row.digest: row.document_id for row in rows})
        return found


def states_of(
    connection: Connection, digests: Iterable[str], recipient: str = ""
) -> dict[str, Mapping[State, int]]:
    """See :meth:`edxml_router.ports.views.MailView.standing`."""
    code = recipient.rstrip(".")
    theirs = [deliveries.c.recipient == code] if code else []
    if code != recipient:
        theirs = [or_(*theirs, deliveries.c.recipient.startswith(f"{code}.", autoescape=True))]
    found: dict[str, Mapping[State, int]] = {}
    for chunk in chunks(sorted(set(digests))):
        found |= _states(connection, chunk, *theirs)
    return found


def _states(
    connection: Connection, digests: Sequence[str], *theirs: ColumnElement[bool]
) -> dict[str, dict[State, int]]:
    query = (
        select(deliveries.c.digest, deliveries.c.state, func.count().label("number"))
        .where(deliveries.c.digest.in_(digests), *theirs)
        .group_by(deliveries.c.digest, deliveries.c.state)
    )
    states: dict[str, dict[State, int]] = {}
    for row in connection.execute(query):
        states.setdefault(row.digest, {})[row.state] = row.number
    return states
