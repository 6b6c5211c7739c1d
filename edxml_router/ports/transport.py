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
    only both together say who speaks (:mod:`edxml_router.intake.speakers`).
    """

    message: Message
    mailbox: str
    peer: str
    token: Any
    redelivered: bool = False


class MailboxDepth(NamedTuple):
    """What lies in a mailbox and was not given to anybody, and how many take from it."""

    messages: int
    takers: int


class Handover(Protocol):
    """Parcels on their way to a hub, which answers when it likes."""

    def wait(self, seconds: float) -> Sequence[Finding | None] | None:
        """One answer for each parcel, as those of ``Transport.publish``; None while the hub owes some. It answers in
        the end: what it never says becomes EDX701 or EDX705."""


class Transport(Protocol):
    """The mailboxes of one hub, as seen by one user of it.

    No call waits for a hub that is silent for longer than it says: others' mail would wait too.

    ``problem`` is what is wrong with the hub now, for operators; it never raises, and never stops a call. A mailbox
    that is not there, to take from or to publish to, is EDX703.

    Calls may come from one thread at a time (the worker's main thread). A lost connection is mended inside;
    what was taken and not acknowledged before the loss comes again, and a token from before it is ignored.
    """

    @property
    def problem(self) -> Finding | None: ...

    @property
    def largest_message(self) -> int:
        """Bytes of a body that the hub takes, as far as is known; a larger one is answered EDX713."""

    @property
    def emptied(self) -> bool:
        """Whether each mailbox consumed has been found empty once: what lay there at the start has been taken."""

    def consume(self, mailboxes: Sequence[str]) -> None:
        """Take from these mailboxes as well, from now on. One that does not exist yet is taken from once it does."""

    def take(self, limit: int, wait: float) -> Sequence[Arrival]:
        """Up to ``limit`` messages, most of them from urgent mailboxes; at most ``wait`` seconds for the first. Fewer
        where they are large: all of them are in memory.

        Mailboxes are taken from in turn: one that has much waiting takes no place that another could fill.

        Empty when nothing came or when the hub is away (the pipeline has other work to do then).
        """

    def fileno(self) -> int:
        """A descriptor that is readable when something may have come since the last ``take`` began; -1 where nobody
        tells, and it has to be looked. What was given back for a while, and mailboxes that are new, are looked for
        only."""

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        """These are done with: the hub may forget them. Call only after the commit."""

    def give_back(self, arrivals: Iterable[Arrival], delay: float = 1.0) -> None:
        """Not now: they come again, not before ``delay`` seconds where the hub can do so."""

    @property
    def answering(self) -> bool:
        """Whether the hub answers, as far as is known. Not while it cannot be reached, is in alarm, or has owed an
        answer for so long that somebody gave up waiting; what is published meanwhile is answered at once, and not
        sent. It becomes true again by itself."""

    def silence(self, mailbox: str) -> Finding | None:
        """Why nothing is handed over to this mailbox now, as far as is known: its hub does not answer, or it has itself
        owed a confirm (EDX705) for so long that somebody gave up waiting. What is published there meanwhile is
        answered so at once. None while it is taken."""

    def hand_over(self, parcels: Sequence[Parcel]) -> Handover:
        """Begin to publish, without waiting for the hub. The answers are looked for later
        (:mod:`edxml_router.stages.forwarding.windows`): for what is much, or large."""

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        """Hand over all parcels, windowed; one answer each, in order, within some seconds. For what is small.

        ``None``: the hub has taken responsibility (written and synced, or confirmed by a quorum). Otherwise
        why not: EDX701 away, EDX702 not taken, EDX703 no such mailbox, EDX705 no confirm in time, EDX706 not
        permitted, EDX707 no trust, EDX713 too large for good. After EDX705 it may have arrived all the same.
        """

    def declared(self) -> None:
        """The mailboxes of the hub have just been made: none that was missing in an earlier ``publish`` is missing."""

    def depths(self) -> Mapping[str, int]:
        """Messages waiting per mailbox of this user, for operators. Raises Setback EDX701 when away."""

    def waiting(self, mailboxes: Collection[str]) -> Mapping[str, MailboxDepth]:
        """How things stand in each of these mailboxes that is there. Raises Setback EDX701, EDX706, EDX707."""

    def close(self) -> None:
        """Let go; unacknowledged messages come again to somebody. Idempotent."""
