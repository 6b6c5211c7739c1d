"""Envelopes and deliveries as operators and e-offices ask about them: :class:`SqlMail` keeps the promises of
:class:`edxml_router.ports.views.Mail` in SQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, Text, and_, case, exists, func, or_, select, text, type_coerce

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.delivery.views import AGES, Found, Shape, Waiting
from edxml_router.core.message.document_id import comparable
from edxml_router.store.database.engine import reading
from edxml_router.store.tables import CHANGES, OPEN, deliveries, envelopes

_AT_ONCE: Final = 1000  # keys in one query


class SqlMail:
    """See :class:`edxml_router.ports.views.Mail`."""

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
        before: tuple[datetime, str] | None = None,
        limit: int = 50,
    ) -> Sequence[Found]:
        query = select(envelopes)
        if digest:
            # In hex every continuation of a prefix sorts before the prefix with a "g".
            query = query.where(envelopes.c.digest >= digest, envelopes.c.digest < digest + "g")
        query = _equal(query, envelopes, document_key=comparable(document_id), sender=sender)
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
            rows = [EnvelopeRow(*row) for row in connection.execute(query)]
            states = _states(connection, [row.digest for row in rows])
        return [Found(row, states.get(row.digest, {})) for row in rows]

    def changes(self, envelope: EnvelopeRow) -> Sequence[Found]:
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
            found = [EnvelopeRow(*row) for row in connection.execute(query)]
            rows = [row for row in found if envelope.document_key in row.refers_to and row.digest != envelope.digest]
            states = _states(connection, [row.digest for row in rows])
        return [Found(row, states.get(row.digest, {})) for row in rows]

    def document_ids(self, digests: Iterable[str]) -> Mapping[str, str]:
        query = select(envelopes.c.digest, envelopes.c.document_id)
        wanted, found = sorted(set(digests)), {}
        with reading(self.engine) as connection:
            for start in range(0, len(wanted), _AT_ONCE):
                chunk = query.where(envelopes.c.digest.in_(wanted[start : start + _AT_ONCE]))
                found.update({row.digest: row.document_id for row in connection.execute(chunk)})
        return found

    def list_deliveries(
        self,
        *,
        digest: str = "",
        recipient: str = "",
        route: str = "",
        code: str = "",
        states: Iterable[State] = (),
        accepted_before: datetime | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Delivery]:
        query = select(deliveries).where(deliveries.c.id > after)
        query = _equal(query, deliveries, digest=digest, recipient=recipient, route=route, code=code)
        wanted = list(states)
        if wanted:
            query = query.where(deliveries.c.state.in_(wanted))
        elif not digest:
            query = query.where(text(OPEN))
        if accepted_before is not None:
            query = query.join(envelopes, envelopes.c.digest == deliveries.c.digest)
            query = query.where(envelopes.c.accepted_at < accepted_before)
        with reading(self.engine) as connection:
            return [Delivery(*row) for row in connection.execute(query.order_by(deliveries.c.id).limit(limit))]

    def one_delivery(self, number: int) -> Delivery | None:
        with reading(self.engine) as connection:
            row = connection.execute(select(deliveries).where(deliveries.c.id == number)).one_or_none()
        return Delivery(*row) if row else None

    def offered_mail(self, beginning: str, recipient: str = "", limit: int = 10) -> Sequence[Delivery]:
        # In hex every continuation of a prefix sorts before the prefix with a "g".
        query = select(deliveries).where(deliveries.c.digest >= beginning, deliveries.c.digest < beginning + "g")
        query = _equal(query, deliveries, recipient=recipient).where(deliveries.c.route.like("office:%"))
        with reading(self.engine) as connection:
            return [Delivery(*row) for row in connection.execute(query.order_by(deliveries.c.id).limit(limit))]

    def counts(self) -> Mapping[State, int]:
        query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        with reading(self.engine) as connection:
            found: dict[State, int] = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in State}

    def shape(self, now: datetime) -> Sequence[Shape]:
        minute = timedelta(minutes=1)
        bounds = [now - age * minute for age in AGES]
        youngest = case((envelopes.c.accepted_at > bounds[0], 1), else_=0)
        middle = [
            case((and_(envelopes.c.accepted_at > lower, envelopes.c.accepted_at <= upper), 1), else_=0)
            for upper, lower in pairwise(bounds)
        ]
        oldest = case((envelopes.c.accepted_at <= bounds[-1], 1), else_=0)
        query = (
            select(deliveries.c.route, *(func.sum(bucket) for bucket in (youngest, *middle, oldest)))
            .join(envelopes, envelopes.c.digest == deliveries.c.digest)
            .where(text(OPEN))
            .group_by(deliveries.c.route)
        )
        with reading(self.engine) as connection:
            shapes = [Shape(row[0], tuple(row[1:])) for row in connection.execute(query)]
        return sorted(shapes, key=lambda one: (-one.total, one.route))

    def inbox(self, agencies: Iterable[str], after: int = 0, limit: int = 100) -> Sequence[Waiting]:
        query = (
            select(deliveries, envelopes)
            .join(envelopes, envelopes.c.digest == deliveries.c.digest)
            .where(
                deliveries.c.recipient.in_(sorted(set(agencies))),
                deliveries.c.state == State.AVAILABLE,
                deliveries.c.id > after,
            )
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        width = len(deliveries.columns)
        with reading(self.engine) as connection:
            return [Waiting(Delivery(*row[:width]), EnvelopeRow(*row[width:])) for row in connection.execute(query)]


def _states(connection: Connection, digests: Sequence[str]) -> dict[str, dict[State, int]]:
    query = (
        select(deliveries.c.digest, deliveries.c.state, func.count())
        .where(deliveries.c.digest.in_(digests))
        .group_by(deliveries.c.digest, deliveries.c.state)
    )
    states: dict[str, dict[State, int]] = {}
    for digest, state, count in connection.execute(query):
        states.setdefault(digest, {})[state] = count
    return states


def _equal(query: Select[Any], table: Any, **values: str) -> Select[Any]:
    for name, value in values.items():
        if value:
            query = query.where(table.c[name] == value)
    return query
