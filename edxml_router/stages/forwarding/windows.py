"""Messages on their way to mailboxes, for as many turns as each mailbox needs: a slow or silent one holds up no other.

    begun = begin([Sending(transport, mailbox, parcels, group), …], ahead)     # a window for each mailbox
    window.go_on(0.0)                              # in later turns, until window.over
    for sending, finding in window.outcomes(): …   # finding is None where all of it was taken

The window belongs to a mailbox and not to its hub, because a single queue may be silent, for instance one that has lost
its quorum. Messages are made as they are handed over, PORTION bytes at a time, so only some pieces of a letter are in
memory; all windows together hold AHEAD bytes and one message each. What a mailbox owes an answer about is not sent
again meanwhile, and a late confirm counts like one in time. Nothing here outlives the process: what was under way is
offered again under the same names.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Setback
from edxml_router.ports.transport import Handover, Parcel, Transport

PORTION_BYTES: Final = 16 * 1024 * 1024  # bytes of bodies that a worker holds at once; messages take as much again
AHEAD_BYTES: Final = 4 * PORTION_BYTES  # bytes of unconfirmed messages, over all mailboxes
PATIENCE_SECONDS: Final = 1.0  # seconds that a turn waits for all mailboxes together; a healthy one needs milliseconds

T = TypeVar("T")
Box = tuple[int, str]  # the ``id`` of a transport, and a mailbox of its hub
Place = tuple[Route, bool]  # a route, and whether its urgent mailbox is meant


@dataclass(frozen=True, slots=True)
class Sending(Generic[T]):
    """Messages that succeed or fail together, and what they carry."""

    transport: Transport
    mailbox: str
    parcels: Iterable[Parcel]  # gone through once
    group: Sequence[T]

    @property
    def box(self) -> Box:
        return id(self.transport), self.mailbox


@dataclass(slots=True)
class MailboxFill:
    """What this process has put into a mailbox, from which it estimates what lies there: a broker counts only
    messages."""

    messages: int = 0  # since it was seen empty
    size: int = 0  # their bytes
    lay: int = 0  # bytes that lay there at the last check, estimated by the mean
    since: int = 0  # bytes put there since

    @property
    def guess(self) -> int:
        """The most bytes that can lie there now, if nobody else puts anything there."""
        return self.lay + self.since

    def add(self, size: int) -> None:
        """The hub has taken one more message."""
        self.messages, self.size, self.since = self.messages + 1, self.size + size, self.since + size

    def look(self, messages: int) -> None:
        """The hub reports so many messages. All of them, whoever put them there, are taken to be as large as ours."""
        mean = self.size // self.messages if self.messages else 0
        self.lay, self.since = messages * mean, 0
        if not messages:
            self.messages, self.size = min(self.messages, 1), mean


@dataclass(slots=True)
class BytesAhead:
    """Bytes that the windows of this process have handed over without an answer yet, and what they have put where."""

    held: int = 0
    laid: dict[Box, MailboxFill] = field(default_factory=dict)

    @property
    def share(self) -> int:
        """Bytes that one window may hand over now: no more than it leaves free, so that there is some for others."""
        return max(1, min(PORTION_BYTES, (AHEAD_BYTES - self.held) // 2))


class Window(Generic[T]):
    """Sendings for one mailbox."""

    def __init__(self, sendings: Sequence[Sending[T]], ahead: BytesAhead) -> None:
        self.over = False
        self._ahead = ahead
        self._sendings = sendings
        self._transport = sendings[0].transport
        self._failed: dict[int, Finding] = {}  # by the sending's place
        self._portions = self._made()
        self._portion: list[tuple[int, Parcel]] = []
        self._handover: Handover | None = None
        self._largest = self._transport.largest_message

    def go_on(self, until: float) -> None:
        """Hand over what the mailbox takes, and note the answers that come before ``until``."""
        while not self.over:
            if self._handover is None and not self._begin():
                self.over = True
                return
            assert self._handover is not None  # noqa: S101  # begun
            answers = self._handover.wait(max(0.0, until - time.monotonic()))
            if answers is None:
                return
            self._ahead.held -= _size(self._portion)
            self._note(answers)
            self._handover, self._portion = None, []

    def outcomes(self) -> Iterator[tuple[Sending[T], Finding | None]]:
        """The result of each sending, once the window is over."""
        for number, sending in enumerate(self._sendings):
            yield sending, self._failed.get(number)

    def carried(self) -> list[T]:
        """Everything that is in it."""
        return [one for sending in self._sendings for one in sending.group]

    def _note(self, answers: Sequence[Finding | None]) -> None:
        smaller = self._transport.largest_message < self._largest  # the hub has just said so: smaller pieces will fit
        laid = self._ahead.laid.setdefault(self._sendings[0].box, MailboxFill())
        for (number, parcel), finding in zip(self._portion, answers, strict=True):
            if finding is None or finding.code == "EDX705":  # which may have arrived all the same
                laid.add(len(parcel.message.body))
            if finding is not None:
                again = smaller and finding.code == "EDX713"
                self._failed.setdefault(number, replace(finding, code="EDX702") if again else finding)

    def _begin(self) -> bool:
        self._portion = next(self._portions, [])
        self._largest = self._transport.largest_message
        if self._portion:
            self._ahead.held += _size(self._portion)
            self._handover = self._transport.hand_over([parcel for _, parcel in self._portion])
        return bool(self._portion)

    def _made(self) -> Iterator[list[tuple[int, Parcel]]]:
        made: list[tuple[int, Parcel]] = []
        held, share = 0, self._ahead.share
        for number, sending in enumerate(self._sendings):
            for parcel in self._readable(number, sending):
                made.append((number, parcel))
                held += len(parcel.message.body)
                if held >= share:
                    yield made
                    made, held, share = [], 0, self._ahead.share
                if number in self._failed:
                    break  # the rest would be of no use there
        if made:
            yield made

    def _readable(self, number: int, sending: Sending[T]) -> Iterator[Parcel]:
        """The parcels of a sending, until one cannot be made because its body cannot be read. Only that sending
        fails."""
        try:
            yield from sending.parcels
        except Setback as setback:
            self._failed.setdefault(number, setback.finding)


def _size(portion: Sequence[tuple[int, Parcel]]) -> int:
    return sum(len(parcel.message.body) for _, parcel in portion)


def open_windows(
    sendings: Iterable[Sending[T]], ahead: BytesAhead, patience: float = PATIENCE_SECONDS
) -> dict[Box, Window[T]]:
    """Hand over to all these mailboxes at once, and wait so long for them together. Returns their windows, over or
    not."""
    boxes: dict[Box, list[Sending[T]]] = defaultdict(list)
    for sending in sendings:
        boxes[sending.box].append(sending)
    begun = {box: Window(group, ahead) for box, group in boxes.items()}
    for each in begun.values():
        each.go_on(0.0)
    go_on_together(begun.values(), patience)
    return begun


def go_on_together(windows: Iterable[Window[Any]], patience: float = PATIENCE_SECONDS) -> None:
    """Go on with these together for so long."""
    until = time.monotonic() + patience
    for each in windows:
        each.go_on(until)


@dataclass(slots=True)
class Outgoing:
    """What this process has under way, by mailbox, and what it knew last turn."""

    letters: dict[Box, Window[Delivery]] = field(default_factory=dict)
    offers: dict[Box, Window[Delivery]] = field(default_factory=dict)
    receipts: dict[Box, Window[int]] = field(default_factory=dict)
    ahead: BytesAhead = field(default_factory=BytesAhead)
    leased: dict[int, datetime] = field(default_factory=dict)  # ends of leases that were kept on, by delivery
    silent: Mapping[Place, Finding] | None = None  # mailboxes that did not answer, and why; None before the first look
    noted: Mapping[Place, Finding] = field(default_factory=dict)  # of these, what is written down
    bound: object = None  # the routes by which waiting mail was bound last

    @property
    def owed(self) -> bool:
        """Whether any hub still owes an answer."""
        return bool(self.letters or self.receipts)
