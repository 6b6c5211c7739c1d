"""Clients that are slow, silent, large, many or wrong are bounded, and honest ones are served meanwhile."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edxml_router.config import GatewaySettings
from edxml_router.demo.letters import File
from edxml_router.gateway.entrance import Entrance
from edxml_router.gateway.server import tls_context
from tests.contract.hubs import until
from tests.gateway.world import World, digest, problem

SHORT = """
head_time = "300ms"
body_time = "300ms"
head_bytes = 8192
handshake_time = "2s"
send_time = "1s"
connections = 24
address_connections = 12
receiving = 2
sending = 1
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


def connections(world: World) -> set[object]:
    """Those that the gateway knows of now."""
    return {*world.server.server_state.connections}


def ended(line: socket.socket) -> bytes:
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


def plain(world: World, whence: str) -> socket.socket:
    """A line without TLS from an address of this machine."""
    return socket.create_connection(("127.0.0.1", world.port), timeout=60, source_address=(whence, 0))


def test_more_connections_than_may_be_are_closed_and_the_others_live(strict: World) -> None:
    """Also those that have not begun their handshake; and no address keeps the others out."""
    before = connections(strict)
    with ExitStack() as stack:
        client = stack.enter_context(strict.client())
        assert client.get("/v1/health").status_code == 200
        lines = [stack.enter_context(plain(strict, "127.0.0.2")) for _ in range(20)]
        assert [ended(line) for line in lines[12:]] == [b""] * 8  # the other twelve may say what they want
        assert client.get("/v1/health").status_code == 200
        more = [stack.enter_context(plain(strict, "127.0.0.3")) for _ in range(20)]
        assert [ended(line) for line in more[-8:]] == [b""] * 8
        assert client.get("/v1/health").status_code == 200
    until(lambda: connections(strict) <= before)
    honest(strict)


def test_a_listed_proxy_may_have_more_than_another_address() -> None:
    settings = GatewaySettings(
        listen=("127.0.0.1:1",), connections=4, address_connections=2, proxies=("10.0.0.0/8", "fd00::1")
    )
    entrance = Entrance(settings)
    inside = [entrance.enter(host) for host in ("10.1.1.1", "10.1.1.1", "10.1.1.1", "192.0.2.1")]
    assert None not in inside
    assert entrance.enter("10.1.1.1") is None  # more than all together
    [first, *_] = inside
    assert first is not None
    first()
    others = Entrance(settings)
    assert [others.enter(f"2001:db8::{host}") is not None for host in (1, 2, 3)] == [True, True, False]  # one /64
    assert others.enter("2001:db8:1::1%eth0") is not None
    assert entrance.enter("10.9.9.9") is not None


def test_a_handshake_that_is_not_begun_or_stops_in_the_middle_is_given_up(strict: World) -> None:
    before = connections(strict)
    with plain(strict, "127.0.0.2") as silent, plain(strict, "127.0.0.2") as half:
        half.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the beginning of a ClientHello
        assert (ended(silent), ended(half)) == (b"", b"")
    with plain(strict, "127.0.0.2") as line:  # gone at once, by a reset
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.sendall(b"\x16\x03\x01\x02\x00\x01")
    until(lambda: connections(strict) <= before)
    honest(strict)


def test_nobody_may_renegotiate(strict: World) -> None:
    gateway = strict.settings().gateway
    assert gateway is not None
    context = tls_context(gateway)
    assert context is not None
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_letter_that_is_not_read_is_given_up_and_another_is_put_off_meanwhile(strict: World) -> None:
    letter = strict.letter(files=(File("ban-do.zip", 12_000_000),))
    strict.hand_in(letter)
    strict.work()
    with strict.client("so") as client, ExitStack() as stack:
        listed = client.get("/v1/inbox").json()["letters"]
        [name] = [one["letter"] for one in listed if one["letter"].startswith(digest(letter))]
        before = connections(strict)
        raw = stack.enter_context(socket.socket())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(60)
        raw.connect(("127.0.0.1", strict.port))
        line = stack.enter_context(strict.tls("so").wrap_socket(raw, server_hostname="127.0.0.1"))
        line.sendall(f"GET /v1/inbox/{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        came = line.recv(1000)
        assert came.startswith(b"HTTP/1.1 200 ")
        answer = client.get(f"/v1/inbox/{name}")
        assert (answer.status_code, problem(answer)) == (503, "EDX626")
        until(lambda: connections(strict) <= before)
        assert len(came + ended(line)) < len(letter)
        assert client.get(f"/v1/inbox/{name}").content == letter


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
