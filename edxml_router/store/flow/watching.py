"""What a node has done in the last minute, by the newest entries of its journal: a read of bounded length.

pace = pace_of(ledger.engine, now)     # pace.accepted, pace.per_second
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, func, select

from edxml_router.core.delivery.journal import DELIVERY_EVENTS, ENVELOPE_ACCEPTED
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.table import journal

MOST_ENTRIES: Final = 20_000  # that are read
WINDOW: Final = timedelta(minutes=1)
_FAILED: Final = tuple(DELIVERY_EVENTS[each] for each in (Event.RETURN, Event.EXPIRE, Event.CANCEL))


@dataclass(frozen=True, slots=True)
class MinutePace:
    """What happened within ``seconds``, which is a minute unless so much happens that a part of it is counted."""

    seconds: float
    accepted: int
    forwarded: int
    offered: int
    confirmed: int
    failed: int
    entries: int


def pace_of(engine: Engine, now: datetime) -> MinutePace:
    """Raises Setback EDX602."""
    with reading(engine) as connection:
        last = connection.execute(select(func.max(journal.c.id))).scalar_one_or_none() or 0
        newest = (
            select(journal.c.event, journal.c.at)
            .where(journal.c.id > last - MOST_ENTRIES, journal.c.at > now - WINDOW)
            .subquery()
        )
        rows = connection.execute(
            select(newest.c.event, func.count(), func.min(newest.c.at)).group_by(newest.c.event)
        ).all()
    counts = {event: count for event, count, _ in rows}
    entries, since = sum(counts.values()), min((at for _, _, at in rows), default=now)
    whole = entries < MOST_ENTRIES
    seconds = WINDOW.total_seconds() if whole else max(1.0, (now - since).total_seconds())
    return MinutePace(
        seconds,
        counts.get(ENVELOPE_ACCEPTED, 0),
        counts.get(DELIVERY_EVENTS[Event.HAND_OVER], 0),
        counts.get(DELIVERY_EVENTS[Event.OFFER], 0),
        counts.get(DELIVERY_EVENTS[Event.CONFIRM], 0),
        sum(counts.get(event, 0) for event in _FAILED),
        entries,
    )
