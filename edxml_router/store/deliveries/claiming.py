"""Which deliveries a worker leases: those due, in order, each with all that share its body and its link.

The implementation of ``book.deliveries.claim``. Deliveries blocked by an earlier one of their document are skipped
(:mod:`edxml_router.store.deliveries.chains`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, case, func, literal_column, select, text, update

from edxml_router.core.delivery import shares
from edxml_router.core.delivery.entries.facts import delivery_facts
from edxml_router.core.delivery.journal import DELIVERY_EVENTS, Entry
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import LIST_LIMIT
from edxml_router.core.link.route import Route
from edxml_router.store.database.columns import Instant
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.chains import MAY_GO, PATIENCE
from edxml_router.store.deliveries.table import CLAIMABLE, deliveries, delivery_rows
from edxml_router.store.journal.book import JournalledPart

_Places = Collection[tuple[Route, bool]]  # routes and urgencies

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_NOW: Final = bindparam("now", type_=Instant)
_UNTIL: Final = bindparam("until", type_=Instant)

_READY: Final = (
    select(deliveries)
    .where(text(CLAIMABLE), deliveries.c.due_at <= _NOW, deliveries.c.expires_at > _NOW, MAY_GO)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
# One query for urgent and one for ordinary mail: each is a range of the index. A single query would scan all urgent
# deliveries that are not due yet before the first ordinary one.
_DUE: Final = _READY.where(deliveries.c.urgent == bindparam("urgent")).order_by(deliveries.c.due_at, deliveries.c.id)
_DUE_WITHOUT: Final = _DUE.where(deliveries.c.route.not_in(bindparam("without", expanding=True)))
_COMPANIONS: Final = _READY.where(
    deliveries.c.digest == bindparam("digest"),
    deliveries.c.route == bindparam("route"),
    deliveries.c.id.not_in(bindparam("taken", expanding=True)),
).order_by(deliveries.c.id)
# Which of these envelopes may have more than one due row on a link. One query for all: most have no company, and asking
# for each would double the cost of a claim.
_CROWDED: Final = (
    select(deliveries.c.digest, deliveries.c.route, func.count())
    .where(text(CLAIMABLE), deliveries.c.digest.in_(_KEYS), deliveries.c.due_at <= _NOW)
    .group_by(deliveries.c.digest, deliveries.c.route)
    .having(func.count() > literal_column("1"))
)
_CLAIM: Final = (
    update(deliveries)
    .where(deliveries.c.id.in_(_KEYS))
    .values(
        state=State.FORWARDING,
        attempts=deliveries.c.attempts + literal_column("1"),
        due_at=_UNTIL,
        updated_at=_NOW,
        version=deliveries.c.version + literal_column("1"),
        # Still FORWARDING when claimed: the lease has ended and its holder never reported an outcome.
        lapses=case((deliveries.c.state == State.FORWARDING, deliveries.c.lapses + literal_column("1")), else_=0),
    )
)


class Claims(JournalledPart):
    """See :class:`edxml_router.ports.ledger.Deliveries`. ``now`` dates deliveries that are made and moved."""

    def claim(
        self, now: datetime, until: datetime, limit: int, without: _Places = (), company: int = 0
    ) -> Sequence[Delivery]:
        due = self._due(now, limit, without)
        due = _one_doubtful([*due, *self._companions(now, due, company)])
        for chunk in chunks(sorted(one.id for one in due)):
            self._execute(_CLAIM, {"keys": chunk, "until": until, "now": now})
        self._journal.note(
            Entry(
                now,
                DELIVERY_EVENTS[Event.CLAIM],
                one.digest,
                one.recipient,
                one.state,
                State.FORWARDING,
                "node",
                detail=Detail("attempt {attempts}", attempts=one.attempts + 1),
                facts=delivery_facts(one),
            )
            for one in due
        )
        return [
            replace(
                one,
                state=State.FORWARDING,
                attempts=one.attempts + 1,
                due_at=until,
                updated_at=now,
                version=one.version + 1,
                lapses=one.lapses + 1 if one.state is State.FORWARDING else 0,
            )
            for one in due
        ]

    def _due(self, now: datetime, limit: int, without: _Places) -> list[Delivery]:
        part = shares.for_ordinary(limit)
        ordinary = self._first(now, part, without, urgent=False)
        urgent = self._first(now, limit - len(ordinary), without, urgent=True)
        if len(ordinary) == part and len(urgent) + part < limit:  # urgent ones leave more than the guaranteed share
            ordinary = self._first(now, limit - len(urgent), without, urgent=False)
        return [*urgent, *ordinary]

    def _first(self, now: datetime, most: int, without: _Places, *, urgent: bool) -> list[Delivery]:
        if most <= 0:
            return []
        values: dict[str, Any] = {"urgent": urgent, "now": now, "waited": now - PATIENCE, "limit": most}
        closed = sorted(route for route, kind in without if kind == urgent)
        if not closed:
            return delivery_rows(self._execute(_DUE, values))
        return delivery_rows(self._execute(_DUE_WITHOUT, {**values, "without": closed}))

    def _companions(self, now: datetime, due: Sequence[Delivery], company: int) -> list[Delivery]:
        """What else of these envelopes is due on these links. Without this a circular would be cut by the size of a
        batch, and its body sent once for each part. No body is sent into inboxes here, and few of those have
        company."""
        taken: dict[tuple[str, str], list[int]] = {}
        for one in due:
            if one.route.is_link:
                taken.setdefault((one.digest, one.route), []).append(one.id)
        crowded = {
            (row.digest, row.route)
            for chunk in chunks(sorted({digest for digest, _ in taken}))
            for row in self._execute(_CROWDED, {"keys": chunk, "now": now})
            if row[2] > len(taken.get((row.digest, row.route), ()))
        }
        found: list[Delivery] = []
        for (digest, route), numbers in taken.items():
            if (digest, route) not in crowded:
                continue
            most = min(LIST_LIMIT - len(numbers), company - len(found))
            if most <= 0:
                continue
            values = {"digest": digest, "route": route, "taken": numbers, "limit": most}
            found += delivery_rows(self._execute(_COMPANIONS, {**values, "now": now, "waited": now - PATIENCE}))
        return found


def _one_doubtful(due: list[Delivery]) -> list[Delivery]:
    """Of the deliveries whose worker has ended more than once, keep only those of one envelope."""
    doubtful = [one for one in due if one.lapses and one.state is State.FORWARDING]
    return [one for one in due if one not in doubtful or one.digest == doubtful[0].digest]
