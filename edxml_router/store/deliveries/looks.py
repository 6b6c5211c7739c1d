"""Mail that has left and is unanswered: which mailboxes to look at, and how much lies in them.

:class:`SqlMailboxes` is ``book.mailboxes`` in SQL. Looking does not change a delivery: its version stays, and there is
no journal entry. The statements skip deliveries that have changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Boolean, Engine, Select, bindparam, func, literal_column, select, text, update

from edxml_router.core.delivery.journal import DELIVERY_EVENTS
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.values import Delivery, UnansweredMail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.store.database.columns import Instant, Wording
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.chains import MAY_BE_LAID
from edxml_router.store.deliveries.silences import SilenceNotes
from edxml_router.store.deliveries.table import OPEN, deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.journal.table import journal

ROOM_WANTED: Final = "EDX614"  # what waits for room in its neighbour's mailbox

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_ROUTES: Final[Any] = bindparam("routes", expanding=True)
_NOW: Final = bindparam("now", type_=Instant)
_UNTIL: Final = bindparam("until", type_=Instant)
_LIMIT: Final[Any] = bindparam("limit")
_HANDED: Final = bindparam("handed_at", type_=Instant)

# The first conditions are there for SQLite to find the index.
_FORWARDED: Final = text(f"{OPEN} AND state = 'forwarded'")
_OFFERED: Final = text(f"{OPEN} AND state = 'available'")
_FAR_ACCEPTED: Final = deliveries.c.far_accepted == bindparam("far_accepted", type_=Boolean)


def _due(*which: Any) -> Select[Any]:
    return (
        select(deliveries)
        .where(*which, deliveries.c.due_at <= _NOW, deliveries.c.expires_at > _NOW)
        .order_by(deliveries.c.due_at, deliveries.c.id)
        .limit(_LIMIT)
        .with_for_update(skip_locked=True)
    )


_OVERDUE: Final = _due(_FORWARDED, deliveries.c.route.in_(_ROUTES), _FAR_ACCEPTED)
_OFFERS: Final = _due(_OFFERED, deliveries.c.route.in_(_ROUTES), _FAR_ACCEPTED, MAY_BE_LAID)
_STRAYS: Final = _due(_FORWARDED, deliveries.c.route.not_in(_ROUTES))
_LEASE: Final = update(deliveries).where(deliveries.c.id.in_(_KEYS)).values(due_at=_UNTIL)
# Workers that ended with it in hand are counted here; an outcome resets the count (_LOOK_AGAIN).
_LEASE_OFFERS: Final = _LEASE.values(
    attempts=deliveries.c.attempts + literal_column("1"), lapses=deliveries.c.lapses + literal_column("1")
)
_LOOKED_AT: Final = text("state IN ('forwarded', 'available')")
_ASKED: Final = update(deliveries).where(_LOOKED_AT, deliveries.c.id.in_(_KEYS)).values(asked_at=_NOW)
_LOOK_AGAIN: Final = (
    update(deliveries)
    .where(_LOOKED_AT, deliveries.c.id.in_(_KEYS))
    .values(due_at=_UNTIL, code=bindparam("code"), detail=bindparam("detail", type_=Wording), lapses=0)
)
_LAID: Final = _LOOK_AGAIN.values(handed_at=_HANDED)


def _letters(*which: Any) -> Select[Any]:
    """One row for each message: route, urgency, size, and since when."""
    return (
        select(
            deliveries.c.route,
            deliveries.c.urgent,
            func.max(envelopes.c.size).label("size"),
            func.min(deliveries.c.handed_at).label("since"),
        )
        .select_from(deliveries.join(envelopes, deliveries.c.digest == envelopes.c.digest))
        .where(*which, deliveries.c.route.in_(_ROUTES), _FAR_ACCEPTED, deliveries.c.handed_at.is_not(None))
    )


def _sums(letters: Select[Any]) -> Select[Any]:
    each = letters.subquery()
    return select(
        each.c.route,
        each.c.urgent,
        func.count().label("messages"),
        func.sum(each.c.size).label("size"),
        func.min(each.c.since).label("since"),
    ).group_by(each.c.route, each.c.urgent)


_LYING: Final = _sums(_letters(_FORWARDED).group_by(deliveries.c.route, deliveries.c.urgent, deliveries.c.digest))
_LYING_OFFERS: Final = _sums(_letters(_OFFERED).group_by(deliveries.c.route, deliveries.c.urgent, deliveries.c.id))
_WANTING: Final = (
    select(deliveries.c.id)
    .where(
        text(f"{OPEN} AND state IN ('deferred', 'available')"),
        deliveries.c.route == bindparam("route"),
        _FAR_ACCEPTED,
        deliveries.c.code == ROOM_WANTED,
        deliveries.c.due_at > _NOW,
    )
    .order_by(deliveries.c.due_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)

_COPIES: Final = (
    select(journal.c.envelope, journal.c.recipient, func.count().label("times"))
    .where(
        text("envelope <> ''"),  # for the index
        journal.c.envelope.in_(_KEYS),
        journal.c.event == DELIVERY_EVENTS[Event.HAND_OVER],
    )
    .group_by(journal.c.envelope, journal.c.recipient)
)
_KEPT_HERE: Final = (
    select(deliveries.c.route, func.count().label("deliveries"))
    .where(text(f"{OPEN} AND state IN ('deferred', 'available')"), deliveries.c.code == ROOM_WANTED)
    .group_by(deliveries.c.route)
)


def wanting(engine: Engine) -> Mapping[Route, int]:
    """How many deliveries wait here for room in a mailbox, by route."""
    with reading(engine) as connection:
        return {row.route: row.deliveries for row in connection.execute(_KEPT_HERE)}


class SqlMailboxes(SilenceNotes):
    """See :class:`edxml_router.ports.ledger.Mailboxes`."""

    def overdue(self, now: datetime, until: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        due: list[Delivery] = []
        for far_accepted in (False, True):  # first what may be lost; an accepted letter is safe somewhere
            if len(due) < limit:
                values = {"now": now, "limit": limit - len(due), "routes": list(routes), "far_accepted": far_accepted}
                due += self._take(_OVERDUE, values, until)
        return due

    def strays(self, now: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        return delivery_rows(self._execute(_STRAYS, {"now": now, "limit": limit, "routes": list(routes)}))

    def offered(self, now: datetime, until: datetime, limit: int, routes: Sequence[Route]) -> Sequence[Delivery]:
        values = {"now": now, "limit": limit, "routes": list(routes), "far_accepted": False}
        return [replace(one, attempts=one.attempts + 1) for one in self._take(_OFFERS, values, until, _LEASE_OFFERS)]

    def _take(
        self, which: Select[Any], values: Mapping[str, Any], until: datetime, lease: Any = _LEASE
    ) -> Sequence[Delivery]:
        due = delivery_rows(self._execute(which, values))
        if lease is _LEASE_OFFERS:  # of those that a worker ended with, one at a time: it may not be their fault
            doubtful = [one for one in due if one.lapses]
            due = [one for one in due if one not in doubtful[1:]]
        if due:
            self._execute(lease, {"keys": sorted(one.id for one in due), "until": until})
        return [replace(one, due_at=until) for one in due]

    def asked_about(self, numbers: Collection[int], at: datetime | None) -> None:
        self._execute(_ASKED, {"keys": sorted(numbers), "now": at})

    def look_again(
        self, numbers: Collection[int], at: datetime, problem: Finding | None, handed_at: datetime | None = None
    ) -> None:
        told = {"code": problem.code if problem else "", "detail": problem.detail if problem else ""}
        values = {"keys": sorted(numbers), "until": at, **told}
        if handed_at is None:
            self._execute(_LOOK_AGAIN, values)
        else:
            self._execute(_LAID, {**values, "handed_at": handed_at})

    def lying(self, routes: Collection[Route]) -> Mapping[tuple[Route, bool], UnansweredMail]:
        found: dict[tuple[Route, bool], UnansweredMail] = {}
        links, offices = [each for each in routes if each.is_link], [each for each in routes if each.is_office]
        for here, letters in ((links, _LYING), (offices, _LYING_OFFERS)):
            if here:
                rows = self._execute(letters, {"routes": here, "far_accepted": False})
                found |= {
                    (row.route, row.urgent): UnansweredMail(row.messages, int(row.size), row.since) for row in rows
                }
        return found

    def copies(self, digests: Collection[str]) -> Mapping[tuple[str, str], int]:
        return {(row.envelope, row.recipient): row.times for row in self._by_keys(_COPIES, digests)}

    def make_room(self, routes: Collection[Route], now: datetime, limit: int) -> None:
        for route in sorted(routes):
            values = {"route": route, "now": now, "limit": limit, "far_accepted": False}
            keys = list(self._execute(_WANTING, values).scalars())
            if keys:
                self._execute(_LEASE, {"keys": keys, "until": now})
