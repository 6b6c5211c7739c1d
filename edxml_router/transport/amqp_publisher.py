"""Publishing over AMQP with confirms: a window of unconfirmed messages, one honest answer for each parcel.

Hand a :class:`Call` to ``Publisher.send`` on the I/O thread, then wait for ``call.done`` on your own. The
answers are None (confirmed), EDX701 (away), EDX702 (full, or in alarm), EDX703 (no such queue), EDX705 (no
confirm), EDX706 (not permitted), EDX707 (no trust), EDX713 (too large) or EDX699 (cannot be expressed in AMQP).
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import pika

from edxml_router.core.problems import Finding
from edxml_router.ports.transport import Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.amqp_connection import GOING, Connection, Loop, RabbitSettings

_PERSISTENT = 2
_LONGEST_LIFE = 2**32 - 1  # milliseconds
# What RabbitMQ says of a body that is too large for it; nothing else tells what it takes.
_TOO_LARGE: Final = re.compile(r"message size \d+ .*max size (\d+)")


class Call:
    """One call of ``publish``: its parcels and the answers so far."""

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self.parcels = parcels
        self.answers: list[Finding | None] = [None] * len(parcels)
        self.left = len(parcels)
        self.done = threading.Event()


class _Job:
    """One parcel of a call, on its way."""

    __slots__ = ("call", "index", "parcel", "returned")

    def __init__(self, call: Call, index: int) -> None:
        self.call = call
        self.index = index
        self.parcel = call.parcels[index]
        self.returned = False

    def answer(self, answer: Finding | None) -> None:
        self.call.answers[self.index] = answer
        self.call.left -= 1
        if not self.call.left:
            self.call.done.set()


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
        self._channel: Any = None  # None until it is open and confirming
        self._waiting: deque[_Job] = deque()
        self._unconfirmed: dict[int, _Job] = {}  # by delivery tag, in order of sending
        self._bytes = 0  # of the unconfirmed
        self._tag = 0
        self._careful = 0
        self._blocked = False
        self._refusing = False  # blocked for longer than we wait
        self._block_timer: Any = None
        self._progress_at = 0.0  # the last time that a confirm came, or that there was nothing to wait for
        self._watching = False

    def send(self, call: Call) -> None:
        if self.connection.state == "new":
            self.connection.open()
        if not self._unconfirmed and not self._waiting:
            self._progress_at = time.monotonic()
        self._waiting.extend(_Job(call, index) for index in range(len(call.parcels)))
        if self.connection.state in ("away", "closed"):
            self._fail(self.connection.problem or self._finding("EDX701"))
        elif self._refusing:
            self._fail(self._finding("EDX702", "the broker is in alarm"))
        else:
            self._pump()
            self._keep_watch()

    def _connected(self, connection: pika.SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked())
        connection.add_on_connection_unblocked_callback(lambda *_: self._on_unblocked())
        connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._closed)
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, lambda _frame: self._ready(channel))

    def _ready(self, channel: Any) -> None:
        self._channel, self._tag = channel, 0
        self._pump()

    def _pump(self) -> None:
        window = 1 if self._careful else self._settings.window
        while self._waiting and self._channel is not None and not self._blocked:
            if len(self._unconfirmed) >= window or self._bytes >= self._settings.window_bytes:
                break
            job = self._waiting.popleft()
            message = job.parcel.message
            if len(message.body) > self.largest:  # the broker would close the channel, under all others of the window
                job.answer(self._too_large(job))
                continue
            exchange, key = topology.address(job.parcel.mailbox)
            try:
                self._channel.basic_publish(
                    exchange, key, message.body, _properties(message, self._settings.user), mandatory=True
                )
            except GOING:  # what closes it answers for all, or opens another
                self._waiting.appendleft(job)
                break
            except Exception as error:  # noqa: BLE001 - whatever pika cannot encode must not fail its batch-mates
                job.answer(Finding("EDX699", message.id[:80], type(error).__name__))
                continue
            self._tag += 1
            self._unconfirmed[self._tag] = job
            self._bytes += len(message.body)

    def _on_confirm(self, frame: Any) -> None:
        self._progress_at = time.monotonic()
        method = frame.method
        refused = isinstance(method, pika.spec.Basic.Nack)
        tags = [method.delivery_tag]
        if method.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= method.delivery_tag]
        for tag in tags:
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

    def _on_return(self, _channel: Any, method: Any, properties: pika.BasicProperties, _body: bytes) -> None:
        """No queue is bound there. The confirm follows; a return carries no tag, hence the search."""
        for job in self._unconfirmed.values():
            where = topology.address(job.parcel.mailbox)
            same = job.parcel.message.id == properties.message_id
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
        self._keep_watch()

    def _on_blocked(self) -> None:
        self._blocked = True
        self._block_timer = self._loop.later(self._settings.blocked_timeout, self._refuse)

    def _refuse(self) -> None:
        self._refusing = True
        self._fail(self._finding("EDX702", "the broker is in alarm"))

    def _on_unblocked(self) -> None:
        self._loop.forget(self._block_timer)
        self._blocked = self._refusing = False
        self._progress_at = time.monotonic()
        self._pump()

    def _lost(self, problem: Finding) -> None:
        self._loop.forget(self._block_timer)
        self._channel = self._block_timer = None
        self._blocked = self._refusing = False
        self._careful = 0
        self._fail(problem)

    def _fail(self, problem: Finding) -> None:
        jobs = [*self._forget(), *self._waiting]
        self._waiting.clear()
        for job in jobs:
            job.answer(problem)

    def _forget(self) -> list[_Job]:
        """The jobs under way, which are no longer; a late confirm finds nothing."""
        jobs = list(self._unconfirmed.values())
        self._unconfirmed.clear()
        self._bytes = 0
        return jobs

    def _too_large(self, job: _Job) -> Finding:
        size = len(job.parcel.message.body)
        return self._finding("EDX713", f"{job.parcel.mailbox}: {size} bytes, at most {self.largest}")

    def _finding(self, code: str, detail: str = "") -> Finding:
        return Finding(code, self._settings.place, detail)


def largest_told(text: str) -> int | None:
    """The bytes that a broker takes at most, if this is its refusal of a larger body."""
    found = _TOO_LARGE.search(text)
    return int(found[1]) if found else None


def _expiration(message: Message) -> str | None:
    """In milliseconds. The broker counts from its arrival, and takes no more than 32 bits, which is 49 days; what is to
    live longer is withdrawn then and laid there again, as what a broker has lost."""
    if message.lifetime is None:
        return None
    return str(min(max(0, message.lifetime // timedelta(milliseconds=1)), _LONGEST_LIFE))


def _properties(message: Message, user: str) -> pika.BasicProperties:
    headers: dict[str, Any] = topology.plain_headers(message.headers)
    headers |= {"edx": topology.VERSION, "urgent": message.urgent}
    return pika.BasicProperties(
        content_type="application/octet-stream",
        type=message.kind,
        message_id=message.id,
        correlation_id=message.correlation or None,
        user_id=user,  # the broker compares it with who logged in
        delivery_mode=_PERSISTENT,
        expiration=_expiration(message),
        timestamp=int(time.time()),
        headers=headers,
    )
