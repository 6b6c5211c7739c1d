"""Clients that are slow, silent, large, many or wrong are bounded, and honest ones are served meanwhile."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.gateway.world import World, digest, problem

SHORT = """
head_time = "300ms"
body_time = "300ms"
head_bytes = 8192
connections = 12
receiving = 2
body_bytes = 1024
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(Path(tmp_path_factory.mktemp("strict")), SHORT) as running:
        yield running


def honest(world: World) -> None:
    """Somebody who does nothing wrong is served."""
    data = world.letter()
    with world.client("vp") as client:  # closed at once: of connections there are few here
        assert client.put(f"/v1/envelopes/{digest(data)}", content=data).status_code == 201


def ended(line: ssl.SSLSocket) -> bytes:
    """All that comes until the other side closes."""
    came = b""
    try:
        while piece := line.recv(65536):
            came += piece
    except (ConnectionResetError, ssl.SSLError):
        pass
    return came


def test_a_head_that_trickles_is_given_up(strict: World) -> None:
    with strict.connect("vp") as line:
        line.settimeout(0.05)
        with pytest.raises((BrokenPipeError, ConnectionResetError, ssl.SSLError)):
            for letter in b"GET /v1/health HTTP/1.1\r\nX: " + b"x" * 4096:
                line.sendall(bytes([letter]))
                try:
                    if not line.recv(1):
                        raise BrokenPipeError
                except TimeoutError:
                    continue
        honest(strict)


def test_a_connection_that_says_nothing_is_given_up(strict: World) -> None:
    with strict.connect("vp") as line:
        assert ended(line) == b""


def test_a_body_that_falls_silent_is_given_up(strict: World) -> None:
    with strict.connect("vp") as line:
        line.sendall(b"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5000)
        came = line.recv(65536)
        assert came.startswith(b"HTTP/1.1 408 ")
        assert b"EDX627" in came + ended(line)
    assert list((strict.settings().node.data / "bodies" / "incoming").iterdir()) == []
    honest(strict)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(strict: World) -> None:
    with strict.connect("vp") as line:
        line.sendall(b"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5000)
    honest(strict)
    folder = strict.settings().node.data / "bodies" / "incoming"
    for _ in range(200):
        if not list(folder.iterdir()):
            break
        honest(strict)
    assert list(folder.iterdir()) == []


def test_a_flood_of_header_fields_is_refused(strict: World) -> None:
    with strict.connect("vp") as line:
        line.sendall(b"GET /v1/health HTTP/1.1\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError, ssl.SSLError)):
            for number in range(100_000):
                line.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
    honest(strict)


def test_requests_that_are_sent_ahead_are_answered_in_their_order(strict: World) -> None:
    with strict.connect() as line:
        line.sendall(b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
        came = b""
        while came.count(b"HTTP/1.1 ") < 21 or b"EDX420" not in came:
            came += line.recv(65536)
        assert came.count(b"HTTP/1.1 200") == 20


def test_more_connections_than_may_be_are_closed_and_the_others_live(strict: World) -> None:
    with ExitStack() as stack:
        client = stack.enter_context(strict.client())
        assert client.get("/v1/health").status_code == 200
        lines = [stack.enter_context(strict.connect()) for _ in range(20)]
        closed = [line for line in lines[-5:] if ended(line) == b""]
        assert len(closed) == 5
        assert client.get("/v1/health").status_code == 200


def test_more_envelopes_at_once_than_may_be_are_put_off(strict: World) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            line = stack.enter_context(strict.connect("vp"))
            line.sendall(b"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            assert line.recv(1000).startswith(b"HTTP/1.1 100 ")  # it is being received
        with strict.client("vp") as client:
            answer = client.post("/v1/envelopes", content=strict.letter())
        assert (answer.status_code, problem(answer)) == (503, "EDX626")
        assert int(answer.headers["retry-after"]) > 0
    honest(strict)


def test_what_is_no_http_at_all_is_answered_and_closed(strict: World) -> None:
    with strict.connect() as line:
        line.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert ended(line).startswith(b"HTTP/1.1 400 ")
    plain = socket.create_connection(("127.0.0.1", strict.port), timeout=60)
    with plain:  # no TLS
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP/1.1 2")
    honest(strict)
