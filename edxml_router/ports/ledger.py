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
from edxml_router.core.delivery.entries.facts import Grounds
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move, NewDelivery, NewQuarantinedItem
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt
from edxml_router.core.problems import Finding
from edxml_router.ports.bodies import Damages
from edxml_router.ports.flow.drain import Drains
from edxml_router.ports.flow.halts import Halts
from edxml_router.ports.mailboxes import Mailboxes, MovedMail
from edxml_router.ports.recoveries import Recoveries
from edxml_router.ports.retention import Retention
from edxml_router.ports.views import Views
from edxml_router.ports.webhooks import Webhooks
from edxml_router.ports.witnesses import Inventories, Witnesses


class Envelopes(Protocol):
    """What was accepted."""

    def add(self, rows: Sequence[EnvelopeRow], grounds: Grounds = ...) -> set[str]:
        """Insert those that are new, by digest and by identity. Returns the digests inserted. ``grounds`` are what the
        journal says of their acceptance besides."""

    def known(self, digests: Iterable[str]) -> Mapping[str, EnvelopeRow]:
        """The rows of those ``digests`` that are known."""

    def recognised(self, digests: Collection[str], identities: Collection[str]) -> Sequence[EnvelopeRow]:
        """The envelopes with one of these digests or identities."""

    def brought(self, peer: str, since: datetime) -> tuple[int, int, int]:
        """How many messages, bytes and recipients were accepted from ``peer`` since then."""


class KeptBodies(Protocol):
    """The rows of bodies; their bytes are behind :class:`~edxml_router.ports.bodies.Bodies`."""

    def add(self, bodies: Mapping[str, Body]) -> None:
        """Keep the bytes of envelopes by digest: small ones within this transaction; of large ones, which were staged
        before, only that they exist."""


