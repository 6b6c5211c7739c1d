"""A consumed mailbox of a broker: what has come and was not taken yet, bounded by bytes as well as messages.

    room = Room(AHEAD_BYTES)                                  # of all mailboxes of a hub together
    intake = RabbitIntake(mailbox, 250, loop, bell, room)           # opened, and opened again, on the I/O thread

A broker counts prefetch in messages (RabbitMQ does not support ``prefetch_size``), and each may be as large as the
broker allows. So a mailbox begins with few, and is given more while they are small. It has one consumer at any time,
because :mod:`edxml_router.node.lookout` counts consumers to find a twin; a consumer that was replaced by a wider one is
still counted by the broker until everything it was given is settled. If the bytes still run out, the consumer is
cancelled: what is here stays, what is still on its way returns to its place in the queue, and once there is room the
mailbox resumes with as many messages as fit of the size met.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import pika

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.ports.transport import Arrival, Message
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq.connection import Loop
from edxml_router.transport.turns import weight

AHEAD_BYTES: Final = 64 * 1024 * 1024  # of one hub that are here and not taken yet
_AT_ONCE: Final = AHEAD_BYTES // 4  # bytes that a mailbox is given ahead, as far as the size of what comes is known
_UNKNOWN: Final = 4 * 1024 * 1024  # bytes that a message is believed to have before one has come: those of a chunk
_WIDER: Final = 4  # times as many, or all, before it is worth another consumer
_TRUSTING: Final = 2  # the part of that size that each smaller message takes away …
_WARY: Final = 64  # … and after a pause
_SESSIONS: Final = itertools.count()  # of the whole process: a token of another transport is as stale as an old one
_LONGEST_HOLD: Final = 600.0  # seconds; a broker closes the channel over what is held for half an hour
_ASK_SECONDS: Final = 0.5  # between questions whether a mailbox has been read empty
_REOPEN_SECONDS: Final = 1.0  # before a mailbox that could not be consumed is tried again


class Token(NamedTuple):
    """What an acknowledgement needs; ``session`` tells one opening of a channel from the next."""

    mailbox: str
    session: int
    tag: int


class Room:
    """Memory for what all mailboxes of a hub have prefetched, shared so that none crowds out the others.

    Each may have as much as it leaves free (Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998): a
    flooding one gets half, and there is always room for one more. Used by the I/O thread and the main thread.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._held: Counter[str] = Counter()  # bytes by mailbox
        self._lock = threading.Lock()

    def enter(self, mailbox: str, size: int) -> bool:
        """Take in so many bytes, if they fit. An empty room takes any message, or it would never come."""
        with self._lock:
            held = self._held.total()
            if held and held + size > self._total:
                return False
            self._held[mailbox] += size
            return True

    def held_by(self, mailbox: str) -> int:
        with self._lock:
            return self._held[mailbox]

    def leave(self, mailbox: str, size: int) -> None:
        with self._lock:
            self._held[mailbox] -= size

    def crowded_by(self, mailbox: str) -> bool:
        """Whether it has more than it leaves free."""
        with self._lock:
            return self._held[mailbox] > self._total - self._held.total()

    def open_to(self, mailbox: str) -> bool:
        """Whether one that had to pause may go on."""
        with self._lock:
            return not self._held[mailbox] and self._held.total() <= self._total // 2


