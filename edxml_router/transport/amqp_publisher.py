"""Publishing over AMQP with confirms: a window of unconfirmed messages, one honest answer for each parcel.

Hand a :class:`Call` to ``Publisher.send`` on the I/O thread, then wait for it on your own, and give it up when that is
enough: what is under way stays so, and while its confirms are owed nothing else is sent. The answers are None
(confirmed), EDX701 (away), EDX702 (full, or in alarm), EDX703 (no such queue), EDX705 (no
confirm), EDX706 (not permitted), EDX707 (no trust), EDX713 (too large) or EDX699
(cannot be expressed in AMQP).
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import pika

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.ports.transport import Parcel, Waiting
from edxml_router.transport import topology
from edxml_router.transport.amqp_connection import GOING, Connection, Loop, RabbitSettings
from edxml_router.transport.amqp_properties import properties

_STUCK: Final = 10  # times the wait for a confirm, until a mailbox that gave none is tried again
_ALARM = Detail("the broker is in alarm")
# What RabbitMQ says of a body that is too large for it; nothing else tells what it takes.
_TOO_LARGE: Final = re.compile(r"message size \d+ .*max size (\d+)")

Told = Callable[[Sequence[Parcel], Sequence[Finding | None]], None]


class Call:
    """Parcels handed over together, and the answers so far; see :class:`edxml_router.ports.transport.Handover`."""

    def __init__(self, parcels: Sequence[Parcel], loop: Loop, told: Told) -> None:
        self.parcels = parcels
        self._loop = loop
        self._told = told  # called with the answers by whoever waits for them
        self.answers: list[Finding | None] = [None] * len(parcels)
        self.left = len(parcels)
        self.jobs = [_Job(self, index) for index in range(len(parcels))]
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


class _Job:
    """One parcel of a call, on its way."""

    __slots__ = ("answered", "call", "index", "parcel", "returned", "sent_at")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index
        self.parcel = call.parcels[index]
        self.sent_at = 0.0
        self.returned = False
        self.answered = False

    def answer(self, answer: Finding | None) -> None:
        """Only the first answer counts: a confirm may come after its call was given up."""
        if self.answered:
            return
        self.answered = True
        self.call.answers[self.index] = answer
        self.call.left -= 1
        if not self.call.left:
            self.call.done.set()


class Question:
    """How things stand in some mailboxes, on its way. Those that are missing are left out."""

    def __init__(self, mailboxes: Collection[str]) -> None:
        self.left = sorted(mailboxes)
        self.found: dict[str, Waiting] = {}
        self.problem: Finding | None = None
        self.done = threading.Event()

    def fail(self, problem: Finding) -> None:
        """The end, unless it had one."""
        if not self.done.is_set():
            self.problem = problem
            self.done.set()


class Publisher:
    """Sends parcels in a window of unconfirmed messages; all on the I/O thread.

    When the broker closes the channel it does not say which of the messages under way displeased it. They are
    sent again one at a time (``_careful`` counts down), and the one alone at the next closing is answered. So
    a bad parcel never fails the others of its batch; those may arrive twice, which the receiver recognises.
    """

    def __init__(self, loop: Loop, settings: RabbitSettings) -> None:
        self.connection = Connection(loop, settings, self._connected, self._lost)
        self.largest = settings.largest_message  # bytes of a body; less once the broker has said so
        self._loop = loop
        self._settings = settings
        self._questions: list[Question] = []  # until there is a connection
        self._native: pika.SelectConnection | None = None
        self._channel: Any = None  # None until it is open and confirming
        self._waiting: deque[_Job] = deque()
        self._unconfirmed: dict[int, _Job] = {}  # by delivery tag, in order of sending
        self._bytes = 0  # of the unconfirmed
        self._stuck: dict[int, tuple[str, float]] = {}  # mailboxes that do not confirm while others do, and since when
        self._tag = 0
        self._careful = 0
        self._blocked = False
        self._refusing = False  # blocked for longer than we wait
        self._block_timer: Any = None
        self._owing = False  # somebody gave up waiting, and the broker has said nothing since
        self._progress_at = 0.0  # the last time that a confirm came, or that there was nothing to wait for
        self._watching = False

    def send(self, call: Call) -> None:
        if self.connection.state == "new":
            self.connection.open()
        if self.connection.state in ("away", "closed"):
            call.refuse(self.connection.problem or self._finding("EDX701"))
        elif self._refusing:
            call.refuse(self._finding("EDX702", _ALARM))
        elif self._owing:
            call.refuse(self._owed())
        else:
            if not self._unconfirmed and not self._waiting:
                self._progress_at = time.monotonic()
            self._waiting.extend(call.jobs)
            self._pump()
            self._keep_watch()

    def give_up(self, call: Call) -> None:
        """Nobody waits for this any longer: what was not sent is not sent any more, and what was is answered "not
        confirmed", whatever comes of it."""
        if call.done.is_set():
            return
        self._owing = True
        self._waiting = deque(job for job in self._waiting if job.call is not call)
        call.refuse(self._owed())

    @property
    def answering(self) -> bool:
        """See :class:`edxml_router.ports.transport.Transport`; from any thread."""
        return self.connection.state not in ("away", "closed") and not self._blocked and not self._owing

    def _owed(self) -> Finding:
        if self._blocked:
            return self._finding("EDX702", _ALARM)
        away = self.connection.problem if self.connection.state != "open" else None  # the same while it tries again
        return away or self._finding("EDX705", "silent")

    def ask(self, question: Question) -> None:
        """Look into mailboxes, on a channel that a missing one closes."""
        if self.connection.state == "new":
            self.connection.open()
        if self.connection.state == "opening":
            self._questions.append(question)
        elif self._native is None or not self._native.is_open:
            question.fail(self.connection.problem or self._finding("EDX701"))
        elif self._owing:
            question.fail(self._owed())
        else:
            self._ask(self._native, question)

    def give_up_asking(self, question: Question) -> None:
        """Nobody waits for this any longer; an answer, or a channel that opens, says that the broker speaks again."""
        if not question.done.is_set():
            self._owing = True
            question.fail(self._owed())

    def _ask(self, native: pika.SelectConnection, question: Question) -> None:
        def opened(channel: Any) -> None:
            self._owing = False
            channel.add_on_close_callback(closed)
            go_on(channel)

        def go_on(channel: Any) -> None:
            if not question.left:
                question.done.set()
            if question.done.is_set():
                channel.close()
                return
            mailbox = question.left.pop()
            channel.queue_declare(mailbox, passive=True, callback=lambda frame: told(channel, mailbox, frame))

        def told(channel: Any, mailbox: str, frame: Any) -> None:
            self._owing = False
            question.found[mailbox] = Waiting(frame.method.message_count, frame.method.consumer_count)
            go_on(channel)

        def closed(_channel: Any, reason: Any) -> None:
            code = getattr(reason, "reply_code", 0)
            if code == 404 and native.is_open and not question.done.is_set():
                native.channel(on_open_callback=opened)  # asking for one that is missing closes it
            else:
                question.fail(self._finding({403: "EDX706"}.get(code, "EDX701"), self._settings.vhost))

        native.channel(on_open_callback=opened)

    def _connected(self, connection: pika.SelectConnection) -> None:
        self._native = connection
        for question in self._questions:
            self._ask(connection, question)
        self._questions.clear()
        connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked())
        connection.add_on_connection_unblocked_callback(lambda *_: self._on_unblocked())
        connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, lambda _frame: self._ready(channel))

    def _ready(self, channel: Any) -> None:
        self._channel, self._tag = channel, 0
        self._stuck.clear()
        self._owing = False
        self._pump()

    def _pump(self) -> None:
        window = 1 if self._careful else self._settings.window
        while self._waiting and self._channel is not None and not self._blocked:
            if len(self._unconfirmed) >= window or self._bytes >= self._settings.window_bytes:
                break
            job = self._waiting.popleft()
            message = job.parcel.message
            if self._is_stuck(job.parcel.mailbox):
                job.answer(self._finding("EDX705", job.parcel.mailbox))
                continue
            if len(message.body) > self.largest:  # the broker would close the channel, under all others of the window
                job.answer(self._too_large(job))
                continue
            exchange, key = topology.address(job.parcel.mailbox)
            try:
                self._channel.basic_publish(
                    exchange, key, message.body, properties(message, self._settings.user), mandatory=True
                )
            except GOING:  # what closes it answers for all, or opens another
                self._waiting.appendleft(job)
                break
            except Exception as error:  # noqa: BLE001 - whatever pika cannot encode must not fail its batch-mates
                job.answer(Finding("EDX699", message.id[:80], Detail("not to be sent: {why}", why=in_words(error))))
                continue
            self._tag += 1
            self._unconfirmed[self._tag] = job
            job.sent_at = time.monotonic()
            self._bytes += len(message.body)

    def _on_confirm(self, frame: Any) -> None:
        self._progress_at = time.monotonic()
        self._owing = False
        method = frame.method
        refused = isinstance(method, pika.spec.Basic.Nack)
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [tag for tag in (*self._unconfirmed, *self._stuck) if tag <= method.delivery_tag]
        for tag in tags:
            self._stuck.pop(tag, None)
            job = self._unconfirmed.pop(tag, None)
            if job is None:
                continue
            self._bytes -= len(job.parcel.message.body)
            self._careful = max(0, self._careful - 1)
            if job.returned:
                job.answer(self._finding("EDX703", job.parcel.mailbox))
            else:
                job.answer(self._finding("EDX702", job.parcel.mailbox) if refused else None)
        self._pump()

    def _on_return(self, _channel: Any, method: Any, told: pika.BasicProperties, _body: bytes) -> None:
        """No queue is bound there. The confirm follows; a return carries no tag, hence the search."""
        for job in self._unconfirmed.values():
            where = topology.address(job.parcel.mailbox)
            same = job.parcel.message.id == told.message_id
            if same and not job.returned and where == (method.exchange, method.routing_key):
                job.returned = True
                return

    def _closed(self, channel: Any, reason: BaseException) -> None:
        if channel is not self._channel:
            return
        self._channel = None
        if not isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            return  # the connection went, and tells so itself
        jobs = self._forget()
        told = largest_told(reason.reply_text)
        if told is not None:
            self.largest = min(self.largest, told)
        if len(jobs) == 1 and told is not None:
            self._careful = max(0, self._careful - 1)
            jobs[0].answer(self._too_large(jobs[0]))
        elif len(jobs) == 1:
            code = {403: "EDX706", 404: "EDX703"}.get(reason.reply_code, "EDX702")
            self._careful = max(0, self._careful - 1)
            jobs[0].answer(self._finding(code, f"{jobs[0].parcel.mailbox}: {reason.reply_code}"))
        else:
            self._careful = len(jobs)
            self._waiting.extendleft(reversed(jobs))
        channel.connection.channel(on_open_callback=self._opened)

    def _keep_watch(self) -> None:
        if not self._watching and (self._unconfirmed or self._waiting):
            self._watching = True
            self._loop.later(self._settings.confirm_timeout / 4, self._watch)

    def _watch(self) -> None:
        """No confirm has come for too long: the broker is stuck, or the other end went without a word."""
        self._watching = False
        overdue = time.monotonic() - self._progress_at >= self._settings.confirm_timeout
        if overdue and self.connection.state == "open" and not self._blocked:
            for job in self._forget():
                job.answer(self._finding("EDX705"))
            self.connection.abandon(self._finding("EDX701", "silent"))
        self._give_up_stuck()
        self._keep_watch()

    def _give_up_stuck(self) -> None:
        """One queue may be stuck for itself, as one that has lost its majority: its messages are answered alone, and no
        more are sent there until it confirms. Else whoever waits for all of a batch would wait for it for ever."""
        before = time.monotonic() - self._settings.confirm_timeout
        for tag, job in list(self._unconfirmed.items()):
            if job.sent_at <= before and job.sent_at < self._progress_at:
                del self._unconfirmed[tag]
                self._bytes -= len(job.parcel.message.body)
                self._stuck[tag] = (job.parcel.mailbox, time.monotonic())
                job.answer(self._finding("EDX705", job.parcel.mailbox))
        self._pump()

    def _is_stuck(self, mailbox: str) -> bool:
        """For a while, unless the confirm comes after all: then it is tried again."""
        since = time.monotonic() - _STUCK * self._settings.confirm_timeout
        self._stuck = {tag: one for tag, one in self._stuck.items() if one[1] > since}
        return any(one[0] == mailbox for one in self._stuck.values())

    def _on_blocked(self) -> None:
        self._blocked = True
        self._block_timer = self._loop.later(self._settings.blocked_timeout, self._refuse)

    def _refuse(self) -> None:
        self._refusing = True
        self._fail(self._finding("EDX702", _ALARM))

    def _on_unblocked(self) -> None:
        self._loop.forget(self._block_timer)
        self._blocked = self._refusing = self._owing = False
        self._progress_at = time.monotonic()
        self._pump()

    def _lost(self, problem: Finding) -> None:
        self._loop.forget(self._block_timer)
        self._channel = self._block_timer = self._native = None
        self._owing = True  # until a channel is open again: a broker may take connections and say no more
        self._blocked = self._refusing = False
        self._careful = 0
        self._fail(problem)
        for question in self._questions:
            question.fail(problem)
        self._questions.clear()

    def _fail(self, problem: Finding) -> None:
        jobs = [*self._forget(), *self._waiting]
        self._waiting.clear()
        for job in jobs:
            job.answer(problem)

    def _forget(self) -> list[_Job]:
        """The jobs under way, which are no longer; a late confirm finds nothing."""
        jobs, self._bytes = list(self._unconfirmed.values()), 0
        self._unconfirmed.clear()
        return jobs

    def _too_large(self, job: _Job) -> Finding:
        box, size, most = job.parcel.mailbox, len(job.parcel.message.body), self.largest
        return self._finding("EDX713", Detail("{box}: {size} bytes, at most {most}", box=box, size=size, most=most))

    def _finding(self, code: str, detail: str = "") -> Finding:
        return Finding(code, self._settings.place, detail)


def largest_told(text: str) -> int | None:
    """The bytes that a broker takes at most, if this is its refusal of a larger body."""
    found = _TOO_LARGE.search(text)
    return int(found[1]) if found else None
