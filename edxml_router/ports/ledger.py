"""The journal, envelopes and deliveries in SQL.

    with ledger.book() as book:
        book.envelopes.add(rows)
        book.deliveries.claim(now, until, 100)

An adapter keeps these promises or raises; a driver's own exception never crosses a port: it becomes a Setback (passing)
or a Defect. One contract suite runs on every adapter. All times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from edxml_router.core.body import Body
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move, NewDelivery, NewQuarantinedItem
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt
from edxml_router.core.problems import Finding
from edxml_router.ports.mailboxes import Mailboxes, MovedMail
from edxml_router.ports.recoveries import Recoveries
from edxml_router.ports.views import Views
from edxml_router.ports.webhooks import Webhooks


class Envelopes(Protocol):
    """What was accepted."""

    def add(self, rows: Sequence[EnvelopeRow]) -> set[str]:
        """Insert those that are new (by digest and by identity); the digests that were inserted."""

    def known(self, digests: Iterable[str]) -> Mapping[str, EnvelopeRow]:
        """Those of ``digests`` that are known."""

    def recognised(self, digests: Collection[str], identities: Collection[str]) -> Sequence[EnvelopeRow]:
        """The envelopes that are known by one of these digests, or that have one of these identities."""

    def brought(self, peer: str, since: datetime) -> tuple[int, int, int]:
        """How many messages, bytes and recipients of ``peer`` were accepted since then."""


class KeptBodies(Protocol):
    """The rows of bodies; their bytes are behind :class:`~edxml_router.ports.bodies.Bodies`."""

    def add(self, bodies: Mapping[str, Body]) -> None:
        """Keep the bytes of envelopes by digest: small ones inside this transaction, of large ones that they are there,
        staged before."""


class Documents(Protocol):
    """Which envelopes are of one document, and must keep their order."""

    def chains(self, documents: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[int, ...]]:
        """The chains of the documents that were accepted here, by their sender and ``document_key``; of several
        envelopes with one key (a document and its recall) those of all."""

    def known(self, keys: Collection[str]) -> set[str]:
        """Which of these keys a document has that was accepted here, whoever sent it."""


class Deliveries(Protocol):
    """One row for each recipient of an envelope, and every change of its state."""

    def add(self, rows: Sequence[NewDelivery]) -> set[tuple[str, str]]:
        """Insert those that are new; the (digest, recipient) pairs that were inserted.

        They are numbered in this order, which is that of their arrival: what is of one chain leaves in it. Those of
        envelopes that were known before come sorted, or two writers could wait for each other."""

    def of(self, digests: Iterable[str]) -> Sequence[Delivery]:
        """All deliveries of these envelopes."""

    def numbered(self, numbers: Iterable[int]) -> Sequence[Delivery]:
        """The deliveries with these numbers, in no order."""

    def claim(
        self, now: datetime, until: datetime, limit: int, without: Collection[tuple[Route, bool]] = (), company: int = 0
    ) -> Sequence[Delivery]:
        """Take up to ``limit`` deliveries that are due at ``now`` and not expired, under a lease to ``until``; none
        whose route and urgency are in ``without``, and none before an earlier one of its chains to the same recipient
        is with the next node. What else is due of the same envelopes on the same links comes with them, ``company``
        deliveries at most and no more than one transfer holds: the body travels once.

        Due are QUEUED, DEFERRED, and FORWARDING whose lease ended, by due time, urgent ones first but for a share of
        the places. Each comes back in state FORWARDING; ``attempts`` is one higher.
        No two callers get the same one while the lease lasts (SKIP LOCKED, or the write lock of SQLite). Of those
        whose lease has run out twice in a row or more only the deliveries of one envelope are taken at once: what
        ends its worker again and again must not bring others under the same suspicion.
        """

    def keep(self, deliveries: Sequence[Delivery], until: datetime) -> None:
        """The leases of these go on to ``until``, of as many as nobody else has changed or taken."""

    def due_again(self, routes: Collection[Route], codes: Collection[str], now: datetime) -> int:
        """What was put off on these routes with one of these problems, to be sent or looked at, is due at ``now``, and
        receipts to them that were not sent; how many deliveries. No change of state."""

    def rebind(self, routes: Collection[Route], route: Callable[[str], Route | None]) -> int:
        """Ask again where the QUEUED and DEFERRED on these routes go, by their recipients (None: as it is); how many
        go elsewhere now. No change of state: it is bound once more at the attempt."""

    def expired(self, now: datetime, grace_until: datetime, limit: int) -> Sequence[Delivery]:
        """Open deliveries past ``expires_at``; those the far side has accepted only when past it by the grace
        (that is, ``expires_at`` < ``grace_until``)."""

    def move(self, moves: Sequence[Move]) -> Sequence[Move]:
        """Apply; the moves that were applied. One whose version has changed meanwhile is left out."""


class Receipts(Protocol):
    """What this node tells of outcomes, each with the origin that it goes to."""

    def add(self, receipts: Iterable[tuple[Route, Receipt]]) -> None:
        """Outgoing receipts. The same fact again is the row that was there, to be sent again, with the time of the
        fact."""

    def add_answers(self, receipts: Iterable[tuple[Route, Receipt]]) -> int:
        """Those that an origin will ask for again: what is said of transfers and to inquiries. So many refusals and
        "unknown" may wait for one origin; how many were left out.

        What is about nothing that is here goes once it is sent.
        """

    def unsent(
        self, now: datetime, until: datetime, limit: int, routes: Sequence[Route] | None = None
    ) -> Sequence[tuple[int, Route, Receipt]]:
        """Claim up to ``limit`` unsent receipts under a lease to ``until``: (number, origin, receipt)."""

    def sent(self, numbers: Iterable[int], now: datetime) -> None:
        """These were handed over."""


class Journal(Protocol):
    """Facts that change no delivery. Changes are journalled by what makes them."""

    def note(self, entries: Iterable[Entry]) -> None:
        """What operators and commands do."""

    def note_odd(self, entries: Iterable[Entry], most: int, peers: Collection[str]) -> None:
        """What peers provoke without an effect, as often as they like (refusals, late notices): of each of ``peers``,
        and of all others together, ``most`` entries an hour one by one, and the rest as a number in one."""


class Quarantine(Protocol):
    """Input that was refused or could not be read."""

    def keep(
        self, items: Sequence[NewQuarantinedItem], quota: int, peers: Collection[str] | None = None
    ) -> Sequence[bool]:
        """Keep refused input while the total stays under ``quota`` bytes; whether each one's bytes were kept. Each of
        ``peers`` has a share, all others one together; beyond it only metadata is kept. Repeats are counted."""

    def kept(self, codes: Sequence[str], after: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """What is quarantined with one of these problem codes, and here in full, by number: (number, peer, bytes)."""

    def kept_of(self, codes: Sequence[str]) -> Mapping[str, Finding]:
        """The peers from whom something was quarantined with one of these codes, and what was wrong with the last."""

    def take_back(self, numbers: Iterable[int]) -> None:
        """Remove these from the quarantine: they were of use after all. No journal entry: their effect has one."""


class Book(Protocol):
    """The ledger inside one transaction, by subject. All methods work on sets, because batches are the unit of work.

    Every method that changes state writes the journal entries itself, in this same transaction (P4): one entry
    for each envelope, delivery and move. Nothing is visible to others before the transaction ends.
    """

    @property
    def envelopes(self) -> Envelopes: ...

    @property
    def bodies(self) -> KeptBodies: ...

    @property
    def documents(self) -> Documents: ...

    @property
    def deliveries(self) -> Deliveries: ...

    @property
    def mailboxes(self) -> Mailboxes: ...

    @property
    def moved(self) -> MovedMail: ...

    @property
    def receipts(self) -> Receipts: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def quarantine(self) -> Quarantine: ...

    @property
    def recoveries(self) -> Recoveries: ...

    @property
    def webhooks(self) -> Webhooks: ...


class Ledger(Protocol):
    """The node's database. Raises Setback EDX601 (disk full) or EDX602 (away) from any call."""

    @property
    def views(self) -> Views:
        """What is asked of it without a transaction of one's own."""

    def book(self) -> AbstractContextManager[Book]:
        """A transaction: committed and durable when the block ends, undone when it raises."""