class RabbitIntake:
    """A mailbox consumed through a channel of its own, so that a missing queue does not close the others.

    ``take`` is called on the main thread, all else on the I/O thread; a deque is safe between them.
    """

    def __init__(self, mailbox: str, most: int, loop: Loop, bell: threading.Event, room: Room) -> None:
        self.mailbox = mailbox
        self.problem: Finding | None = None
        self.emptied = False
        self.paused = False  # what was given ahead took more than its share of the room
        self._most = most  # messages ahead, be they as small as they may
        self._loop = loop
        self._bell = bell
        self._room = room
        self._session = next(_SESSIONS)
        self._connection: pika.SelectConnection | None = None
        self._channel: Any = None
        self._arrived: deque[Arrival] = deque()
        self._unsettled: dict[int, None] = {}  # delivery tags in their order
        self._typical = _UNKNOWN  # bytes of a message: the largest of late
        self._fading = _TRUSTING
        self._consumer = ""  # its tag; empty in a pause
        self._prefetch = 0  # what it may have unsettled
        self._last = 0  # the delivery tag of what came last
        self._since = 0  # … and before the consumer began

    @property
    def buffered(self) -> int:
        return len(self._arrived)

    @property
    def held(self) -> int:
        """The bytes of these."""
        return self._room.held_by(self.mailbox)

    def take(self, into: list[Arrival], limit: int, most: int) -> None:
        """Add what is here to ``into``, until that holds ``limit`` messages, or ``most`` bytes with the last one."""
        if not self._arrived:
            return
        held = weight(into)
        while len(into) < limit and held < most and (arrival := self._next()) is not None:
            into.append(arrival)
            held += len(arrival.message.body)

    def _next(self) -> Arrival | None:
        """The oldest that is here; from both threads, so that each leaves the room once."""
        try:
            arrival = self._arrived.popleft()
        except IndexError:
            return None
        self._room.leave(self.mailbox, len(arrival.message.body))
        return arrival

    def open(self, connection: pika.SelectConnection) -> None:
        if self._connection is connection:
            return
        self._connection = connection
        connection.channel(on_open_callback=self._opened)

    def reset(self) -> None:
        """What arrived and was not settled comes again on the next channel; tokens of this one are stale."""
        self._session = next(_SESSIONS)
        self._channel = self._connection = None
        while self._next() is not None:
            pass
        self._unsettled.clear()
        self._consumer, self._prefetch, self._last, self.paused = "", 0, 0, False

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.add_on_close_callback(self._closed)
        channel.add_on_cancel_callback(self._cancelled)
        self._consume(self._fitting())

    def _fitting(self) -> int:
        """How many messages may be ahead, by the size of those that came."""
        return max(1, min(self._most, _AT_ONCE // self._typical))

    def _consume(self, ahead: int) -> None:
        """Be given so many ahead: what a broker gives to a consumer is fixed when that begins."""
        self._prefetch, self._since = ahead, self._last
        self._channel.basic_qos(prefetch_count=ahead)
        self._consumer = self._channel.basic_consume(self.mailbox, self._on_message, callback=self._consuming)

    def _widen(self) -> None:
        """Be given more ahead, by another consumer, once this one has all that it may have: then nothing is on its way
        to it that would go back into the queue, behind what is given to the next. Two at a time were rejected: from
        outside they look like two workers."""
        fitting = self._fitting()
        ahead = fitting - len(self._unsettled)  # what is here already counts, until it is settled
        if ahead <= self._prefetch or (fitting < self._prefetch * _WIDER and fitting != self._most):
            return
        if sum(tag > self._since for tag in self._unsettled) >= self._prefetch:
            self._channel.basic_cancel(self._consumer)
            self._consume(ahead)

    def _consuming(self, _frame: Any) -> None:
        self.problem = None
        self._ask(self._channel)

    def _ask(self, channel: Any) -> None:
        """Ask how much waits, until that is nothing: what this worker was given ahead, and what others were, does not
        wait any more, and what is given to a worker is dealt with before it looks at lifetimes."""
        if self.emptied or channel is not self._channel or not channel.is_open:
            return
        channel.queue_declare(self.mailbox, passive=True, callback=lambda frame: self._told(channel, frame))

    def _told(self, channel: Any, frame: Any) -> None:
        self.emptied = frame.method.message_count == 0 and not self._arrived
        if not self.emptied:
            self._loop.later(_ASK_SECONDS, lambda: self._ask(channel))

    def _cancelled(self, _frame: Any) -> None:
        self.problem = Finding("EDX703", self.mailbox, Detail("the queue was deleted"))
        if self._channel is not None and self._channel.is_open:
            self._channel.close()

    def _closed(self, channel: Any, reason: Exception) -> None:
        if channel is not self._channel:
            return
        if isinstance(reason, pika.exceptions.ChannelClosedByBroker):
            code = {403: "EDX706", 404: "EDX703"}.get(reason.reply_code, "EDX701")
            self.problem = Finding(code, self.mailbox, reason.reply_text)
        connection = self._connection
        self.reset()
        if connection is not None and connection.is_open:
            self._loop.later(_REOPEN_SECONDS, lambda: self._reopen(connection))

    def _reopen(self, connection: pika.SelectConnection) -> None:
        if connection.is_open and self._connection is None:
            self.open(connection)

    def _on_message(self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        tag, size = method.delivery_tag, len(body)
        self._last = tag
        self._typical = max(1, size, self._typical - self._typical // self._fading)
        if not self._room.enter(self.mailbox, size):
            channel.basic_nack(tag, requeue=True)  # pika says the same to what is on its way behind it
            self._pause()
            return
        self._unsettled[tag] = None
        token = Token(self.mailbox, self._session, tag)
        peer = _text(properties.user_id)
        self._arrived.append(
            Arrival(_message(properties, body), self.mailbox, peer, token, bool(method.redelivered))
        )
        if not self._bell.is_set():
            self._bell.set()
        if self._room.crowded_by(self.mailbox):
            self._pause()
        else:
            self._widen()

    def _pause(self) -> None:
        """Be given nothing more for now. A message that was given back so often is the more to be expected large: else
        a few small ones between large ones would have all of them sent again and again."""
        self.paused, self._fading = True, _WARY
        if self._consumer:
            self._channel.basic_cancel(self._consumer)
        self._consumer, self._prefetch = "", 0

    def resume(self) -> None:
        """Go on after a pause, once there is room."""
        if self.paused and self._channel is not None and self._channel.is_open and self._room.open_to(self.mailbox):
            self.paused = False
            self._consume(self._fitting())

    def acknowledge(self, session: int, tags: Iterable[int]) -> None:
        if session != self._session:
            return
        done = self._unsettled.keys() & set(tags)
        last = 0
        for tag in self._unsettled:
            if tag not in done:
                break
            last = tag
        if last:  # everything up to here in one frame
            self._channel.basic_ack(last, multiple=True)
        for tag in sorted(done):
            if tag > last:
                self._channel.basic_ack(tag)
            del self._unsettled[tag]

    def give_back(self, session: int, tags: Iterable[int], delay: float) -> None:
        self._loop.later(min(delay, _LONGEST_HOLD), lambda: self._return(session, tags))

    def _return(self, session: int, tags: Iterable[int]) -> None:
        if session != self._session:
            return
        for tag in sorted(self._unsettled.keys() & set(tags)):
            del self._unsettled[tag]
            self._channel.basic_nack(tag, requeue=True)


def _message(properties: pika.BasicProperties, body: bytes) -> Message:
    headers = properties.headers or {}
    return Message(
        _text(properties.type),
        _text(properties.message_id),
        body,
        headers.get("urgent") is True,
        _text(properties.correlation_id),
        topology.plain_headers(
            {key: value for key, value in headers.items() if isinstance(key, str) and isinstance(value, str)}
        ),
    )


def _text(value: Any) -> str:
    """Properties are what the sender made them: bytes where the text was not UTF-8, or missing."""
    return value if isinstance(value, str) else ""
