"""What listens on a broker's port and is none, or one that has stopped: met as EDX701, never as a mistake of ours."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from edxml_router.core.problems import Setback
from edxml_router.transport import rabbitmq, topology
from edxml_router.transport.amqp_connection import RabbitSettings
from edxml_router.transport.rabbitmq import RabbitTransport
from tests.contract.hubs import parcel, until
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
