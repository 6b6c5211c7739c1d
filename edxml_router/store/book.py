"""One transaction of the ledger: ``ports.Book`` in SQL.

Work comes in sets, so each call is a fixed number of statements, whatever the size of the set. Journal
entries are gathered and written in one go before the commit. The same statements run on SQLite and
PostgreSQL; what differs is in :mod:`edxml_router.store.statements`.

Row locks are PostgreSQL's; on SQLite the transaction holds the write lock from its beginning. Rows are locked
in the order of their keys, so that two batches rarely wait for each other in a circle; where they do,
PostgreSQL undoes one of them and that is Setback EDX602 like every other passing failure. A broken rule of
the schema (a delivery of an unknown envelope) is a Defect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Executable
from sqlalchemy.exc import SQLAlchemyError

from edxml_router.core.delivery.journal import DELIVERY_EVENTS, DELIVERY_QUEUED, ENVELOPE_ACCEPTED, Entry, leaf_hash
from edxml_router.core.delivery.lifecycle import ENDS, Event, State
from edxml_router.core.delivery.resync import Recovery
from edxml_router.core.delivery.values import Aside, Body, Delivery, EnvelopeRow, Move, NewDelivery
from edxml_router.core.delivery.wire import Outcome, Receipt
from edxml_router.core.problems import Finding
from edxml_router.store import statements as sql
from edxml_router.store.database.engine import problem, troubles
from edxml_router.store.deliveries.chains import SqlChains
from edxml_router.store.deliveries.claiming import Claims
from edxml_router.store.deliveries.leases import Leases
from edxml_router.store.deliveries.looks import SqlLooks
from edxml_router.store.deliveries.moved import MovedMail
from edxml_router.store.epochs import recovery
from edxml_router.store.journal import noting
from edxml_router.store.quarantine.items import KEPT, KEPT_OF, keep_aside, remove

CHUNK: Final = 500  # keys in one IN list
ANSWERS: Final = 20_000  # receipts about nothing, or of refusals, that wait for one neighbour: two of its messages
_ANSWERS: Final = (Outcome.UNKNOWN, Outcome.RETURNED)
NEVER: Final = datetime.fromtimestamp(0, UTC)

_envelope_values: Final = attrgetter(*sql.ENVELOPE)


class SqlBook(Claims, SqlChains, SqlLooks, MovedMail, Leases):
    """Made by :meth:`SqlLedger.book`, valid inside its block. ``now`` dates deliveries made and moved."""

    def __init__(self, connection: Connection, now: datetime, inline_limit: int) -> None:
        self.connection = connection
        self._now = now
        self._inline_limit = inline_limit
        self._entries: list[Entry] = []

    # --- envelopes and bodies ---

    def add_envelopes(self, rows: Sequence[EnvelopeRow]) -> set[str]:
        if not rows:
            return set()
        values = sorted((_envelope_values(row) for row in rows), key=itemgetter(0))
        inserted = {row[0] for row in self._write(sql.ADD_ENVELOPES, values)}
        first = {row.digest: row for row in reversed(rows)}
        for row in (row for digest, row in reversed(first.items()) if digest in inserted):
            verdict = f"{row.indication}: {row.reason}" if row.reason else row.indication
            self._entries.append(Entry(row.accepted_at, ENVELOPE_ACCEPTED, row.digest, actor=row.peer, detail=verdict))
        return inserted

    def envelopes(self, digests: Iterable[str]) -> Mapping[str, EnvelopeRow]:
        rows = self._by_keys(sql.ENVELOPES, digests)
        return {row[0]: EnvelopeRow(*row) for row in rows}

    def recognised(self, digests: Collection[str], identities: Collection[str]) -> Sequence[EnvelopeRow]:
        found = {row[0]: EnvelopeRow(*row) for row in self._by_keys(sql.ENVELOPES, digests)}
        found |= {row[0]: EnvelopeRow(*row) for row in self._by_keys(sql.IDENTIFIED, identities) if row[0] not in found}
        return list(found.values())

    def brought(self, peer: str, since: datetime) -> tuple[int, int, int]:
        values = {"peer": peer, "since": since}
        messages, size = self._execute(sql.BROUGHT, values).one()
        return messages, int(size), self._execute(sql.BROUGHT_RECIPIENTS, values).scalar_one()

    def add_bodies(self, bodies: Mapping[str, bytes | Body]) -> None:
        limit = self._inline_limit
        values = [
            (digest, len(data), data if isinstance(data, bytes) and len(data) <= limit else None)
            for digest, data in sorted(bodies.items())
        ]
        self._write(sql.ADD_BODIES, values)

    # --- deliveries ---

    def add_deliveries(self, rows: Sequence[NewDelivery]) -> set[tuple[str, str]]:
        if not rows:
            return set()
        wanted: dict[tuple[str, str], NewDelivery] = {}
        for row in rows:
            wanted.setdefault((row.digest, row.recipient), row)
        # Their numbers are their order. Two that insert the same in another order would wait for each other; but whose
        # envelopes are new has locked these, and those of known envelopes come sorted.
        values = [self._first_state(row) for row in wanted.values()]
        inserted = {(row[0], row[1]) for row in self._write(sql.ADD_DELIVERIES, values)}
        self.cross([row for pair, row in wanted.items() if pair in inserted])
        for pair, row in wanted.items():
            if pair in inserted:
                self._entries.append(
                    Entry(self._now, DELIVERY_QUEUED, *pair, "", State.QUEUED, row.origin, detail=row.route)
                )
        return inserted

    def _first_state(self, row: NewDelivery) -> tuple[Any, ...]:
        return (
            row.digest,
            row.recipient,
            State.QUEUED,
            row.route,
            row.origin,
            row.generation,
            0,  # attempts
            row.urgent,
            row.due_at,
            row.expires_at,
            False,  # far_accepted
            "",  # code
            "",  # detail
            self._now,
            1,  # version
            0,  # lapses
            None,  # ended_at
            None,  # handed_at
            None,  # asked_at
            row.chains[0] if row.chains else 0,
        )

    def deliveries(self, digests: Iterable[str]) -> Sequence[Delivery]:
        return [Delivery(*row) for row in self._by_keys(sql.DELIVERIES, digests)]

    def deliveries_by_id(self, numbers: Iterable[int]) -> Sequence[Delivery]:
        return [Delivery(*row) for row in self._by_keys(sql.DELIVERIES_BY_ID, numbers)]

    def expired(self, now: datetime, grace_until: datetime, limit: int) -> Sequence[Delivery]:
        values = {"now": now, "grace_until": grace_until, "limit": limit}
        return [Delivery(*row) for row in self._execute(sql.EXPIRED, values)]

    def move(self, moves: Sequence[Move]) -> Sequence[Move]:
        # Two steps, because drivers do not tell which rows of a set an UPDATE met: lock the rows and compare
        # the versions, then write. Nobody can come between the two.
        versions: dict[int, int] = {}
        for chunk in _chunks(sorted({move.delivery.id for move in moves})):
            versions |= {row[0]: row[1] for row in self._execute(sql.VERSIONS, {"keys": chunk})}
        applied = []
        for move in moves:
            if versions.get(move.delivery.id) == move.delivery.version:
                del versions[move.delivery.id]  # a second move in the same set starts from a stale version
                applied.append(move)
        if applied:
            self._write(sql.MOVE, [self._changed(move) for move in applied])
            self._entries += [self._moved(move) for move in applied]
        return applied

    def _changed(self, move: Move) -> tuple[Any, ...]:
        old = move.delivery  # equals the stored row in every column, since the version is the same
        body_goes = move.far_accepted is False or move.event is Event.OFFER or move.handed_at is not None
        return (
            move.after,
            _other(move.route, old.route),
            _other(move.origin, old.origin),
            _other(move.generation, old.generation),
            _other(move.attempts, old.attempts),
            _other(move.due_at, old.due_at),
            _other(move.expires_at, old.expires_at),
            _other(move.far_accepted, old.far_accepted),
            move.code,
            move.detail,
            self._now,
            old.version + 1,
            0,  # lapses: this is an outcome
            (move.ended_at or self._now) if move.after in ENDS else None,
            move.handed_at if body_goes else old.handed_at,
            None if body_goes or move.event is Event.HAND_OVER else old.asked_at,
            old.id,
        )

    def _moved(self, move: Move) -> Entry:
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
            move.detail or move.route or "",
        )

    # --- journal, receipts, refused input ---

    def note(self, entries: Iterable[Entry]) -> None:
        self._entries += entries

    def note_odd(self, entries: Iterable[Entry], most: int, peers: Collection[str]) -> None:
        try:
            self._entries += noting.within(self.connection, entries, most, peers, self._now)
        except SQLAlchemyError as error:
            raise problem(error) from error

    def write_journal(self) -> None:
        """Write the entries gathered so far; the ledger calls this before the commit."""
        values = []
        for entry in self._entries:
            canonical = entry.canonical()
            at = entry.at.replace(microsecond=entry.at.microsecond // 1000 * 1000)
            columns = (at, entry.event, entry.envelope, entry.recipient, entry.code, entry.actor)
            values.append((*columns, canonical, leaf_hash(canonical)))
        self._entries = []
        self._write(sql.JOURNAL, values)

    def add_receipts(self, receipts: Iterable[tuple[str, Receipt]]) -> None:
        facts = {_fact(origin, receipt): (origin, receipt) for origin, receipt in receipts}
        values = [
            (
                origin,
                receipt.envelope,
                receipt.recipient,
                receipt.generation,
                receipt.outcome.value,
                receipt.at,
                receipt.code,
                receipt.detail,
                receipt.hops,
                NEVER,  # leased
            )
            for origin, receipt in facts.values()
        ]
        self._write(sql.ADD_RECEIPTS, values)

    def add_answers(self, receipts: Iterable[tuple[str, Receipt]]) -> int:
        answers = list(receipts)
        room: dict[str, int] = {}
        for origin in sorted({origin for origin, receipt in answers if receipt.outcome in _ANSWERS}):
            values = {"origin": origin, "limit": ANSWERS}
            room[origin] = ANSWERS - self._execute(sql.RECEIPTS_WAITING, values).scalar_one()
        fitting = []
        for origin, receipt in answers:
            if receipt.outcome in _ANSWERS:
                room[origin] -= 1
            if receipt.outcome not in _ANSWERS or room[origin] >= 0:
                fitting.append((origin, receipt))
        self.add_receipts(fitting)
        return len(answers) - len(fitting)

    def unsent_receipts(
        self, now: datetime, until: datetime, limit: int, routes: Sequence[str] | None = None
    ) -> Sequence[tuple[int, str, Receipt]]:
        values: dict[str, Any] = {"now": now, "limit": limit}
        if routes is None:
            rows = self._execute(sql.UNSENT, values).all()
        else:
            rows = self._execute(sql.UNSENT_TO, {**values, "routes": list(routes)}).all()
        for chunk in _chunks([row[0] for row in rows]):
            self._execute(sql.LEASE_RECEIPTS, {"keys": chunk, "until": until})
        return [(row[0], row[1], receipt_of(row[2:])) for row in rows]

    def receipts_sent(self, numbers: Iterable[int], now: datetime) -> None:
        for chunk in _chunks(sorted(numbers)):
            self._execute(sql.RECEIPTS_SPENT, {"keys": chunk})
            self._execute(sql.RECEIPTS_SENT, {"keys": chunk, "now": now})

    # --- after a restored back-up ---

    def recoveries(self, now: datetime, until: datetime, parties: Sequence[str]) -> Sequence[Recovery]:
        with troubles():
            return recovery.claim(self.connection, now, until, parties)

    def ask_again(self, parties: Sequence[str], at: datetime) -> None:
        with troubles():
            recovery.put_off(self.connection, parties, at)

    def recovered(self, party: str, epoch: str, now: datetime) -> bool:
        with troubles():
            return recovery.finish(self.connection, party, epoch, now)

    def asked(self, peer: str, epoch: str, now: datetime, pause: timedelta) -> bool | None:
        with troubles():
            return recovery.asked(self.connection, peer, epoch, now, pause)

    def hurry(self, route: str, now: datetime) -> int:
        with troubles():
            return recovery.hurry(self.connection, route, now)

    def set_aside(
        self, items: Sequence[Aside], quota: int, peers: Collection[str] | None = None
    ) -> Sequence[bool]:
        try:
            return keep_aside(self.connection, items, quota, peers)
        except SQLAlchemyError as error:
            raise problem(error) from error

    def kept(self, codes: Sequence[str], after: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        rows = self._execute(KEPT, {"codes": list(codes), "after": after, "limit": limit})
        return [(row[0], row[1], bytes(row[2])) for row in rows]

    def kept_of(self, codes: Sequence[str]) -> Mapping[str, Finding]:
        return {row[0]: Finding(*row[1:]) for row in self._execute(KEPT_OF, {"codes": list(codes)})}

    def take_back(self, numbers: Iterable[int]) -> None:
        with troubles():
            for chunk in _chunks(sorted(numbers)):
                remove(self.connection, chunk)

    # --- running statements ---

    def _execute(self, statement: Executable, values: Any) -> Any:
        """The rows, untyped: callers make values of them at once."""
        try:
            return self.connection.execute(statement, values)
        except SQLAlchemyError as error:
            raise problem(error) from error

    def _write(self, rows_into: sql.Insert | sql.Update, rows: Sequence[Sequence[Any]]) -> list[Any]:
        if not rows:
            return []
        try:
            return rows_into(self.connection, rows) or []
        except SQLAlchemyError as error:
            raise problem(error) from error

    def _by_keys(self, statement: Executable, keys: Iterable[str] | Iterable[int]) -> Iterator[Any]:
        for chunk in _chunks(sorted(set(keys))):
            yield from self._execute(statement, {"keys": chunk}).all()


def _fact(origin: str, receipt: Receipt) -> tuple[str, str, str, int, Outcome]:
    return origin, receipt.envelope, receipt.recipient, receipt.generation, receipt.outcome


def receipt_of(row: Sequence[Any]) -> Receipt:
    """A receipt from the columns of its table, from ``envelope`` to ``hops``."""
    envelope, recipient, generation, outcome, at, code, detail, hops = row
    return Receipt(envelope, recipient, generation, Outcome(outcome), at, code, detail, hops)


def _other(new: Any, old: Any) -> Any:
    return old if new is None else new


def _chunks(keys: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]
