"""The transport over RabbitMQ: quorum queues, publisher confirms in a window, one I/O thread.

    declare(settings, children=["h31-15"], offices=["vanphong"])        # the owner of the hub, at its start
    transport = RabbitTransport(settings, consumes=topology.intakes(["h31-15"], ["vanphong"]))

A transport opens up to two connections: one consumes, the other publishes. A broker in memory or disk alarm stops
reading from publishing connections; on a shared one, the acknowledgements that would relieve it would be stuck too.

``publish`` answers EDX701 (away), EDX702 (full, or in alarm), EDX703 (no such queue), EDX705 (no confirm), EDX706 (not
permitted), EDX707 (no trust) or EDX713 (too large); after 701, 702 and 705 the message may still have arrived.
``depths`` and :func:`declare` raise Setback EDX701, EDX706 or EDX707. A Defect means that the I/O thread died.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pika

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback, Trouble
from edxml_router.ports.transport import Arrival, MailboxDepth, Parcel
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq.calls import Call, DepthQuery
from edxml_router.transport.rabbitmq.connection import (
    CLOSING_SECONDS,
    Connection,
    Loop,
    RabbitSettings,
    connection_finding,
    parameters,
)
from edxml_router.transport.rabbitmq.intake import AHEAD_BYTES, RabbitIntake, Room, Token
from edxml_router.transport.rabbitmq.lane import largest_told
from edxml_router.transport.rabbitmq.publisher import Publisher
from edxml_router.transport.rung import WakeEvent
from edxml_router.transport.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AHEAD = 2500  # messages of all mailboxes together that are taken ahead …
_LEAST_AHEAD = 50  # … but never fewer than this of each
_NOBODY = "edx.nobody"  # a key that no queue is bound to
_SHORT_HEARTBEAT = 2  # seconds; somebody waits for the answer, and pika adds five to it, twice


class RabbitTransport:
    """Mailboxes of one hub as seen by ``settings.user``; see :class:`edxml_router.ports.transport.Transport`."""

    def __init__(self, settings: RabbitSettings, consumes: Sequence[str] = ()) -> None:
        self._settings = settings
        self._loop = Loop(f"amqp {settings.place}")
        self._bell = WakeEvent()  # rung when something has arrived
        self._room = Room(AHEAD_BYTES)
        self._intakes: dict[str, RabbitIntake] = {}  # replaced, never modified: the I/O thread iterates over it
        self._turns = Turns()
        self._connection: pika.SelectConnection | None = None  # that consumes; of the I/O thread
        self._consuming = Connection(self._loop, settings, self._consume, self._suspend)
        self._publisher = Publisher(self._loop, settings)
        self._closed = False
        self._missing: dict[str, Finding] = {}  # by mailbox: missing at the last publishing
        self.consume(consumes)

    def consume(self, mailboxes: Sequence[str]) -> None:
        wanted = {*self._intakes, *mailboxes}
        prefetch = min(self._settings.prefetch, max(_LEAST_AHEAD, _AHEAD // max(1, len(wanted))))
        fresh = {
            mailbox: RabbitIntake(mailbox, prefetch, self._loop, self._bell, self._room)
            for mailbox in topology.urgent_first(mailboxes)
            if mailbox not in self._intakes
        }
        if fresh and not self._closed:
            self._intakes = self._intakes | fresh
            self._loop.post(lambda: self._begin(fresh.values()))

    @property
    def problem(self) -> Finding | None:
        """What is wrong with the connections now, for operators."""
        intakes = [intake.problem for intake in self._intakes.values()]
        missing = list(self._missing.values())
        found = [self._consuming.problem, self._publisher.connection.problem, *intakes, *missing]
        found.append(self._publisher.silent)
        return next((problem for problem in found if problem), None)

    @property
    def largest_message(self) -> int:
        return self._publisher.largest

    @property
    def emptied(self) -> bool:
        return all(intake.emptied for intake in self._intakes.values())

    @property
    def buffered(self) -> int:
        """Messages that are here and were not taken yet."""
        return sum(intake.buffered for intake in self._intakes.values())

    @property
    def held(self) -> int:
        """Their bytes."""
        return sum(intake.held for intake in self._intakes.values())

    def take(self, limit: int, wait: float) -> Sequence[Arrival]:
        deadline = time.monotonic() + wait
        while True:
            self._loop.check()
            self._bell.clear()  # before looking: what comes after the look rings again
            arrivals = self._turns.take([*self._intakes.values()], limit)
            if any(intake.paused for intake in self._intakes.values()):
                self._loop.post(self._resume)
            left = deadline - time.monotonic()
            if arrivals or left <= 0 or self._closed:
                return arrivals
            self._bell.wait(min(left, 1.0))

    def _resume(self) -> None:
        for intake in self._intakes.values():
            intake.resume()

    def fileno(self) -> int:
        return -1 if self._closed else self._bell.fileno()

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        self._settle(arrivals, lambda intake, session, tags: intake.acknowledge(session, tags))

    def give_back(self, arrivals: Iterable[Arrival], delay: float = 1.0) -> None:
        # Unacknowledged meanwhile, so that the broker gives it to somebody else if we die.
        self._settle(arrivals, lambda intake, session, tags: intake.give_back(session, tags, delay))

    def _settle(self, arrivals: Iterable[Arrival], act: Callable[[RabbitIntake, int, list[int]], None]) -> None:
        groups: dict[tuple[str, int], list[int]] = {}
        for arrival in arrivals:
            token: Token = arrival.token
            groups.setdefault((token.mailbox, token.session), []).append(token.tag)
        if self._closed:
            return
        for (mailbox, session), tags in groups.items():
            self._loop.post(partial(act, self._intakes[mailbox], session, tags))

    @property
    def answering(self) -> bool:
        return self._publisher.answering

    def silence(self, mailbox: str) -> Finding | None:
        return self._publisher.silence(mailbox)

    def hand_over(self, parcels: Sequence[Parcel]) -> Call:
        call = Call(parcels, self._loop, self._note_missing)
        if self._closed:
            call.refuse(Finding("EDX701", self._settings.place, Detail("closed")))
        else:
            self._loop.post(lambda: self._publisher.send(call))
        return call

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        call, left, probed = self.hand_over(parcels), len(parcels), False
        while (answers := call.wait(self._settings.patience / 2)) is None:
            if call.left != left:
                left, probed = call.left, False
            elif not probed:  # is it the hub that is silent, or a mailbox?
                self._loop.post(self._publisher.probe)
                probed = True
            else:  # none has been answered for so long
                self._loop.post(lambda: self._publisher.give_up(call))
                self._loop.wait(call.done)
        return answers

    def _note_missing(self, parcels: Sequence[Parcel], answers: Sequence[Finding | None]) -> None:
        for parcel, answer in zip(parcels, answers, strict=True):
            if answer is not None and answer.code == "EDX703":
                self._missing[parcel.mailbox] = answer
            elif answer is None:
                self._missing.pop(parcel.mailbox, None)

    def declared(self) -> None:
        self._missing.clear()

    def depths(self) -> Mapping[str, int]:
        return depths(self._settings, self._intakes)

    def waiting(self, mailboxes: Collection[str]) -> Mapping[str, MailboxDepth]:
        question, left = DepthQuery(mailboxes), -1
        if self._closed:
            question.fail(Finding("EDX701", self._settings.place, Detail("closed")))
        else:
            self._loop.post(lambda: self._publisher.ask(question))
        while not question.done.wait(self._settings.patience):
            self._loop.check()
            if len(question.left) == left:  # the broker has been silent for so long
                self._loop.post(lambda: self._publisher.give_up_asking(question))
                self._loop.wait(question.done)
            left = len(question.left)
        if question.problem is not None:
            raise Setback(question.problem.code, where=question.problem.where, detail=question.problem.detail)
        return question.found

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.post(self._say_goodbye)
        self._loop.join()
        self._bell.close()

    def _say_goodbye(self) -> None:
        self._loop.later(CLOSING_SECONDS, self._loop.stop)  # at the latest
        self._consuming.close(lambda: self._publisher.connection.close(self._loop.stop))

    def _begin(self, fresh: Iterable[RabbitIntake]) -> None:
        if self._consuming.state == "new":
            self._consuming.open()
        elif self._connection is not None:
            for intake in fresh:
                intake.open(self._connection)

    def _consume(self, connection: pika.SelectConnection) -> None:
        self._connection = connection
        for intake in self._intakes.values():
            intake.open(connection)

    def _suspend(self, _problem: Finding) -> None:
        self._connection = None
        for intake in self._intakes.values():
            intake.reset()


def depths(settings: RabbitSettings, mailboxes: Iterable[str]) -> Mapping[str, int]:
    """Messages waiting in those of the mailboxes that exist; none is taken. Raises Setback EDX701, EDX706, EDX707."""
    return {name: found.message_count for name, found in _looked_at(settings, mailboxes).items()}


def waiting(settings: RabbitSettings, mailboxes: Iterable[str]) -> dict[str, MailboxDepth]:
    """How things stand in those of the mailboxes that exist. Raises Setback EDX701, EDX706, EDX707."""
    found = _looked_at(settings, mailboxes)
    return {name: MailboxDepth(each.message_count, each.consumer_count) for name, each in found.items()}


def _looked_at(settings: RabbitSettings, mailboxes: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with _blocking(settings) as connection:
        channel = connection.channel()
        for mailbox in mailboxes:
            try:
                found[mailbox] = channel.queue_declare(mailbox, passive=True).method
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code != 404:
                    raise
                channel = connection.channel()  # asking for a missing queue closes it
    return found


def takes(settings: RabbitSettings, size: int) -> int | None:
    """None if the broker takes a message of ``size`` bytes; else how many it takes at most.

    The answer cannot be had without sending as much: no method of AMQP tells it. The message has a key that no queue is
    bound to, so the broker drops it. Raises Setback EDX701, EDX706, EDX707.
    """
    with _blocking(settings) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        try:
            channel.basic_publish(topology.DOWN, _NOBODY, bytes(size))
        except pika.exceptions.ChannelClosedByBroker as error:
            told = largest_told(error.reply_text)
            if told is None:
                raise
            return told
    return None


def declare(
    settings: RabbitSettings,
    children: Iterable[str],
    offices: Iterable[str],
    capacity: int = topology.DEFAULT_CAPACITY,
) -> None:
    """Make the exchanges, queues and bindings of a hub; by its owner, at each start: repeating is harmless.

    Raises Setback EDX701, EDX706 or EDX707, and Refusal EDX901 when a queue exists with other arguments. A queue
    cannot be changed: let it run empty, delete it, and start again; or keep the old capacity.
    """
    children, offices = tuple(children), tuple(offices)
    with _blocking(settings) as connection:
        channel = connection.channel()
        for exchange in topology.exchanges(children, offices):
            channel.exchange_declare(exchange, "direct", durable=True)
        for queue in topology.queues(children, offices, capacity):
            try:
                channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code != 406:
                    raise
                raise Refusal("EDX901", where=f"queue {queue.name}", detail=error.reply_text) from error
            channel.queue_bind(queue.name, queue.exchange, queue.key)


@contextmanager
def _blocking(settings: RabbitSettings) -> Iterator[Any]:
    """A short-lived connection for questions; pika's errors become ours. Silence is waited for some seconds."""
    try:
        with pika.BlockingConnection(parameters(replace(settings, heartbeat=_SHORT_HEARTBEAT))) as connection:
            yield connection
    except pika.exceptions.ChannelClosedByBroker as error:
        code = "EDX706" if error.reply_code == 403 else "EDX701"
        raise Setback(code, where=settings.place, detail=error.reply_text) from error
    except Trouble:
        raise
    except Exception as error:
        # Not AMQPError and OSError alone: who takes the connection and says nothing ends in an exception of pika's
        # connector, which is neither, and what its decoder raises for the bytes of something that is no broker has
        # no class of pika's at all.
        found = connection_finding(error, settings)
        raise Setback(found.code, where=found.where, detail=found.detail) from error
