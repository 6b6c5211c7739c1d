"""What has no end yet, counted by where it goes: one pass over the open deliveries.

for group in waiting_groups(ledger.engine): group.route, group.count, group.since
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select, text

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.envelopes.table import envelopes


@dataclass(frozen=True, slots=True)
class WaitingGroup:
    """Open deliveries of one route, state and urgency: how many, and when the envelope of the first was accepted."""

    route: Route
    state: State
    urgent: bool
    count: int
    since: datetime


def waiting_groups(engine: Engine) -> list[WaitingGroup]:
    """All groups. Numbers of deliveries rise, so the first of a group is its oldest, and no envelope is read but that
    one's. Raises Setback EDX602."""
    columns = (deliveries.c.route, deliveries.c.state, deliveries.c.urgent)
    groups = (
        select(*columns, func.count().label("count"), func.min(deliveries.c.id).label("first"))
        .where(text(OPEN))
        .group_by(*columns)
        .subquery()
    )
    query = (
        select(groups.c.route, groups.c.state, groups.c.urgent, groups.c.count, envelopes.c.accepted_at)
        .join(deliveries, deliveries.c.id == groups.c.first)
        .join(envelopes, envelopes.c.digest == deliveries.c.digest)
    )
    with reading(engine) as connection:
        return [WaitingGroup(*row) for row in connection.execute(query)]
