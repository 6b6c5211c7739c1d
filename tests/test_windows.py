"""What may be under way to mailboxes that do not answer: bounded, and never at the cost of one that does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pika
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.problems import Finding
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.forwarding.windows import AHEAD_BYTES, PORTION_BYTES, BytesAhead, Sending, open_windows
from edxml_router.transport.rabbitmq.calls import Call
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.lane import Lane, Outflow

WINDOW, WINDOW_BYTES = 8, 1000
BOXES = tuple(f"edx.down.{each}" for each in "abcdefgh")
SETTINGS = RabbitSettings("127.0.0.1", "node", "", window=WINDOW, window_bytes=WINDOW_BYTES)


class Wire:
    """A connection whose channels open at once, and what was published over them: mailbox, tag and size."""

    is_open = True

    def __init__(self) -> None:
        self.published: list[tuple[str, int, int]] = []
        self.confirms: dict[str, Any] = {}

    def channel(self, on_open_callback: Any) -> None:
        on_open_callback(Channel(self))


class Channel:
    def __init__(self, connection: Wire) -> None:
        self.connection = connection
        self.tag = 0
        self.confirm: Any = None

    def add_on_close_callback(self, _callback: Any) -> None: ...

    def add_on_return_callback(self, _callback: Any) -> None: ...

    def confirm_delivery(self, confirmed: Any, ready: Any) -> None:
        self.confirm = confirmed
        ready(None)

    def basic_publish(self, _exchange: str, mailbox: str, body: bytes, *_: Any, **__: Any) -> None:
        self.tag += 1
        self.connection.confirms[mailbox] = self.confirm
        self.connection.published.append((mailbox, self.tag, len(body)))


def confirm(wire: Wire, mailbox: str, tag: int) -> None:
    wire.confirms[mailbox](pika.frame.Method(1, pika.spec.Basic.Ack(tag)))


def call(mailbox: str, sizes: Sequence[int]) -> Call:
    nobody: Any = None
    return Call([Parcel(mailbox, Message("transfer", "m", bytes(size))) for size in sizes], nobody, nobody)


@given(st.lists(st.tuples(st.sampled_from(BOXES), st.integers(1, 600)), max_size=60), st.sets(st.sampled_from(BOXES)))
def test_a_mailbox_that_confirms_is_sent_everything_whatever_others_owe(
    given: list[tuple[str, int]], mute: set[str]
) -> None:
    wire: Any = Wire()
    outflow = Outflow(SETTINGS, lambda: None, 1000)
    lanes = {mailbox: Lane(mailbox, outflow) for mailbox in BOXES}
    calls = [call(mailbox, [size]) for mailbox, size in given]
    for each in calls:
        lanes[each.jobs[0].mailbox].send(each.jobs, wire)
    told = 0
    while told < len(wire.published):
        assert outflow.messages <= WINDOW + len(BOXES)
        assert outflow.bytes <= WINDOW_BYTES + 600 * len(BOXES)
        mailbox, tag, _ = wire.published[told]
        told += 1
        if mailbox not in mute:
            confirm(wire, mailbox, tag)
    assert [each.done.is_set() for each in calls] == [each.jobs[0].mailbox not in mute for each in calls]
    for mailbox, tag, _ in wire.published:  # which grows
        if mailbox in mute:
            confirm(wire, mailbox, tag)
    assert all(each.done.is_set() for each in calls)
    assert (outflow.messages, outflow.bytes) == (0, 0)


def test_a_mailbox_is_silent_until_it_confirms_or_for_as_long_as_is_said() -> None:
    for patience, lasts in ((60.0, True), (0.0, False)):
        wire: Any = Wire()
        lane = Lane(BOXES[0], Outflow(replace(SETTINGS, confirm_timeout=patience), lambda: None, 1000))
        first, second = call(BOXES[0], [1]), call(BOXES[0], [1])
        lane.send(first.jobs, wire)
        at = first.jobs[0].sent_at
        lane.give_up_overdue(at, at)
        assert not first.done.is_set()  # the broker has said nothing since
        lane.give_up_overdue(at, at + 1)
        assert [answer.code for answer in first.answers if answer] == ["EDX705"]
        assert lane.silent is lasts
        lane.send(second.jobs, wire)
        assert second.done.is_set() is lasts
        confirm(wire, BOXES[0], 1)  # late
        assert not lane.silent


class Mute:
    """A hub that takes everything, and answers when it is told to."""

    largest_message = PORTION_BYTES

    def __init__(self) -> None:
        self.taken: list[Parcel] = []
        self.answers = False

    def hand_over(self, parcels: Sequence[Parcel]) -> Any:
        self.taken += parcels
        hub = self

        class Handed:
            def wait(self, _seconds: float) -> Sequence[Finding | None] | None:
                return [None] * len(parcels) if hub.answers else None

        return Handed()


def test_all_that_is_owed_an_answer_is_bounded_and_every_mailbox_is_begun() -> None:
    hub, ahead, piece = Mute(), BytesAhead(), PORTION_BYTES // 8
    transport: Any = hub
    boxes = [f"edx.down.{number}" for number in range(20)]
    letters = {box: [Parcel(box, Message("chunk", f"{each}", bytes(piece))) for each in range(8)] for box in boxes}
    begun = open_windows([Sending(transport, box, letters[box], [box]) for box in boxes], ahead, 0.0)
    assert {one.mailbox for one in hub.taken} == set(boxes)
    assert ahead.held == piece * len(hub.taken)
    assert ahead.held <= AHEAD_BYTES + piece * len(boxes)
    hub.answers = True
    for window in begun.values():
        window.go_on(0.0)
        assert [finding for _, finding in window.outcomes()] == [None]
    assert (len(hub.taken), ahead.held) == (8 * len(boxes), 0)
