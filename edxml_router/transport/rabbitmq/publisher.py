"""Publishing over AMQP with confirms: a window of unconfirmed messages, one honest answer for each parcel.

Hand a :class:`Call` to ``Publisher.send`` on the I/O thread, then wait for it on your own, and give it up when that is
enough: what is under way stays so, and while its confirms are owed nothing else is sent to that mailbox, or, where the
broker says nothing at all, to any. The answers are None
(confirmed), EDX701 (away), EDX702 (full, or in alarm), EDX703 (no such queue), EDX705 (no
confirm), EDX706 (not permitted), EDX707 (no trust), EDX713 (too large) or EDX699
(cannot be expressed in AMQP).
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any, Final

import pika

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.ports.transport import MailboxDepth
from edxml_router.transport.rabbitmq.calls import Call, DepthQuery, Job
from edxml_router.transport.rabbitmq.connection import Connection, Loop, RabbitSettings
from edxml_router.transport.rabbitmq.lane import Lane, Outflow

_ALARM: Final = Detail("the broker is in alarm")


class Publisher:
    """Sends parcels, those of each mailbox in a lane of their own; all on the I/O thread."""

    def __init__(self, loop: Loop, settings: RabbitSettings) -> None:
        self.connection = Connection(loop, settings, self._connected, self._lost)
        self._loop = loop
        self._settings = settings
        self._questions: list[DepthQuery] = []  # until there is a connection
        self._native: pika.SelectConnection | None = None
        self._outflow = Outflow(settings, self._heard, settings.largest_message)
        self._lanes: dict[str, Lane] = {}  # replaced, never changed: other threads look into it
        self._refusing = False  # blocked for longer than we wait
        self._block_timer: Any = None
        self._owing = False  # somebody gave up waiting, and the broker has said nothing since
        self._heard_at = 0.0  # the last time that it said something
        self._began_at = 0.0  # … and that there was nothing to wait for
        self._probing = False
        self._watching = False

    @property
    def largest(self) -> int:
        """Bytes of a body that the broker takes, as far as is known; from any thread."""
        return self._outflow.largest

    def send(self, call: Call) -> None:
        if self.connection.state == "new":
            self.connection.open()
        if self.connection.state in ("away", "closed"):
            call.refuse(self.connection.problem or self._outflow.finding("EDX701"))
        elif self._refusing:
            call.refuse(self._outflow.finding("EDX702", _ALARM))
        elif self._owing:
            call.refuse(self._owed())
        else:
            if not self._busy:
                self._began_at = time.monotonic()
            jobs: dict[str, list[Job]] = defaultdict(list)
            for job in call.jobs:
                jobs[job.mailbox].append(job)
            fresh = {mailbox: Lane(mailbox, self._outflow) for mailbox in jobs if mailbox not in self._lanes}
            self._lanes = self._lanes | fresh if fresh else self._lanes
            for mailbox, some in jobs.items():
                self._lanes[mailbox].send(some, self._native)
            self._keep_watch()

    def give_up(self, call: Call) -> None:
        """Nobody waits for this any longer: what was not sent is not sent any more, and what was is answered "not
        confirmed", whatever comes of it. Where the broker has said something since, it is the mailboxes that are
        silent; else the broker, as far as is known."""
        if call.done.is_set():
            return
        lanes = [self._lanes[mailbox] for mailbox in {job.mailbox for job in call.jobs} if mailbox in self._lanes]
        if self.connection.state == "open" and not self._outflow.blocked and self._heard_at > call.made_at:
            for lane in lanes:
                lane.give_up(call)
        else:
            self._owing = True
            for lane in lanes:
                lane.withdraw(call)
            call.refuse(self._owed())

    def probe(self) -> None:
        """Open a channel and close it: a broker that answers at all does so at once, whatever its queues do."""
        if self._probing or self._native is None or not self._native.is_open:
            return

        def opened(channel: Any) -> None:
            if channel.connection is self._native:
                self._probing = False
                self._heard()
            channel.close()

        self._probing = True
        self._native.channel(on_open_callback=opened)

    def _heard(self) -> None:
        self._heard_at = time.monotonic()
        self._owing = False

    @property
    def _busy(self) -> bool:
        return any(lane.busy for lane in self._lanes.values())

    def silence(self, mailbox: str) -> Finding | None:
        """See :class:`edxml_router.ports.transport.Transport`; from any thread."""
        if not self.answering:
            return self._owed()
        lane = self._lanes.get(mailbox)
        return self._outflow.finding("EDX705", mailbox) if lane is not None and lane.silent else None

    @property
    def silent(self) -> Finding | None:
        """The first of the mailboxes that do not confirm; from any thread."""
        return next((self.silence(mailbox) for mailbox, lane in self._lanes.items() if lane.silent), None)

    @property
    def answering(self) -> bool:
        """See :class:`edxml_router.ports.transport.Transport`; from any thread."""
        return self.connection.state not in ("away", "closed") and not self._outflow.blocked and not self._owing

    def _owed(self) -> Finding:
        if self._outflow.blocked:
            return self._outflow.finding("EDX702", _ALARM)
        away = self.connection.problem if self.connection.state != "open" else None  # the same while it tries again
        return away or self._outflow.finding("EDX705", "silent")

    def ask(self, question: DepthQuery) -> None:
        """Look into mailboxes, on a channel that a missing one closes."""
        if self.connection.state == "new":
            self.connection.open()
        if self.connection.state == "opening":
            self._questions.append(question)
        elif self._native is None or not self._native.is_open:
            question.fail(self.connection.problem or self._outflow.finding("EDX701"))
        elif self._owing:
            question.fail(self._owed())
        elif (silent := next(filter(None, map(self.silence, question.left)), None)) is not None:
            question.fail(silent)
        else:
            self._ask(self._native, question)

    def give_up_asking(self, question: DepthQuery) -> None:
        """Nobody waits for this any longer; an answer, or a channel that opens, says that the broker speaks again."""
        if question.done.is_set():
            return
        if question.asked:
            question.fail(self._outflow.finding("EDX705", question.asked))
        else:
            self._owing = True
            question.fail(self._owed())

    def _ask(self, native: pika.SelectConnection, question: DepthQuery) -> None:
        def opened(channel: Any) -> None:
            self._heard()
            channel.add_on_close_callback(closed)
            go_on(channel)

        def go_on(channel: Any) -> None:
            if not question.left:
                question.done.set()
            if question.done.is_set():
                channel.close()
                return
            mailbox = question.asked = question.left.pop()
            channel.queue_declare(mailbox, passive=True, callback=lambda frame: told(channel, mailbox, frame))

        def told(channel: Any, mailbox: str, frame: Any) -> None:
            self._heard()
            question.found[mailbox] = MailboxDepth(frame.method.message_count, frame.method.consumer_count)
            go_on(channel)

        def closed(_channel: Any, reason: Any) -> None:
            code = getattr(reason, "reply_code", 0)
            if code == 404 and native.is_open and not question.done.is_set():
                native.channel(on_open_callback=opened)  # asking for one that is missing closes it
            else:
                question.fail(self._outflow.finding({403: "EDX706"}.get(code, "EDX701"), self._settings.vhost))

        native.channel(on_open_callback=opened)

    def _connected(self, connection: pika.SelectConnection) -> None:
        self._native = connection
        for question in self._questions:
            self._ask(connection, question)
        self._questions.clear()
        connection.add_on_connection_blocked_callback(lambda *_: self._on_blocked())
        connection.add_on_connection_unblocked_callback(lambda *_: self._on_unblocked())
        self.probe()  # one that takes connections may say no more
        for lane in self._lanes.values():
            lane.open(connection)

    def _keep_watch(self) -> None:
        if not self._watching and self._busy:
            self._watching = True
            self._loop.later(self._settings.confirm_timeout / 4, self._watch)

    def _watch(self) -> None:
        """Nothing has been said for too long: the broker is stuck, or the other end went without a word. Or one queue
        is, as one that has lost its majority; then what lies there is answered alone, and no more is sent there until
        it confirms."""
        self._watching = False
        now, patience = time.monotonic(), self._settings.confirm_timeout
        if self.connection.state == "open" and not self._outflow.blocked:
            quiet = now - max(self._heard_at, self._began_at)
            if quiet >= patience:
                for lane in self._lanes.values():
                    lane.fail(self._outflow.finding("EDX705"))
                self.connection.abandon(self._outflow.finding("EDX701", "silent"))
            elif quiet >= patience / 2:
                self.probe()
        for lane in self._lanes.values():
            lane.give_up_overdue(now - patience, self._heard_at)
        self._keep_watch()

    def _on_blocked(self) -> None:
        self._outflow.blocked = True
        self._block_timer = self._loop.later(self._settings.blocked_timeout, self._refuse)

    def _refuse(self) -> None:
        self._refusing = True
        for lane in self._lanes.values():
            lane.fail(self._outflow.finding("EDX702", _ALARM))

    def _on_unblocked(self) -> None:
        self._loop.forget(self._block_timer)
        self._outflow.blocked = self._refusing = False
        self._heard()
        for lane in self._lanes.values():
            lane.pump()

    def _lost(self, problem: Finding) -> None:
        self._loop.forget(self._block_timer)
        self._block_timer = self._native = None
        self._owing = True  # until a channel is open again: a broker may take connections and say no more
        self._outflow.blocked = self._refusing = self._probing = False
        for lane in self._lanes.values():
            lane.lost(problem)
        for question in self._questions:
            question.fail(problem)
        self._questions.clear()
