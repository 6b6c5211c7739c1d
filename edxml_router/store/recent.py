"""What went where lately, and how long it took: out of the newest deliveries, a bounded number of them.

flow = recent_flow(ledger.engine, now)
flow.since, flow.complete        # the scope of every number in it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, func, select

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.journal.table import journal

SPAN: Final = timedelta(hours=24)
MOST_RECENT: Final = 20_000  # deliveries that are looked at
ENTRIES_LOOKED: Final = 20_000  # of the journal


@dataclass(frozen=True, slots=True)
class RecentDelivery:
    """One delivery: accepted when, on which way, and when it was confirmed, if it was."""

    route: Route
    accepted_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class RecentFlow:
    """The deliveries accepted from ``since`` on; ``complete``: all of the last :data:`SPAN`, and not only the newest
    :data:`MOST_RECENT` of them."""

    since: datetime
    complete: bool
    deliveries: Sequence[RecentDelivery]


def recent_flow(engine: Engine, now: datetime) -> RecentFlow:
    """Numbers of deliveries rise with time, so the newest are found without an index of their own. Raises Setback
    EDX602."""
    columns = (deliveries.c.id, deliveries.c.route, deliveries.c.state, deliveries.c.ended_at, envelopes.c.accepted_at)
    with reading(engine) as connection:
        newest = connection.execute(select(func.max(deliveries.c.id))).scalar_one() or 0
        least = newest - MOST_RECENT
        query = (
            select(*columns)
            .join(envelopes, envelopes.c.digest == deliveries.c.digest)
            .where(deliveries.c.id > least, envelopes.c.accepted_at >= now - SPAN)
            .order_by(deliveries.c.id)
        )
        rows = connection.execute(query).all()
    found = [
        RecentDelivery(row.route, row.accepted_at, row.ended_at if row.state is State.CONFIRMED else None)
        for row in rows
    ]
    # The first looked at is within the span: there may be more of the span before it.
    complete = not rows or rows[0].id > least + 1 or least <= 0
    return RecentFlow(now - SPAN if complete else found[0].accepted_at, complete, found)


def last_entries(engine: Engine) -> Mapping[str, datetime]:
    """When each actor was last heard of, by the newest :data:`ENTRIES_LOOKED` entries of the journal; who is not among
    them was not heard of for longer. Raises Setback EDX602."""
    newest = select(func.coalesce(func.max(journal.c.id), 0)).scalar_subquery()
    query = (
        select(journal.c.actor, func.max(journal.c.at).label("at"))
        .where(journal.c.id > newest - ENTRIES_LOOKED)
        .group_by(journal.c.actor)
    )
    with reading(engine) as connection:
        return {row.actor: row.at for row in connection.execute(query)}
