"""``serve`` runs the gateway beside its workers: from a token to a letter that is accepted, reload, and the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from edxml_router.config import GatewaySettings
from edxml_router.core.problems import Refusal, Setback
from edxml_router.demo.servers import free_port
from edxml_router.gateway import entrance, server
from edxml_router.resources import program
from tests.gateway.world import World, digest


def run(world: World, *arguments: str) -> str:
    done = subprocess.run(
        [*program(), "--config", str(world.path), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("workers", ["1", '"inline"'])
def test_serve_runs_the_gateway(tmp_path: Path, workers: str) -> None:
    world, port = World(tmp_path), free_port()
    text = world.path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}")
    world.path.write_text(text.replace("workers = 1", f"workers = {workers}"))
    log = (tmp_path / "serve.log").open("wb+")
    serving = subprocess.Popen([*program(), "--config", str(world.path), "serve"], stderr=log)
    try:
        token = run(world, "token", "issue", "vp").strip()
        wait_for(serving, tmp_path, b'"gateway.started"')
        began = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
        assert len(began) == (2 if workers == "1" else 0)
        data = world.letter()
        with httpx.Client(verify=world.tls(), timeout=200, headers={"authorization": f"Bearer {token}"}) as client:
            url = f"https://127.0.0.1:{port}/v1/envelopes/{digest(data)}"
            assert client.put(url, content=data).status_code == 201
            os.kill(serving.pid, signal.SIGHUP)
            wait_for(serving, tmp_path, b'"node.reloaded"', 2)  # a worker's and the gateway's
            assert client.put(url, content=data).status_code == 200  # on the same connection, by another process
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(120) == 0
        assert b'"gateway.ended"' in (tmp_path / "serve.log").read_bytes()
    finally:
        serving.kill()
        serving.wait()
        log.close()


def test_an_address_that_is_taken_is_named() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        with pytest.raises(Setback) as caught:
            entrance.listen_on([one.getsockname()], GatewaySettings(listen=("127.0.0.1:1",)))
    assert caught.value.code == "EDX919"
    with pytest.raises(Setback, match="EDX919"):  # no machine has this address
        entrance.listen_on([("192.0.2.1", 0)], GatewaySettings(listen=("127.0.0.1:1",)))


def test_a_gateway_whose_address_is_taken_is_tried_again_while_the_node_works(tmp_path: Path) -> None:
    world = World(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        world.path.write_text(world.path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        log = (tmp_path / "serve.log").open("wb+")
        serving = subprocess.Popen([*program(), "--config", str(world.path), "serve"], stderr=log)
        try:
            wait_for(serving, tmp_path, b'"EDX919"')
            (tmp_path / "letter.edxml").write_bytes(world.letter())
            sent = run(world, "send", str(tmp_path / "letter.edxml"), "--as", "vp", "--json")
            assert '"accepted":true' in sent.replace(" ", "")
            wait_for(serving, tmp_path, b"delivery.available")  # a worker is at work
            other.close()
            wait_for(serving, tmp_path, b'"gateway.started"')
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(120) == 0
        finally:
            serving.kill()
            serving.wait()
            log.close()


def wait_for(serving: subprocess.Popen[bytes], folder: Path, what: bytes, times: int = 1) -> None:
    """Until it has been logged so many times."""
    deadline = time.monotonic() + 120
    while (folder / "serve.log").read_bytes().count(what) < times:
        assert time.monotonic() < deadline, (folder / "serve.log").read_bytes().decode()
        assert serving.poll() is None
        time.sleep(0.05)


def test_a_certificate_that_is_none_ends_the_gateway(tmp_path: Path) -> None:
    world = World(tmp_path)
    (tmp_path / "pki" / "gateway.cert.pem").write_text("not a certificate", encoding="ascii")
    gateway = world.settings().gateway
    assert gateway is not None
    with pytest.raises(Refusal, match="EDX918"):
        server.tls_context(gateway)
