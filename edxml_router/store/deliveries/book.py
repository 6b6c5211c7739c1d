"""``book.deliveries``: :class:`edxml_router.ports.ledger.Deliveries` in SQL.

Rows are locked in the order of their keys, so that two batches rarely deadlock; when they do, PostgreSQL rolls one of
them back, and that is Setback EDX602 like any other transient failure. A broken rule of the schema (a delivery of an
unknown envelope) is a Defect.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, or_, select, text

from edxml_router.core.delivery.entries.facts import move_facts, queued_facts
from edxml_router.core.delivery.entries.reasons import CommittedReason, reason_of
from edxml_router.core.delivery.journal import DELIVERY_EVENTS, DELIVERY_QUEUED, Entry
from edxml_router.core.delivery.lifecycle import ENDS, Event, State
from edxml_router.core.delivery.values import Delivery, Move, NewDelivery
from edxml_router.store.database.bulk import Insert, Update
from edxml_router.store.database.columns import Instant
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.chains import cross
from edxml_router.store.deliveries.claiming import Claims
from edxml_router.store.deliveries.leases import Leases
from edxml_router.store.deliveries.reasons import ADD_REASONS
from edxml_router.store.deliveries.table import OPEN, deliveries, delivery_rows

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_ADD: Final = Insert(
    deliveries,
    tuple(column.name for column in deliveries.columns if column.name != "id"),
    "ON CONFLICT DO NOTHING RETURNING id, digest, recipient",
)
_OF: Final = select(deliveries).where(deliveries.c.digest.in_(_KEYS)).order_by(deliveries.c.id)
_NUMBERED: Final = select(deliveries).where(deliveries.c.id.in_(_KEYS)).order_by(deliveries.c.id)
_EXPIRED: Final = (
    select(deliveries)
    .where(
        text(OPEN),
        deliveries.c.expires_at <= bindparam("now", type_=Instant),
        or_(~deliveries.c.far_accepted, deliveries.c.expires_at < bindparam("grace_until", type_=Instant)),
    )
    .order_by(deliveries.c.expires_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_VERSIONS: Final = (
    select(deliveries.c.id, deliveries.c.version)
    .where(deliveries.c.id.in_(_KEYS))
    .order_by(deliveries.c.id)
    .with_for_update()
)
# The values of a move; None leaves the column unchanged.
_KEPT: Final = ("route", "origin", "generation", "attempts", "due_at", "expires_at", "far_accepted")
_MOVE: Final = Update(
    deliveries,
    (
        *_KEPT,
        "state",
        "code",
        "detail",
        "updated_at",
        "version",
        "lapses",
        "ended_at",
        "handed_at",
        "asked_at",
    ),
)


class SqlDeliveries(Claims, Leases):
    """See :class:`edxml_router.ports.ledger.Deliveries`."""

    def add(self, rows: Sequence[NewDelivery]) -> set[tuple[str, str]]:
        wanted: dict[tuple[str, str], NewDelivery] = {}
        for row in rows:
            wanted.setdefault((row.digest, row.recipient), row)
        # The numbers preserve the order. Two writers inserting the same rows in different orders would deadlock; but
        # whoever has new envelopes has locked them, and rows of known envelopes come sorted.
        written = self._write(_ADD, [self._first_state(row) for row in wanted.values()])
        inserted = {(row.digest, row.recipient): row.id for row in written}
        cross(self._connection, [row for pair, row in wanted.items() if pair in inserted])
        self._journal.note(
            Entry(
                self._now,
                DELIVERY_QUEUED,
                *pair,
                "",
                State.QUEUED,
                row.origin,
                detail=row.route,
                facts=queued_facts(row, inserted[pair]),
            )
            for pair, row in wanted.items()
            if pair in inserted
        )
        return set(inserted)

    def _first_state(self, row: NewDelivery) -> dict[str, Any]:
        return {
            "digest": row.digest,
            "recipient": row.recipient,
            "state": State.QUEUED,
            "route": row.route,
            "origin": row.origin,
            "generation": row.generation,
            "attempts": 0,
            "urgent": row.urgent,
            "due_at": row.due_at,
            "expires_at": row.expires_at,
            "far_accepted": False,
            "code": "",
            "detail": "",
            "updated_at": self._now,
            "version": 1,
            "lapses": 0,
            "ended_at": None,
            "handed_at": None,
            "asked_at": None,
            "chain": row.chains[0] if row.chains else 0,
        }

    def of(self, digests: Iterable[str]) -> Sequence[Delivery]:
        return delivery_rows(self._by_keys(_OF, digests))

    def numbered(self, numbers: Iterable[int]) -> Sequence[Delivery]:
        return delivery_rows(self._by_keys(_NUMBERED, numbers))

    def expired(self, now: datetime, grace_until: datetime, limit: int) -> Sequence[Delivery]:
        return delivery_rows(self._execute(_EXPIRED, {"now": now, "grace_until": grace_until, "limit": limit}))

    def move(self, moves: Sequence[Move]) -> Sequence[Move]:
        # Two steps, because drivers do not tell which rows of a set an UPDATE matched: lock the rows and compare the
        # versions, then write. Nobody can come between the two.
        versions: dict[int, int] = {}
        for chunk in chunks(sorted({move.delivery.id for move in moves})):
            versions |= {row.id: row.version for row in self._execute(_VERSIONS, {"keys": chunk})}
        applied = []
        for move in moves:
            if versions.get(move.delivery.id) == move.delivery.version:
                del versions[move.delivery.id]  # a second move of one delivery in the same set has a stale version
                applied.append(move)
        self._write(_MOVE, [self._changed(move) for move in applied])
        reasons = {move.delivery.id: reason_of(move, os.urandom) for move in applied}
        self._write(ADD_REASONS, [asdict(reason) for reason in reasons.values() if reason is not None])
        self._journal.note(self._moved(move, reasons[move.delivery.id]) for move in applied)
        self._journal.moves += applied
        return applied

    def _changed(self, move: Move) -> dict[str, Any]:
        old = move.delivery  # equals the stored row in every column, since the version is the same
        body_goes = move.far_accepted is False or move.event is Event.OFFER or move.handed_at is not None
        return {
            **{name: getattr(old if getattr(move, name) is None else move, name) for name in _KEPT},
            "state": move.after,
            "code": move.code,
            "detail": move.detail,
            "updated_at": self._now,
            "version": old.version + 1,
            "lapses": 0,  # this is an outcome
            "ended_at": (move.ended_at or self._now) if move.after in ENDS else None,
            "handed_at": move.handed_at if body_goes else old.handed_at,
            "asked_at": None if body_goes or move.event is Event.HAND_OVER else old.asked_at,
            "id": old.id,
        }

    def _moved(self, move: Move, reason: CommittedReason | None) -> Entry:
        old = move.delivery
        return Entry(
            self._now,
            DELIVERY_EVENTS[move.event],
            old.digest,
            old.recipient,
            old.state,
            move.after,
            move.actor,
            move.code,
            (reason is None and move.detail) or move.route or "",
            move_facts(move, self._now, reason.commitment if reason else ""),
            evidence=move.evidence,
        )
