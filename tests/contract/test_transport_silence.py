"""What listens on a broker's port and is none, or one that has stopped: met as EDX701, never as a mistake of ours."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from edxml_router.core.problems import Setback
from edxml_router.transport import topology
from edxml_router.transport.rabbitmq import hub as rabbitmq
from edxml_router.transport.rabbitmq.connection import RabbitSettings
from edxml_router.transport.rabbitmq.hub import RabbitTransport
from tests.contract.hubs import ENDLESS, VHOST, RabbitHub, collect, hurry, parcel, suspended, until
from tests.contract.lines import Line, line
from tests.contract.test_transport import DOWN, codes

Serve = Callable[[Sequence[bytes]], RabbitSettings]


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def long(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def start(table: bytes = b"", ways: bytes = b"PLAIN") -> bytes:
    method = struct.pack(">HH", 10, 10) + b"\x00\x09" + long(table) + long(ways) + long(b"en_US")
    return frame(1, 0, method)


TUNE = frame(1, 0, struct.pack(">HHHIH", 10, 30, 100, 131072, 30))
OPEN_OK = frame(1, 0, struct.pack(">HH", 10, 41) + b"\x00")

STRANGERS: dict[str, Sequence[bytes]] = {
    "says nothing": [],
    "speaks HTTP": [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
    "zeros": [bytes(4096)],
    "a table that cannot be read": [start(b"\x05abc")],
    "a method that is none": [frame(1, 0, struct.pack(">HH", 99, 99))],
    "half a method": [frame(1, 0, b"\x00")],
    "text that is no UTF-8": [frame(1, 0, struct.pack(">HHH", 10, 50, 320) + b"\x02\xff\xfe\x00\x00\x00\x00")],
    "greets and stops": [start()],
    "tunes and stops": [start(), TUNE],
    "opens, then junk": [start(), TUNE, OPEN_OK, frame(1, 1, struct.pack(">HH", 60, 60) + b"\xff")],
}


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Listen, and say these bytes to everybody; then nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def run(parts: Sequence[bytes]) -> None:
            with suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    held.append(client)
                    with suppress(OSError):
                        for part in parts:
                            client.sendall(part)

        def begin(parts: Sequence[bytes]) -> RabbitSettings:
            threading.Thread(target=run, args=(parts,), daemon=True).start()
            port = listening.getsockname()[1]
            return RabbitSettings(
                "127.0.0.1", "node", "x", port=port, connect_timeout=0.3, confirm_timeout=0.4, heartbeat=1
            )

        yield begin
        for client in held:
            client.close()


@pytest.mark.parametrize("parts", STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_broker_is_away_for_commands_and_for_workers(serve: Serve, parts: Sequence[bytes]) -> None:
    settings = serve(parts)
    with pytest.raises(Setback) as caught:
        rabbitmq.depths(settings, [DOWN])
    assert caught.value.finding.code == "EDX701"
    with pytest.raises(Setback) as caught:
        rabbitmq.declare(settings, ["a"], ["vp"])
    assert caught.value.finding.code == "EDX701"
    transport = RabbitTransport(settings, [topology.up("a")])
    try:
        assert codes(transport.publish([parcel(DOWN)])) in (["EDX701"], ["EDX705"])
        assert transport.take(1, 0.0) == []
        until(lambda: transport.problem is not None)
    finally:
        transport.close()


def test_silence_has_words(serve: Serve) -> None:
    with pytest.raises(Setback) as caught:
        rabbitmq.depths(serve([]), [DOWN])
    assert caught.value.finding.detail == "it takes the connection and says nothing"


def test_silence_to_tls_is_silence(serve: Serve) -> None:
    settings = replace(serve([]), tls=ssl.create_default_context)
    with pytest.raises(Setback) as caught:
        rabbitmq.depths(settings, [DOWN])
    assert caught.value.finding.code == "EDX701"


PATIENT = 60.0


@pytest.fixture
def mute(rabbit: RabbitHub) -> Iterator[Line]:
    """A line to the hub of the contract."""
    with line(rabbit.broker.host, rabbit.broker.port) as made:
        yield made


def over(rabbit: RabbitHub, mute: Line, **changes: Any) -> RabbitTransport:
    waits = {"confirm_timeout": ENDLESS, "connect_timeout": ENDLESS, "heartbeat": 0}
    return rabbit.open("node", port=mute.port, **{**waits, **changes})


def test_the_first_connection_may_never_come_about(rabbit: RabbitHub, mute: Line) -> None:
    mute.lose()
    transport = over(rabbit, mute, patience=0.3)
    assert transport.answering  # nothing is known yet
    under_way = transport.hand_over([parcel(DOWN, 1)])
    assert under_way.wait(0.0) is None
    assert codes(transport.publish([parcel(DOWN, 2)])) == ["EDX705"]
    assert not transport.answering
    assert codes(transport.publish([parcel(DOWN, 3)] * 50)) == ["EDX705"] * 50  # at once
    with pytest.raises(Setback) as caught:
        transport.waiting([DOWN])
    assert caught.value.finding.code in ("EDX701", "EDX705")
    hurry(transport, patience=PATIENT)
    mute.open()
    until(lambda: transport.answering)
    assert codes(until(lambda: under_way.wait(0.0))) == ["EDX701"]  # it was lost with the connection
    assert codes(transport.publish([parcel(DOWN, 4)])) == [""]
    assert transport.waiting([DOWN])[DOWN].messages == 1


def test_what_is_under_way_on_a_silent_line_is_answered_when_it_speaks_again(rabbit: RabbitHub, mute: Line) -> None:
    transport = over(rabbit, mute)
    assert codes(transport.publish([parcel(DOWN, 1)])) == [""]
    hurry(transport, patience=0.3)
    mute.hold()
    under_way = transport.hand_over([parcel(DOWN, 2), parcel("edx.down.nobody", 3)])
    assert codes(transport.publish([parcel(DOWN, 4)])) == ["EDX705"]
    assert under_way.wait(0.0) is None
    assert codes(transport.hand_over([parcel(DOWN, 5)]).wait(ENDLESS) or []) == ["EDX705"]
    hurry(transport, patience=PATIENT)
    mute.open()
    assert codes(under_way.wait(ENDLESS) or []) == ["", "EDX703"]
    until(lambda: transport.answering)
    assert codes(transport.publish([parcel(DOWN, 6)])) == [""]
    arrivals = collect(rabbit.open("child-a", [DOWN]), 4)
    # The fourth had been sent before it was given up; the fifth never was.
    assert [one.message.id for one in arrivals] == ["m1", "m2", "m4", "m6"]


def test_a_mailbox_that_is_missing_is_told_without_harm_to_the_rest(rabbit: RabbitHub, mute: Line) -> None:
    transport = over(rabbit, mute, patience=ENDLESS)
    both = [DOWN, topology.down("a", urgent=True)]
    assert transport.waiting(["edx.down.nobody", *both, "edx.down.else"]).keys() == set(both)
    assert codes(transport.publish([parcel(DOWN, 1)])) == [""]
    assert transport.waiting([DOWN])[DOWN].messages == 1


def test_a_queue_that_is_stuck_holds_up_no_other(rabbit: RabbitHub) -> None:
    other = topology.down("b")
    node = rabbit.open("node", confirm_timeout=8.0)
    assert codes(node.publish([parcel(DOWN, 1), parcel(other, 2)])) == ["", ""]
    hurry(node, confirm_timeout=1.0)
    with suspended(rabbit.broker, VHOST, DOWN):
        stuck = node.hand_over([parcel(DOWN, 3)])  # and nothing else, by which to tell it from a silent broker
        found = until(lambda: stuck.wait(0.0))
        assert [(one.code, one.detail) for one in found if one] == [("EDX705", DOWN)]
        hurry(node, confirm_timeout=PATIENT)
        assert codes(node.publish([parcel(DOWN, 0), parcel(other, 0)])) == ["EDX705", ""]
        assert (node.answering, node.silence(other)) == (True, None)
        assert node.problem == node.silence(DOWN)
    until(lambda: node.silence(DOWN) is None)
    assert codes(node.publish([parcel(DOWN, 0)])) == [""]
    assert node.problem is None


def test_who_gives_up_on_one_mailbox_gives_up_on_no_other(rabbit: RabbitHub) -> None:
    other = topology.down("b")
    node = rabbit.open("node", confirm_timeout=ENDLESS)
    assert codes(node.publish([parcel(DOWN, 1), parcel(other, 2)])) == ["", ""]
    with suspended(rabbit.broker, VHOST, DOWN):
        hurry(node, patience=0.4)
        assert codes(node.publish([parcel(DOWN, 3)])) == ["EDX705"]
        hurry(node, patience=PATIENT)
        assert codes(node.publish([parcel(DOWN, 4), parcel(other, 5)])) == ["EDX705", ""]
        with pytest.raises(Setback) as caught:
            node.waiting([DOWN])
        assert (caught.value.finding.code, caught.value.finding.detail) == ("EDX705", DOWN)
        assert node.waiting([other])[other].messages == 2
    until(lambda: node.silence(DOWN) is None)


def test_a_stuck_queue_leaves_others_the_window(rabbit: RabbitHub) -> None:
    """Also where it is stuck before the first message, for which the broker keeps the channel."""
    other = topology.down("b")
    node = rabbit.open("node", confirm_timeout=ENDLESS, patience=ENDLESS, window=4)
    with suspended(rabbit.broker, VHOST, DOWN):
        stuck = node.hand_over([parcel(DOWN, number) for number in range(50)])
        assert codes(node.publish([parcel(other, number) for number in range(50)])) == [""] * 50
        assert stuck.wait(0.0) is None
    assert codes(stuck.wait(ENDLESS) or []) == [""] * 50
