"""The few contracts between the pipeline and the outside, in prose.

An adapter keeps these promises or raises; a driver's own exception never crosses a port: it becomes a Setback (passing)
or a Defect. One contract suite runs on every adapter. All times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from edxml_router.core.journal import Entry
from edxml_router.core.lifecycle import Event, State
from edxml_router.core.problems import Finding
from edxml_router.core.provoked import Provoked
from edxml_router.core.resync import Recoveries
from edxml_router.core.transfer import Chunk, Hop, Receipt, Transfer, letter_name

# --- Transport: mailboxes of one hub (a broker, or a directory) ---------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """What a transport carries. ``kind`` is one of ``topology.KINDS``; ``id`` stays the same over repeats."""

    kind: str
    id: str
    body: bytes
    urgent: bool = False
    correlation: str = ""  # id of the message this one answers
    headers: Mapping[str, str] = field(default_factory=dict)  # for people and tracing; never for decisions
    lifetime: timedelta | None = None  # what is not taken by then is withdrawn: nobody gets it any more


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message and the mailbox it goes to (a name from ``topology``)."""

    mailbox: str
    message: Message


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was taken and must be acknowledged or given back through its transport.

    ``peer`` is who sent it *as the hub says* (the broker's ``user_id``), never what the message says; empty when the
    hub could not tell, and then nothing is accepted. ``mailbox`` is where we took it from, and so which hub it is on:
    only both together say who speaks (:mod:`edxml_router.speakers`).
    """

    message: Message
    mailbox: str
    peer: str
    token: Any
    redelivered: bool = False


class Transport(Protocol):
    """The mailboxes of one hub, as seen by one user of it.

    ``problem`` is what is wrong with the hub now, for operators; it never raises, and never stops a call. A mailbox
    that is not there, to take from or to publish to, is EDX703.

    Calls may come from one thread at a time (the worker's main thread). A lost connection is mended inside;
    what was taken and not acknowledged before the loss comes again, and a token from before it is ignored.
    """

    @property
    def problem(self) -> Finding | None: ...

    @property
    def emptied(self) -> bool:
        """Whether each mailbox consumed has been found empty once: what lay there at the start has been taken."""

    def consume(self, mailboxes: Sequence[str]) -> None:
        """Take from these mailboxes as well, from now on. One that does not exist yet is taken from once it does."""

    def take(self, limit: int, wait: float) -> Sequence[Arrival]:
        """Up to ``limit`` messages, most of them from urgent mailboxes; at most ``wait`` seconds for the first.

        Mailboxes are taken from in turn: one that has much waiting takes no place that another could fill.

        Empty when nothing came or when the hub is away (the pipeline has other work to do then).
        """

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        """These are done with: the hub may forget them. Call only after the commit."""

    def give_back(self, arrivals: Iterable[Arrival], delay: float = 1.0) -> None:
        """Not now: they come again, not before ``delay`` seconds where the hub can do so."""

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        """Hand over all parcels, windowed; one answer each, in order.

        ``None``: the hub has taken responsibility (written and synced, or confirmed by a quorum). Otherwise
        why not: EDX701 away, EDX702 not taken, EDX703 no such mailbox, EDX705 no confirm in time, EDX706 not
        permitted, EDX707 no trust. After EDX705 the message may have arrived all the same.
        """

    def declared(self) -> None:
        """The mailboxes of the hub have just been made: none that was missing in an earlier ``publish`` is missing."""

    def depths(self) -> Mapping[str, int]:
        """Messages waiting per mailbox of this user, for operators. Raises Setback EDX701 when away."""

    def waiting(self, mailbox: str) -> int:
        """Messages that lie in this mailbox, not taken by anybody. Raises Setback EDX701, EDX703, EDX706, EDX707."""

    def close(self) -> None:
        """Let go; unacknowledged messages come again to somebody. Idempotent."""


# --- Ledger: the journal, envelopes and deliveries in SQL --------------------------------------------


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """What the ledger keeps of an accepted envelope: ids and verdicts, no content."""

    digest: str  # SHA-256 of the bytes, hex; the envelope's identity on every node
    identity: str  # sender, business kind and DocumentId as one key: unique among accepted envelopes
    kind: str  # "document" | "status"
    business: int
    sender: str  # canonical agency code
    document_id: str  # as written
    refers_to: tuple[str, ...]  # ids of other documents, in their comparable form
    status_code: str
    size: int
    attachments: int
    urgent: bool
    accepted_at: datetime
    expires_at: datetime
    peer: str  # who brought it
    channel: str  # "cli", "amqp", "link", …
    indication: str  # of the signature
    reason: str
    signer: str  # SHA-256 of the signer's public key, hex; empty when unsigned
    remarks: tuple[str, ...] = ()  # problem codes
    hops: tuple[Hop, ...] = ()  # up to and including this node
    document_key: str = ""  # ``document_id`` in its comparable form (core.document_id): by it documents are found


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be made: always starts QUEUED. ``origin`` is the link or office that receipts go back to."""

    digest: str
    recipient: str  # canonical agency code
    route: str  # "link:NAME" or "office:NAME"
    origin: str  # "link:NAME" or "office:NAME"
    generation: int
    urgent: bool
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery as it stands. ``version`` counts its changes and guards updates."""

    id: int
    digest: str
    recipient: str
    state: State
    route: str
    origin: str
    generation: int
    attempts: int
    urgent: bool
    due_at: datetime  # next attempt, end of the lease, overdue time, or when an inbox is looked at again, by state
    expires_at: datetime
    far_accepted: bool  # the next node has committed it: nothing is sent again, only asked
    code: str  # last problem
    detail: str
    updated_at: datetime
    version: int
    lapses: int = 0  # leases in a row that ran out without an outcome: the worker ended while it had this in hand
    ended_at: datetime | None = None  # when it happened, as its witness dated it; only of what has ended

    @property
    def name(self) -> str:
        """What its office knows it by; ``id`` is a number of this database, for the node and its operators only."""
        return letter_name(self.digest, self.recipient)


@dataclass(frozen=True, slots=True)
class Move:
    """A guarded change of one delivery: applied only if ``delivery.version`` is still the stored one.

    ``after`` comes from ``lifecycle.advance``. Fields left ``None`` keep their value, but ``ended_at`` is of the move.
    """

    delivery: Delivery
    event: Event
    after: State
    due_at: datetime | None = None
    attempts: int | None = None
    far_accepted: bool | None = None
    generation: int | None = None
    origin: str | None = None
    route: str | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    code: str = ""
    detail: str = ""
    actor: str = "node"


@dataclass(frozen=True, slots=True)
class Aside:
    """Input that was refused or could not be read, kept for the operator; of a :class:`Body` only its metadata."""

    at: datetime
    peer: str
    channel: str
    code: str
    where: str
    detail: str
    data: bytes | Body
    document_id: str = ""  # in its comparable form, as far as it could be read


class Book(Provoked, Recoveries, Protocol):
    """The ledger inside one transaction. All methods work on sets, because batches are the unit of work.

    Every method that changes state writes the journal entries itself, in this same transaction (P4): one entry
    for each envelope, delivery and move. Nothing is visible to others before the transaction ends.
    """

    def add_envelopes(self, rows: Sequence[EnvelopeRow]) -> set[str]:
        """Insert those that are new (by digest and by identity); the digests that were inserted."""

    def envelopes(self, digests: Iterable[str]) -> Mapping[str, EnvelopeRow]:
        """Those of ``digests`` that are known."""

    def identities(self, identities: Iterable[str]) -> Mapping[str, str]:
        """Which accepted digest holds each of these identities."""

    def brought(self, peer: str, since: datetime) -> tuple[int, int, int]:
        """How many messages, bytes and recipients of ``peer`` were accepted since then."""

    def add_bodies(self, bodies: Mapping[str, bytes | Body]) -> None:
        """Keep the bytes of envelopes by digest (small ones inside this transaction, see :class:`Bodies`)."""

    def add_deliveries(self, rows: Sequence[NewDelivery]) -> set[tuple[str, str]]:
        """Insert those that are new; the (digest, recipient) pairs that were inserted."""

    def deliveries(self, digests: Iterable[str]) -> Sequence[Delivery]:
        """All deliveries of these envelopes."""

    def deliveries_by_id(self, numbers: Iterable[int]) -> Sequence[Delivery]:
        """The deliveries with these numbers, in no order."""

    def claim(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Take up to ``limit`` deliveries that are due at ``now`` and not expired, under a lease to ``until``.

        Due are QUEUED, DEFERRED, FORWARDING whose lease ended, and FORWARDED that are overdue, by due time, urgent ones
        first but for a share of the places. Each comes back in state FORWARDING; ``attempts`` is one higher.
        No two callers get the same one while the lease lasts (SKIP LOCKED, or the write lock of SQLite). Of those
        whose lease has run out twice in a row or more only the deliveries of one envelope are taken at once: what
        ends its worker again and again must not bring others under the same suspicion.
        """

    def offered(
        self, now: datetime, until: datetime, limit: int, routes: Sequence[str]
    ) -> Sequence[Delivery]:
        """Take up to ``limit`` AVAILABLE deliveries of these routes that are due and not expired, under a lease.

        They stay AVAILABLE: it is their inbox that is looked at. ``attempts`` is one higher than before.
        """

    def unanswered(self, route: str) -> int:
        """How many deliveries of this route are AVAILABLE and have been looked at before: attempt 1 was the offer."""

    def look_again(self, numbers: Iterable[int], at: datetime, problem: Finding | None) -> None:
        """When the mailboxes of these are looked at again, if they are still AVAILABLE, and what was wrong now."""

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

    def book(self) -> AbstractContextManager[Book]:
        """A transaction: committed and durable when the block ends, undone when it raises."""


# --- Bodies: the bytes of accepted envelopes ---------------------------------------------------------


class Body(Protocol):
    """A document too large to be held in memory, set down on disk; nobody else can change it.

    A :class:`~edxml_router.core.skeleton.Source`. Reading raises Setback EDX601 when the disk fails.
    """

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, hex."""

    @property
    def size(self) -> int: ...

    def __len__(self) -> int: ...

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` to before ``stop``, in order, in pieces that are never empty."""

    def discard(self) -> None:
        """It is no longer needed here; what was staged stays. Idempotent."""


class Bodies(Protocol):
    """The documents by digest. Small ones live in the database, large ones in files."""

    def receive(self, pieces: Iterable[bytes]) -> Body:
        """Set down a document that arrives in pieces; not durable yet, and nobody refers to it.

        The caller discards it in the end. Raises Setback EDX601, and what ``pieces`` raises.
        """

    def stage(self, bodies: Mapping[str, bytes | Body]) -> None:
        """Write the large ones among these durably, before the transaction that refers to them.

        A crash leaves an unreferenced file, which the sweep removes. Raises Setback EDX601 when the disk is
        full or below the reserve.
        """

    def read(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        """The bytes, each checked against its digest; one that is damaged or missing is left out."""

    def open(self, digests: Iterable[str]) -> Mapping[str, bytes | Body]:
        """As :meth:`read`, but what is larger than ``skeleton.LARGE`` stays on disk: a :class:`Body`, checked as well.

        To discard such a body removes nothing.
        """

    def keep_chunk(self, peer: str, chunk: Chunk, piece: bytes, quota: int) -> bool:
        """Keep a piece of a body that ``peer`` sends in chunks (durable, idempotent), or answer False.

        That is when the bodies that this peer has begun would take more than ``quota`` bytes if all were sent.
        """

    def assembled(self, peer: str, transfer: Transfer) -> bytes | Body | None:
        """The whole body once all chunks are here and the digest is right; None while some are missing.

        A :class:`Body` when it is larger than ``skeleton.LARGE``; the caller discards it in the end.

        Chunks that add up to another digest are dropped, and None is the answer: they will be sent again.
        """

    def drop_chunks(self, peer: str, envelope: str) -> None:
        """The pieces are no longer needed."""


class Clock(Protocol):
    """Time and chance, the two things that core may not fetch itself."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""

    def chance(self) -> float:
        """A random number in [0, 1)."""