class Documents(Protocol):
    """Which envelopes belong to one document and must keep their order."""

    def chains(self, documents: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[int, ...]]:
        """The chains of documents accepted here, by sender and ``document_key``; where several envelopes share a key (a
        document and its recall), the chains of all."""

    def known(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that belong to a document accepted here, whoever sent it."""


class Deliveries(Protocol):
    """One row for each recipient of an envelope, and every change of its state."""

    def add(self, rows: Sequence[NewDelivery]) -> set[tuple[str, str]]:
        """Insert those that are new. Returns the (digest, recipient) pairs inserted.

        They are numbered in this order, the order of arrival, and a chain leaves in it. Those of envelopes known before
        must come sorted, or two writers could deadlock."""

    def of(self, digests: Iterable[str]) -> Sequence[Delivery]:
        """All deliveries of these envelopes."""

    def numbered(self, numbers: Iterable[int]) -> Sequence[Delivery]:
        """The deliveries with these numbers, in any order."""

    def claim(
        self, now: datetime, until: datetime, limit: int, without: Collection[tuple[Route, bool]] = (), company: int = 0
    ) -> Sequence[Delivery]:
        """Lease, until ``until``, up to ``limit`` deliveries that are due at ``now`` and not expired. None with a route
        and urgency in ``without``, and none while an earlier one of its chain to the same recipient is not yet with the
        next node. Other due deliveries of the same envelopes on the same links come with them, so that the body travels
        once: at most ``company`` of them, and no more than one transfer holds.

        Due are QUEUED and DEFERRED deliveries, and FORWARDING ones whose lease has ended; by due time, urgent ones
        first except for a share of the places. Each comes back in state FORWARDING with ``attempts`` one higher. No two
        callers get the same one while the lease lasts (SKIP LOCKED, or SQLite's write lock). Where leases have run out
        twice in a row or more, only the deliveries of one envelope are leased at a time: what ends its worker again and
        again must not bring others under suspicion.
        """

    def keep(self, deliveries: Sequence[Delivery], until: datetime) -> None:
        """Renew these leases until ``until``, where nobody else has changed or leased the delivery."""

    def due_again(self, routes: Collection[Route], codes: Collection[str], now: datetime) -> int:
        """Make due at ``now`` what was put off on these routes with one of these problems, and the unsent receipts to
        them. Returns how many deliveries. No change of state."""

    def rebind(self, routes: Collection[Route], route: Callable[[str], Route | None]) -> int:
        """Rebind QUEUED and DEFERRED deliveries on these routes by their recipients (None: unchanged). Returns how many
        now go elsewhere. No change of state: they are bound again at the attempt."""

    def expired(self, now: datetime, grace_until: datetime, limit: int) -> Sequence[Delivery]:
        """Open deliveries past ``expires_at``; those the far side has accepted only when past it by the grace
        (that is, ``expires_at`` < ``grace_until``)."""

    def move(self, moves: Sequence[Move]) -> Sequence[Move]:
        """Apply the moves; returns those applied. One whose version has changed meanwhile is left out."""


class Receipts(Protocol):
    """Outcomes that this node reports, each with the origin that it goes to."""

    def add(self, receipts: Iterable[tuple[Route, Receipt]]) -> None:
        """Add outgoing receipts. The same fact again reuses its row, which is sent again with the time of the fact, and
        with what proved it first."""

    def prove(self, numbered: Iterable[tuple[int, Receipt]]) -> None:
        """Write the evidence and the time of these receipts, by number."""

    def told(self, receipts_like: Iterable[Receipt]) -> Sequence[tuple[int, Route, Receipt]]:
        """All receipts here, of any generation and to whatever origin, that say the same of a delivery: number, origin
        and receipt, the oldest first."""

    def send_again(self, numbers: Iterable[int]) -> None:
        """Let these count as not handed over yet."""

    def add_answers(self, receipts: Iterable[tuple[Route, Receipt]]) -> int:
        """Add answers to transfers and inquiries, for which an origin will ask again. Only a limited number of refusals
        and "unknown" may wait for one origin. Returns how many were left out.

        An answer about nothing that is here is removed once it is sent.
        """

    def unsent(
        self,
        now: datetime,
        until: datetime,
        limit: int,
        routes: Sequence[Route] | None = None,
        *,
        ends: bool = True,
    ) -> Sequence[tuple[int, Route, Receipt]]:
        """Claim up to ``limit`` unsent receipts under a lease to ``until``: (number, origin, receipt). Without
        ``ends`` only those that say that a delivery goes on: they need no statement."""

    def sent(self, numbers: Iterable[int], now: datetime) -> None:
        """Mark these as handed over."""


class Signers(Protocol):
    """The certificates of the nodes whose signed statements are kept."""

    def keep(self, chains: Mapping[str, Sequence[bytes]]) -> None:
        """Keep these chains (DER) by the SHA-256 (hex) of their first certificate."""

    def chains(self, digests: Collection[str]) -> Mapping[str, Sequence[bytes]]:
        """Those of them that are kept."""


class Journal(Protocol):
    """Facts that change no delivery. Whatever makes a change journals it."""

    def note(self, entries: Iterable[Entry]) -> None:
        """Note what operators and commands do."""

    def note_odd(self, entries: Iterable[Entry], most: int, peers: Collection[str]) -> None:
        """Note what peers can provoke at will and without effect (refusals, late notices). For each of ``peers``, and
        for all others together, ``most`` entries an hour are noted singly and the rest as a count."""


class Quarantine(Protocol):
    """Input that was refused or could not be read."""

    def keep(
        self, items: Sequence[NewQuarantinedItem], quota: int, peers: Collection[str] | None = None
    ) -> Sequence[bool]:
        """Keep refused input while the total stays under ``quota`` bytes. Returns for each whether its bytes were kept.
        Each of ``peers`` has a share and all others have one together; beyond it only metadata is kept. Repeats are
        counted."""

    def kept(self, codes: Sequence[str], after: int, limit: int) -> Sequence[tuple[int, str, bytes]]:
        """The items quarantined in full with one of these problem codes, by number: (number, peer, bytes)."""

    def kept_of(self, codes: Sequence[str]) -> Mapping[str, Finding]:
        """The peers with items quarantined under one of these codes, and the finding of the last item."""

    def take_back(self, numbers: Iterable[int]) -> None:
        """Remove these from the quarantine because they counted after all. No journal entry: their effect has one."""


class RuleSets(Protocol):
    """What a node decides by, as bytes by their SHA-256 (:mod:`edxml_router.stages.rulesets`); never removed."""

    def lacking(self, names: Collection[str]) -> set[str]:
        """Those of these parts that are not here."""

    def keep(self, parts: Mapping[str, bytes]) -> None:
        """Keep parts by digest; one that is here already stays."""

    def applied(self) -> str:
        """The digest of the set that was applied last; empty where none was."""

    def apply(self, digest: str, now: datetime) -> None:
        """This set is applied from now on."""


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
    def damages(self) -> Damages: ...

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
    def signers(self) -> Signers: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def witnesses(self) -> Witnesses: ...

    @property
    def inventories(self) -> Inventories: ...

    @property
    def quarantine(self) -> Quarantine: ...

    @property
    def retention(self) -> Retention: ...

    @property
    def rulesets(self) -> RuleSets: ...

    @property
    def recoveries(self) -> Recoveries: ...

    @property
    def drains(self) -> Drains: ...

    @property
    def halts(self) -> Halts: ...

    @property
    def webhooks(self) -> Webhooks: ...


class Ledger(Protocol):
    """The node's database. Raises Setback EDX601 (disk full) or EDX602 (away) from any call."""

    @property
    def views(self) -> Views:
        """Queries, without a transaction of the caller's."""

    def book(self) -> AbstractContextManager[Book]:
        """A transaction: committed and durable when the block ends, undone when it raises."""
