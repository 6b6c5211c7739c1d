"""The journal, envelopes and deliveries in SQL.

An adapter keeps these promises or raises; a driver's own exception never crosses a port: it becomes a Setback (passing)
or a Defect. One contract suite runs on every adapter. All times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import Aside, Body, Delivery, EnvelopeRow, Move, NewDelivery
from edxml_router.core.delivery.wire import Receipt
from edxml_router.core.problems import Finding
from edxml_router.ports.chains import Chains
from edxml_router.ports.looks import Looks
from edxml_router.ports.moved import Moved
from edxml_router.ports.provoked import Provoked, Recoveries
from edxml_router.ports.views import Views


class Book(Provoked, Recoveries, Looks, Moved, Chains, Protocol):
    """The ledger inside one transaction. All methods work on sets, because batches are the unit of work.

    Every method that changes state writes the journal entries itself, in this same transaction (P4): one entry
    for each envelope, delivery and move. Nothing is visible to others before the transaction ends.
    """

    def add_envelopes(self, rows: Sequence[EnvelopeRow]) -> set[str]:
        """Insert those that are new (by digest and by identity); the digests that were inserted."""

    def envelopes(self, digests: Iterable[str]) -> Mapping[str, EnvelopeRow]:
        """Those of ``digests`` that are known."""

    def recognised(self, digests: Collection[str], identities: Collection[str]) -> Sequence[EnvelopeRow]:
        """The envelopes that are known by one of these digests, or that have one of these identities."""

    def brought(self, peer: str, since: datetime) -> tuple[int, int, int]:
        """How many messages, bytes and recipients of ``peer`` were accepted since then."""

    def add_bodies(self, bodies: Mapping[str, bytes | Body]) -> None:
        """Keep the bytes of envelopes by digest (small ones inside this transaction, see :class:`Bodies`)."""

    def add_deliveries(self, rows: Sequence[NewDelivery]) -> set[tuple[str, str]]:
        """Insert those that are new; the (digest, recipient) pairs that were inserted.

        They are numbered in this order, which is that of their arrival: what is of one chain leaves in it. Those of
        envelopes that were known before come sorted, or two writers could wait for each other."""

    def deliveries(self, digests: Iterable[str]) -> Sequence[Delivery]:
        """All deliveries of these envelopes."""

    def deliveries_by_id(self, numbers: Iterable[int]) -> Sequence[Delivery]:
        """The deliveries with these numbers, in no order."""

    def claim(
        self, now: datetime, until: datetime, limit: int, without: Collection[str] = (), company: int = 0
    ) -> Sequence[Delivery]:
        """Take up to ``limit`` deliveries that are due at ``now`` and not expired, under a lease to ``until``; none
        whose route is in ``without``, and none before an earlier one of its chains to the same recipient is with the
        next node. What else is due of the same envelopes on the same links comes with them, ``company`` deliveries at
        most and no more than one transfer holds: the body travels once.

        Due are QUEUED, DEFERRED, and FORWARDING whose lease ended, by due time, urgent ones first but for a share of
        the places. Each comes back in state FORWARDING; ``attempts`` is one higher.
        No two callers get the same one while the lease lasts (SKIP LOCKED, or the write lock of SQLite). Of those
        whose lease has run out twice in a row or more only the deliveries of one envelope are taken at once: what
        ends its worker again and again must not bring others under the same suspicion.
        """

    def keep(self, deliveries: Sequence[Delivery], until: datetime) -> None:
        """The leases of these go on to ``until``, of as many as nobody else has changed or taken."""

    def due_again(self, routes: Collection[str], codes: Collection[str], now: datetime) -> int:
        """What was put off on these routes with one of these problems, to be sent or looked at, is due at ``now``, and
        receipts to them that were not sent; how many deliveries. No change of state."""

    def rebind(self, routes: Collection[str], route: Callable[[str], str | None]) -> int:
        """Ask again where the QUEUED and DEFERRED on these routes go, by their recipients (None: as it is); how many
        go elsewhere now. No change of state: it is bound once more at the attempt."""

    def expired(self, now: datetime, grace_until: datetime, limit: int) -> Sequence[Delivery]:
        """Open deliveries past ``expires_at``; those the far side has accepted only when past it by the grace
        (that is, ``expires_at`` < ``grace_until``)."""

    def move(self, moves: Sequence[Move]) -> Sequence[Move]:
        """Apply; the moves that were applied. One whose version has changed meanwhile is left out."""

    def note(self, entries: Iterable[Entry]) -> None:
        """Journal facts that change no delivery (what operators and commands do)."""

    def add_receipts(self, receipts: Iterable[tuple[str, Receipt]]) -> None:
        """Outgoing receipts, each with the origin ("link:NAME" or "office:NAME") that it goes to. The same fact again
        is the row that was there, to be sent again, with the time of the fact."""

    def unsent_receipts(
        self, now: datetime, until: datetime, limit: int, routes: Sequence[str] | None = None
    ) -> Sequence[tuple[int, str, Receipt]]:
        """Claim up to ``limit`` unsent receipts under a lease to ``until``: (number, origin, receipt)."""

    def receipts_sent(self, numbers: Iterable[int], now: datetime) -> None:
        """These were handed over."""

    def set_aside(self, items: Sequence[Aside], quota: int, peers: Collection[str] | None = None) -> Sequence[bool]:
        """Keep refused input while the total stays under ``quota`` bytes; whether each one's bytes were kept. Each of
        ``peers`` has a share, all others one together; beyond it only metadata is kept. Repeats are counted."""

    def kept(self, codes: Sequence[str], after: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """What was set aside with one of these problem codes and is here in full, by number: (number, peer, bytes)."""

    def kept_of(self, codes: Sequence[str]) -> Mapping[str, Finding]:
        """The peers from whom something was set aside with one of these codes, and what was wrong with the last."""

    def take_back(self, numbers: Iterable[int]) -> None:
        """Remove these from what was set aside: they were of use after all. No journal entry: their effect has one."""


class Ledger(Protocol):
    """The node's database. Raises Setback EDX601 (disk full) or EDX602 (away) from any call."""

    @property
    def views(self) -> Views:
        """What is asked of it without a transaction of one's own."""

    def book(self) -> AbstractContextManager[Book]:
        """A transaction: committed and durable when the block ends, undone when it raises."""
