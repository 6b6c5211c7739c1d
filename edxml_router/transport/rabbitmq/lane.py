"""One mailbox as a publisher reaches it: a channel of its own, what waits for it, and what is under way there.

A channel for each mailbox, because a broker takes what comes over a channel one after the other: the first message for
a quorum queue without its majority keeps the whole channel, and with it all that any other queue has confirmed.

A mailbox may have as much under way as it leaves free in the window of the connection, and always one message. So
whatever others owe, its mail goes on, and all together stay within the window but for one message of each. It is
*silent* from when somebody gave up waiting for its confirm until that comes, or for as long as is said; nothing is sent
there meanwhile. All on the I/O thread.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import pika

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.observe import measures
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq.calls import Call, Job
from edxml_router.transport.rabbitmq.connection import GOING, RabbitSettings
from edxml_router.transport.rabbitmq.properties import properties

_SILENCE: Final = 10  # times the wait for a confirm, until a mailbox that gave none is tried again
# What RabbitMQ says of a body that is too large for it; nothing else tells what it takes.
_TOO_LARGE: Final = re.compile(r"message size \d+ .*max size (\d+)")


@dataclass(slots=True)
class Outflow:
    """What the mailboxes of one connection share: how much is under way, and what the broker was found to take."""

    settings: RabbitSettings
    heard: Callable[[], None]  # told when the broker says something
    largest: int  # bytes of a body; less once the broker has said so
    blocked: bool = False  # it is in alarm
    messages: int = 0  # under way, as the bytes
    bytes: int = 0

    def finding(self, code: str, detail: str = "") -> Finding:
        return Finding(code, self.settings.place, detail)


class Lane:
    """One mailbox.

    When the broker closes the channel it does not say which of the messages under way displeased it. They are
    sent again one at a time (``_careful`` counts down), and the one alone at the next closing is answered. So
    a bad parcel never fails the others of its batch; those may arrive twice, which the receiver recognises.
    """

    def __init__(self, mailbox: str, outflow: Outflow) -> None:
        self.mailbox = mailbox
        self._outflow = outflow
        self._settings = outflow.settings
        self._address = topology.address(mailbox)
        self._connection: pika.SelectConnection | None = None  # on which the channel is, or is being opened
        self._channel: Any = None  # None until it is open and confirming
        self._waiting: deque[Job] = deque()
        self._under_way: dict[int, Job] = {}  # by delivery tag, in order of sending
        self._late: set[int] = set()  # tags of what was given up, and may still be confirmed
        self._bytes = 0  # under way
        self._tag = 0
        self._careful = 0
        self._silent_at: float | None = None

    @property
    def busy(self) -> bool:
        """Whether anything waits or is under way."""
        return bool(self._waiting or self._under_way)

    @property
    def silent(self) -> bool:
        """Whether nothing is sent there now; from any thread."""
        at = self._silent_at
        return at is not None and time.monotonic() < at + _SILENCE * self._settings.confirm_timeout

    def send(self, jobs: Iterable[Job], connection: pika.SelectConnection | None) -> None:
        """Send these as soon as there is room, and a connection."""
        self._waiting.extend(jobs)
        if connection is not None:
            self.open(connection)
        self.pump()

    def open(self, connection: pika.SelectConnection) -> None:
        """Open the channel, if there is anything to send and none."""
        if not self._waiting or self._connection is not None or not connection.is_open:
            return
        self._connection = connection
        try:
            connection.channel(on_open_callback=self._opened)
        except pika.exceptions.NoFreeChannels:
            self._connection = None
            self.fail(self._outflow.finding("EDX702", self.mailbox))

    def pump(self) -> None:
        """Send what there is room for."""
        while self._waiting and self.silent:
            self._waiting.popleft().answer(self._unconfirmed())
        while self._waiting and self._channel is not None and not self._outflow.blocked and self._has_room():
            job = self._waiting.popleft()
            if job.size > self._outflow.largest:  # the broker would close the channel, under all others of the window
                job.answer(self._too_large(job))
                continue
            try:
                self._channel.basic_publish(
                    *self._address,
                    job.parcel.message.body,
                    properties(job.parcel.message, self._settings.user),
                    mandatory=True,
                )
            except GOING:  # what closes it answers for all, or opens another
                self._waiting.appendleft(job)
                break
            except Exception as error:  # noqa: BLE001 - whatever pika cannot encode must not fail its batch-mates
                detail = Detail("not to be sent: {why}", why=in_words(error))
                job.answer(Finding("EDX699", job.parcel.message.id[:80], detail))
                continue
            self._tag += 1
            job.sent_at = time.monotonic()
            self._under_way[self._tag] = job
            self._count(1, job.size)

    def give_up(self, call: Call) -> None:
        """Nobody waits for this call any longer, though the broker answers others: the mailbox is silent."""
        owed = [job for job in call.jobs if job.mailbox == self.mailbox and not job.answered]
        if owed:
            self.withdraw(call)
            self._silent_at = time.monotonic()
            for job in owed:
                job.answer(self._unconfirmed())

    def give_up_overdue(self, sent_before: float, heard_at: float) -> None:
        """What was sent before that moment is not waited for any longer, where the broker has been heard since."""
        for tag, job in list(self._under_way.items()):
            if job.sent_at <= sent_before and job.sent_at < heard_at:
                self._leave(tag)
                self._late.add(tag)
                self._silent_at = time.monotonic()
                self._careful = max(0, self._careful - 1)
                job.answer(self._unconfirmed())
        self.pump()

    def withdraw(self, call: Call) -> None:
        """Nothing more of this call is sent."""
        self._waiting = deque(job for job in self._waiting if job.call is not call)

    def fail(self, problem: Finding) -> None:
        """This is the answer to everything."""
        jobs = [*self._forget(), *self._waiting]
        self._waiting.clear()
        for job in jobs:
            job.answer(problem)

    def lost(self, problem: Finding) -> None:
        """The connection has gone; on another one the mailbox begins anew."""
        self._connection, self._channel, self._careful, self._silent_at = None, None, 0, None
        self.fail(problem)

    def _opened(self, channel: Any) -> None:
        if channel.connection is not self._connection:
            return
        self._outflow.heard()
        channel.add_on_close_callback(self._closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(lambda frame: self._on_confirm(channel, frame), lambda _frame: self._ready(channel))

    def _ready(self, channel: Any) -> None:
        if channel.connection is not self._connection:
            return
        self._channel, self._tag = channel, 0
        self._late.clear()
        self.pump()

    def _on_confirm(self, channel: Any, frame: Any) -> None:
        if channel is not self._channel:
            return
        self._outflow.heard()
        self._silent_at = None
        method = frame.method
        refused = isinstance(method, pika.spec.Basic.Nack)
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [tag for tag in self._under_way if tag <= method.delivery_tag]
            self._late = {tag for tag in self._late if tag > method.delivery_tag}
        for tag in tags:
            self._late.discard(tag)
            job = self._leave(tag)
            if job is None:
                continue
            self._careful = max(0, self._careful - 1)
            if job.returned:
                job.answer(self._outflow.finding("EDX703", self.mailbox))
            else:
                measures.confirmed(self._settings.place, time.monotonic() - job.sent_at)
                job.answer(self._outflow.finding("EDX702", self.mailbox) if refused else None)
        self.pump()

    def _on_return(self, _channel: Any, _method: Any, told: pika.BasicProperties, _body: bytes) -> None:
        """No queue is bound there. The confirm follows; a return carries no tag, hence the search."""
        for job in self._under_way.values():
            if job.parcel.message.id == told.message_id and not job.returned:
                job.returned = True
                return

    def _closed(self, channel: Any, reason: BaseException) -> None:
        if channel.connection is not self._connection:
            return
        self._connection = self._channel = None
        if not isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            return  # the connection went, and tells so itself
        jobs = self._forget()
        told = largest_told(reason.reply_text)
        if told is not None:
            self._outflow.largest = min(self._outflow.largest, told)
        if len(jobs) == 1 and told is not None:
            self._careful = max(0, self._careful - 1)
            jobs[0].answer(self._too_large(jobs[0]))
        elif len(jobs) == 1:
            code = {403: "EDX706", 404: "EDX703"}.get(reason.reply_code, "EDX702")
            self._careful = max(0, self._careful - 1)
            jobs[0].answer(self._outflow.finding(code, f"{self.mailbox}: {reason.reply_code}"))
        else:
            self._careful = len(jobs)
            self._waiting.extendleft(reversed(jobs))
        self.open(channel.connection)

    def _has_room(self) -> bool:
        if not self._under_way:
            return True
        free = self._settings.window - self._outflow.messages
        free_bytes = self._settings.window_bytes - self._outflow.bytes
        return not self._careful and len(self._under_way) < free and self._bytes < free_bytes

    def _leave(self, tag: int) -> Job | None:
        job = self._under_way.pop(tag, None)
        if job is not None:
            self._count(-1, -job.size)
        return job

    def _forget(self) -> list[Job]:
        """What is under way, which no longer is: a late confirm finds nothing."""
        return [job for tag in list(self._under_way) if (job := self._leave(tag))]

    def _count(self, messages: int, size: int) -> None:
        self._bytes += size
        self._outflow.messages += messages
        self._outflow.bytes += size

    def _unconfirmed(self) -> Finding:
        return self._outflow.finding("EDX705", self.mailbox)

    def _too_large(self, job: Job) -> Finding:
        box, size, most = self.mailbox, job.size, self._outflow.largest
        detail = Detail("{box}: {size} bytes, at most {most}", box=box, size=size, most=most)
        return self._outflow.finding("EDX713", detail)


def largest_told(text: str) -> int | None:
    """The bytes that a broker takes at most, if this is its refusal of a larger body."""
    found = _TOO_LARGE.search(text)
    return int(found[1]) if found else None
