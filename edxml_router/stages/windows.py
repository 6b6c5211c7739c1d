"""Messages on their way to a hub, over as many turns as the hub takes: a slow or silent one holds up nobody else.

    window = Window([Sending(transport, parcels, group), …])      # all to one hub
    window.go_on(time.monotonic() + PATIENCE)     # in this turn, and in later ones until window.over
    for sending, finding in window.outcomes(): …  # finding is None where all of it was taken

Messages are handed over PORTION bytes at a time, and made as they are handed over: of a letter of any size only some
pieces are in memory. What a hub owes is not sent again meanwhile; a confirm that comes late counts like one in time.
Nothing here is kept over the end of the process: what was under way is offered again, under the same names.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from edxml_router.core.problems import Finding, Setback
from edxml_router.ports.transport import Handover, Parcel, Transport

PORTION: Final = 16 * 1024 * 1024  # bytes of bodies that a worker holds at once; messages made of them as much again
PATIENCE: Final = 1.0  # seconds that a turn waits for all hubs together; a healthy one needs some milliseconds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sending(Generic[T]):
    """Messages that stand or fall together, and what they carry."""

    transport: Transport
    parcels: Iterable[Parcel]  # gone through once
    group: Sequence[T]


class Window(Generic[T]):
    """Sendings for one hub."""

    def __init__(self, sendings: Sequence[Sending[T]]) -> None:
        self.over = False
        self._sendings = sendings
        self._transport = sendings[0].transport
        self._failed: dict[int, Finding] = {}  # by the sending's place
        self._portions = self._made()
        self._portion: list[tuple[int, Parcel]] = []
        self._handover: Handover | None = None
        self._largest = self._transport.largest_message

    def go_on(self, until: float) -> None:
        """Hand over what the hub takes, and note its answers, as long as it gives them before ``until``."""
        while not self.over:
            if self._handover is None and not self._begin():
                self.over = True
                return
            assert self._handover is not None  # noqa: S101  # begun
            answers = self._handover.wait(max(0.0, until - time.monotonic()))
            if answers is None:
                return
            self._note(answers)
            self._handover, self._portion = None, []

    def outcomes(self) -> Iterator[tuple[Sending[T], Finding | None]]:
        """What became of each sending, once the window is over."""
        for number, sending in enumerate(self._sendings):
            yield sending, self._failed.get(number)

    def carried(self) -> list[T]:
        """Everything that is in it."""
        return [one for sending in self._sendings for one in sending.group]

    def _note(self, answers: Sequence[Finding | None]) -> None:
        smaller = self._transport.largest_message < self._largest  # the hub has just said so: smaller pieces will do
        for (number, _), finding in zip(self._portion, answers, strict=True):
            if finding is not None:
                again = smaller and finding.code == "EDX713"
                self._failed.setdefault(number, replace(finding, code="EDX702") if again else finding)

    def _begin(self) -> bool:
        self._portion = next(self._portions, [])
        self._largest = self._transport.largest_message
        if self._portion:
            self._handover = self._transport.hand_over([parcel for _, parcel in self._portion])
        return bool(self._portion)

    def _made(self) -> Iterator[list[tuple[int, Parcel]]]:
        made: list[tuple[int, Parcel]] = []
        held = 0
        for number, sending in enumerate(self._sendings):
            for parcel in self._readable(number, sending):
                made.append((number, parcel))
                held += len(parcel.message.body)
                if held >= PORTION:
                    yield made
                    made, held = [], 0
                if number in self._failed:
                    break  # what is left of it would be of no use there
        if made:
            yield made

    def _readable(self, number: int, sending: Sending[T]) -> Iterator[Parcel]:
        """The parcels of a sending, until one cannot be made: its body cannot be read any more. It alone fails."""
        try:
            yield from sending.parcels
        except Setback as setback:
            self._failed.setdefault(number, setback.finding)


@dataclass(slots=True)
class Outgoing:
    """What this process has under way, by hub (the ``id`` of its transport), and what it knew in the last turn."""

    letters: dict[int, Window[Any]] = field(default_factory=dict)
    receipts: dict[int, Window[int]] = field(default_factory=dict)
    leased: dict[int, datetime] = field(default_factory=dict)  # ends of leases that were kept on, by delivery
    silent: frozenset[str] | None = None  # routes whose hub did not answer; None before the first look
    bound: object = None  # the routes by which waiting mail was bound last
