"""What a service manager hears of a node: a real ``serve``, and the socket that systemd would listen on."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edxml_router.observe.service_manager import ServiceManager
from edxml_router.services.node import serving

WAIT = 60.0  # seconds until the manager has heard nothing


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(WAIT)
        yield line


def heard(line: socket.socket, wanted: str) -> list[str]:
    """All that is told until ``wanted`` is."""
    told: list[str] = []
    while not told or told[-1] != wanted:
        told.append(line.recv(4096).decode().partition("\n")[0])
    return told


@contextmanager
def serving_node(folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "edxml_router.cli.main", "serve", "--config", str(folder / "node.toml")]
    with subprocess.Popen(command, env=os.environ | environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def node(folder: Path, workers: str = "1") -> Path:
    file, _ = serving.write_configuration(folder, "h53", "")
    file.write_text(file.read_text().replace("#workers = 0", f"workers = {workers}"))
    serving.make(file)
    return folder


@pytest.mark.parametrize("workers", ["1", '"inline"'])
def test_ready_alive_reloading_stopping(tmp_path: Path, listening: socket.socket, workers: str) -> None:
    place = str(tmp_path / "notify")
    with serving_node(node(tmp_path / "node", workers), NOTIFY_SOCKET=place, WATCHDOG_USEC="400000") as process:
        assert set(heard(listening, "READY=1")[:-1]) <= {"WATCHDOG=1"}
        heard(listening, "WATCHDOG=1")
        process.send_signal(signal.SIGHUP)
        heard(listening, "RELOADING=1")
        assert set(heard(listening, "READY=1")[:-1]) <= {"WATCHDOG=1"}
        process.terminate()
        heard(listening, "STOPPING=1")
        assert process.wait(WAIT) == 0


def test_a_database_that_is_late_is_told_of(tmp_path: Path, listening: socket.socket) -> None:
    """It is waited for: a unit that ends would be given up by the system after some starts."""
    folder = node(tmp_path / "node")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "node.toml"
    url = f'url = "postgresql+psycopg://router@127.0.0.1:{port}/router"'
    file.write_text(file.read_text().replace('#url = "postgresql+psycopg://router@db.example.vn/router"', url))
    with serving_node(folder, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="1000") as process:
        told = heard(listening, "STATUS=EDX602 store.url")
        heard(listening, "WATCHDOG=1")
        assert "READY=1" not in told
        assert process.poll() is None


def test_a_name_in_the_kernel_is_a_place_too() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind("")  # the kernel gives a free name
        line.settimeout(WAIT)
        name = line.getsockname()[1:].decode()
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}).waiting("one\nline")
        assert line.recv(100) == b"STATUS=one line"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all"},
        {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "1"},
    ],
)
def test_without_a_manager_nothing_happens(environment: dict[str, str]) -> None:
    manager = ServiceManager(environment)
    manager.ready()
    manager.alive(1.0)
    manager.stopping()


def test_a_watchdog_of_another_process_is_not_ours(listening: socket.socket, tmp_path: Path) -> None:
    """Children inherit the environment."""
    manager = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2", "WATCHDOG_PID": "1"})
    manager.alive(1.0)
    manager.ready()
    assert heard(listening, "READY=1") == ["READY=1"]
