"""Deliveries as operators and e-offices ask about them: :class:`SqlDeliveryQueries` keeps the promises of
:class:`edxml_router.ports.views.MailView` in SQL, with the one of envelopes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import Engine, and_, case, func, select, text

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import AGES, InboxItem, Shape
from edxml_router.core.link.route import FROM_OFFICES, Route
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks, equal
from edxml_router.store.deliveries.table import OPEN, deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes, envelopes_of


class SqlDeliveryQueries:
    """See :class:`edxml_router.ports.views.MailView`."""

    engine: Engine

    def list_deliveries(
        self,
        *,
        digest: str = "",
        recipient: str = "",
        route: Route | None = None,
        code: str = "",
        states: Iterable[State] = (),
        accepted_before: datetime | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[Delivery]:
        query = select(deliveries).where(deliveries.c.id > after)
        query = equal(query, deliveries, digest=digest, recipient=recipient, route=route or "", code=code)
        wanted = list(states)
        if wanted:
            query = query.where(deliveries.c.state.in_(wanted))
        elif not digest:
            query = query.where(text(OPEN))
        if accepted_before is not None:
            query = query.join(envelopes, envelopes.c.digest == deliveries.c.digest)
            query = query.where(envelopes.c.accepted_at < accepted_before)
        with reading(self.engine) as connection:
            return delivery_rows(connection.execute(query.order_by(deliveries.c.id).limit(limit)))

    def deliveries_of(self, digests: Iterable[str]) -> Sequence[Delivery]:
        found: list[Delivery] = []
        with reading(self.engine) as connection:
            for chunk in chunks(sorted(set(digests))):
                query = select(deliveries).where(deliveries.c.digest.in_(chunk))
                found += delivery_rows(connection.execute(query.order_by(deliveries.c.digest, deliveries.c.recipient)))
        return found

    def offered_mail(self, beginning: str, recipient: str = "", limit: int = 10) -> Sequence[Delivery]:
        # In hex every continuation of a prefix sorts before the prefix with a "g".
        query = select(deliveries).where(deliveries.c.digest >= beginning, deliveries.c.digest < beginning + "g")
        query = equal(query, deliveries, recipient=recipient).where(deliveries.c.route.like(FROM_OFFICES))
        with reading(self.engine) as connection:
            return delivery_rows(connection.execute(query.order_by(deliveries.c.id).limit(limit)))

    def counts(self) -> Mapping[State, int]:
        query = select(deliveries.c.state, func.count().label("number")).group_by(deliveries.c.state)
        with reading(self.engine) as connection:
            found: dict[State, int] = {row.state: row.number for row in connection.execute(query)}
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
            shapes = [Shape(route, tuple(ages)) for route, *ages in connection.execute(query)]
        return sorted(shapes, key=lambda one: (-one.total, one.route))

    def inbox(self, agencies: Iterable[str], after: int = 0, limit: int = 100) -> Sequence[InboxItem]:
        query = (
            select(deliveries)
            .where(
                deliveries.c.recipient.in_(sorted(set(agencies))),
                deliveries.c.state == State.AVAILABLE,
                deliveries.c.id > after,
            )
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            waiting = delivery_rows(connection.execute(query))
            theirs = envelopes_of(connection, (one.digest for one in waiting))
        return [InboxItem(one, theirs[one.digest]) for one in waiting]
