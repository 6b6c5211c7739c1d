"""The mailboxes of one hub: a broker, or a directory.

An adapter keeps these promises or raises; a driver's own exception never crosses a port: it becomes a Setback (passing)
or a Defect. One contract suite runs on every adapter. All times are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

from edxml_router.core.problems import Finding

# --- Transport: mailboxes of one hub (a broker, or a directory) ---------------------------------------


@dataclass(frozen=True, slots=True)
class Message:
    """What a transport carries. ``kind`` is one that ``intake.speakers`` names, or an answer to an office; ``id``
    stays the same over repeats."""

    kind: str
    id: str
    body: bytes
    urgent: bool = False
    correlation: str = ""  # id of the message this one answers
    headers: Mapping[str, str] = field(default_factory=dict)  # for people and for tracing, never for decisions
    lifetime: timedelta | None = None  # if not taken by then, the hub withdraws it


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message and the mailbox it goes to (a name from ``topology``)."""

    mailbox: str
    message: Message


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that was taken, to be acknowledged or given back through its transport.

    ``peer`` is the sender *according to the hub* (the broker's ``user_id``), never according to the message; empty when
    the hub could not tell, and then nothing is accepted. ``mailbox`` is where it was taken from, and thereby on which
    hub: only both together identify who speaks (:mod:`edxml_router.intake.speakers`).
    """

    message: Message
    mailbox: str
    peer: str
    token: Any
    redelivered: bool = False


class MailboxDepth(NamedTuple):
    """The messages in a mailbox that nobody has been given, and the number of takers."""

    messages: int
    takers: int


class Handover(Protocol):
    """Parcels on their way to a hub, which answers when it likes."""

    def wait(self, seconds: float) -> Sequence[Finding | None] | None:
        """One answer for each parcel, as from ``Transport.publish``; None while the hub owes any. It ends in any case:
        an answer that never comes becomes EDX701 or EDX705."""


class Transport(Protocol):
    """The mailboxes of one hub, as seen by one user of it.

    No call waits for a hub that is silent for longer than it says: others' mail would wait too.

    ``problem`` is what is wrong with the hub now, for operators; it never raises and never stops a call. A missing
    mailbox, whether to take from or to publish to, is EDX703.

    Only one thread at a time may call (the worker's main thread). A lost connection is restored internally; messages
    taken and not acknowledged before come again, and their old tokens are ignored.
    """

    @property
    def problem(self) -> Finding | None: ...

    @property
    def largest_message(self) -> int:
        """The largest body that the hub takes, in bytes, as far as is known; a larger one is answered with EDX713."""

    @property
    def emptied(self) -> bool:
        """Whether each consumed mailbox has been found empty once, so that what lay there at the start has been
        taken."""

    def consume(self, mailboxes: Sequence[str]) -> None:
        """From now on take from these mailboxes too; from one that does not exist yet, once it does."""

    def take(self, limit: int, wait: float) -> Sequence[Arrival]:
        """Take up to ``limit`` messages, most of them from urgent mailboxes, waiting at most ``wait`` seconds for the
        first. Fewer where they are large, since all are held in memory.

        Mailboxes take turns, so that a full one does not crowd out the others.

        Empty when nothing came or the hub is away (the pipeline has other work then).
        """

    def fileno(self) -> int:
        """A descriptor that becomes readable when something may have come since the last ``take`` began; -1 where
        nothing tells, so that the caller must poll. Messages given back with a delay, and new mailboxes, are found only
        by polling."""

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        """The hub may forget these. Call only after the commit."""

    def give_back(self, arrivals: Iterable[Arrival], delay: float = 1.0) -> None:
        """Have these redelivered, after ``delay`` seconds at the earliest where the hub supports it."""

    @property
    def answering(self) -> bool:
        """Whether the hub answers, as far as is known. False while it cannot be reached, is in alarm, or owes an answer
        that a caller gave up waiting for; what is published meanwhile is not sent, and answered at once. It becomes
        true again by itself."""

    def silence(self, mailbox: str) -> Finding | None:
        """Why this mailbox takes nothing now, as far as is known: its hub does not answer, or the mailbox itself owes a
        confirm (EDX705) that a caller gave up waiting for. What is published there meanwhile gets this answer at once.
        None while it takes messages."""

    def hand_over(self, parcels: Sequence[Parcel]) -> Handover:
        """Begin to publish, without waiting for the hub. The answers are collected later
        (:mod:`edxml_router.stages.forwarding.windows`): for what is much, or large."""

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        """Hand over all parcels, windowed; one answer each, in order, within seconds. For small messages.

        ``None``: the hub has taken responsibility (written and synced, or confirmed by a quorum). Otherwise the reason:
        EDX701 away, EDX702 rejected, EDX703 no such mailbox, EDX705 no confirm in time, EDX706 not permitted, EDX707
        not trusted, EDX713 too large for ever. After EDX705 the message may still have arrived.
        """

    def declared(self) -> None:
        """The mailboxes of the hub have just been declared: forget which were missing in an earlier ``publish``."""

    def depths(self) -> Mapping[str, int]:
        """Messages waiting per mailbox of this user, for operators. Raises Setback EDX701 when away."""

    def waiting(self, mailboxes: Collection[str]) -> Mapping[str, MailboxDepth]:
        """The depth of each of these mailboxes that exists. Raises Setback EDX701, EDX706, EDX707."""

    def close(self) -> None:
        """Close. Unacknowledged messages are redelivered. Idempotent."""
