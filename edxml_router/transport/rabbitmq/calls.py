"""What is asked of a publisher: parcels handed over, or a look into mailboxes; and the answers so far."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence

from edxml_router.core.problems import Finding
from edxml_router.ports.transport import MailboxDepth, Parcel
from edxml_router.transport.rabbitmq.connection import Loop

Told = Callable[[Sequence[Parcel], Sequence[Finding | None]], None]


class Call:
    """Parcels handed over together, and the answers so far; see :class:`edxml_router.ports.transport.Handover`."""

    def __init__(self, parcels: Sequence[Parcel], loop: Loop, told: Told) -> None:
        self.parcels = parcels
        self.made_at = time.monotonic()
        self._loop = loop
        self._told = told  # called with the answers by whoever waits for them
        self.answers: list[Finding | None] = [None] * len(parcels)
        self.left = len(parcels)
        self.jobs = [Job(self, index) for index in range(len(parcels))]
        self.done = threading.Event()
        if not parcels:
            self.done.set()

    def wait(self, seconds: float) -> Sequence[Finding | None] | None:
        self._loop.check()
        if not self.done.wait(seconds):
            return None
        self._told(self.parcels, self.answers)
        return self.answers

    def refuse(self, problem: Finding) -> None:
        """This problem is the answer to what has none yet."""
        for job in self.jobs:
            job.answer(problem)


class Job:
    """One parcel of a call, on its way."""

    __slots__ = ("answered", "call", "index", "parcel", "returned", "sent_at")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index
        self.parcel = call.parcels[index]
        self.sent_at = 0.0
        self.returned = False
        self.answered = False

    @property
    def mailbox(self) -> str:
        return self.parcel.mailbox

    @property
    def size(self) -> int:
        return len(self.parcel.message.body)

    def answer(self, answer: Finding | None) -> None:
        """Only the first answer counts: a confirm may come after its call was given up."""
        if self.answered:
            return
        self.answered = True
        self.call.answers[self.index] = answer
        self.call.left -= 1
        if not self.call.left:
            self.call.done.set()


class DepthQuery:
    """How things stand in some mailboxes, on its way. Those that are missing are left out."""

    def __init__(self, mailboxes: Collection[str]) -> None:
        self.left = sorted(mailboxes)
        self.asked = ""  # the mailbox whose answer is owed, once the broker has taken the question
        self.found: dict[str, MailboxDepth] = {}
        self.problem: Finding | None = None
        self.done = threading.Event()

    def fail(self, problem: Finding) -> None:
        """The end, unless it had one."""
        if not self.done.is_set():
            self.problem = problem
            self.done.set()
