"""``serve``: one for a data folder, whatever ended the one before."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from edxml_router.config import load
from edxml_router.core.problems import Refusal
from edxml_router.node import starting, supervisor, watch
from edxml_router.node.sole import FILE, sole
from edxml_router.ports.transport import Message, Parcel
from edxml_router.transport import topology
from edxml_router.transport.local.hub import LocalTransport
from tests.cli.conftest import COMMAND, OneNode, call, rows

PATIENCE = 120.0  # seconds until a test gives up


@pytest.fixture
def small(node: OneNode) -> OneNode:
    """With one worker."""
    text = node.config.read_text(encoding="utf-8").replace("#workers = 0", "workers = 1")
    node.config.write_text(text, encoding="utf-8")
    return node


@contextmanager
def serving(node: OneNode, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The node, running; in the end it and its workers are gone."""
    with log.open("wb") as output:
        process = subprocess.Popen([COMMAND, "--config", node.config, "serve"], stderr=output, start_new_session=True)
    try:
        wait(lambda: b"worker.started" in log.read_bytes() or process.poll() is not None, log)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait(condition: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)


def test_a_second_one_refuses_to_start_and_says_who_runs(small: OneNode) -> None:
    log = small.folder / "log"
    with serving(small, log) as first:
        said = {"en": "This node is running already: process", "vi": "Nút này đang chạy rồi: tiến trình"}
        for language, words in said.items():
            second = subprocess.run(
                [COMMAND, "--config", small.config, "--lang", language, "serve"],
                capture_output=True, text=True, check=False, timeout=PATIENCE,
            )  # fmt: skip
            assert second.returncode == 1
            what, where, remedy = second.stderr.splitlines()
            assert what.startswith(f"EDX609 {words} {first.pid} ")
            assert where.endswith(str(small.folder / "data"))
            assert "SIGTERM" in remedy
        small.send("H53-1", ["G22"])
        wait(lambda: bool(small.rows("inbox")), log)  # the first one works on
        assert log.read_bytes().count(b"worker.started") == 1


def test_after_a_kill_of_the_supervisor_alone_the_node_starts_again_and_its_workers_end(small: OneNode) -> None:
    log = small.folder / "log"
    with serving(small, log) as first:
        [worker] = children(first.pid)
        first.kill()
        first.wait()
        with serving(small, small.folder / "log2"):
            wait(lambda: not alive(worker), log)
    assert b"worker.ended" in log.read_bytes()


def test_doctor_says_that_a_node_was_killed_and_how_much_mail_nobody_takes(small: OneNode) -> None:
    def found() -> dict[str, tuple[str, str]]:
        answers = [row for row in rows(small.call("doctor", "--json")) if row["check"] in ("serve", "hub")]
        return {row["check"]: (row["result"], row["problem"]["code"] if row["problem"] else "") for row in answers}

    with serving(small, small.folder / "log") as process:
        wait(lambda: found() == {"serve": ("ok", ""), "hub": ("ok", "")}, small.folder / "log")  # it makes its hub
        assert f"process {process.pid} on " in small.call("doctor").stdout
    assert found() == {"serve": ("failed", "EDX611"), "hub": ("ok", "")}
    with closing(LocalTransport(small.folder / "hub", "h53-01")) as child:
        sent = [Parcel(topology.up("h53-01"), Message("transfer", f"m{number}", b"x")) for number in range(3)]
        assert child.publish(sent) == [None] * 3
    assert found() == {"serve": ("failed", "EDX611"), "hub": ("failed", "EDX611")}
    said = {"en": "3 messages wait here and nobody takes them", "vi": "3 thông điệp đang chờ ở đây mà không ai lấy"}
    for language, words in said.items():
        shown = small.call("--lang", language, "doctor")
        assert shown.exit_code == 75
        assert words in shown.stdout


def test_a_worker_whose_supervisor_died_before_it_could_look_ends(small: OneNode) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    command = [sys.executable, "-m", "edxml_router.node.worker", str(small.config), gone.stdout.decode().strip()]
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    assert (done.returncode, b"worker.ended" in done.stderr) == (0, True)


def test_who_starts_while_the_other_ends_waits_for_it(tmp_path: Path) -> None:
    with sole(tmp_path):
        taken = threading.Event()

        def start() -> None:
            with sole(tmp_path, PATIENCE):
                taken.set()

        waiting = threading.Thread(target=start)
        waiting.start()
        with pytest.raises(Refusal) as caught, sole(tmp_path, patience=0.0):
            pass
        assert caught.value.code == "EDX609"
        assert not taken.is_set()
    waiting.join(PATIENCE)
    assert taken.is_set()


def test_a_folder_that_cannot_hold_the_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to("elsewhere")
    with pytest.raises(Refusal) as caught, sole(tmp_path):
        pass
    assert (caught.value.code, caught.value.finding.where) == ("EDX908", str(tmp_path / FILE))


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_when_the_reader_of_the_log_dies_the_node_works_on_and_doctor_says_so(small: OneNode) -> None:
    command = [COMMAND, "--config", small.config, "serve"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stderr is not None
        while b"worker.started" not in process.stderr.readline():
            pass
        process.stderr.close()
        small.send("H53-1", ["G22"])
        wait(lambda: bool(small.rows("inbox")), small.config)
        wait(lambda: "EDX615" in small.call("doctor").stdout, small.config)
        assert "whatever read the log has ended" in small.call("doctor").stdout
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_database_that_is_not_there_yet_is_waited_for(small: OneNode) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as reserved:
        port = reserved.getsockname()[1]
    text = small.config.read_text(encoding="utf-8")
    url = f'[store]\nurl = "postgresql+psycopg://edx@127.0.0.1:{port}/edx"\n'
    text = text.replace("[store]\n", url, 1) if "\n[store]\n" in text else f"{text}\n{url}"
    small.config.write_text(text, encoding="utf-8")
    with subprocess.Popen([COMMAND, "--config", small.config, "serve"], stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        process.terminate()
    assert all(b"node.setback" in line and b"EDX602" in line for line in said)


def test_a_worker_that_makes_no_turns_is_named_then_ended(small: OneNode) -> None:
    settings = load(small.config)
    node = supervisor.Supervisor(settings)
    node._watches[0] = watched = watch.WorkerWatch()
    worker = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watched.began(worker.pid)
    now, stuck = time.monotonic(), settings.node.data / supervisor.STUCK
    node._see(0, worker, now)
    assert not stuck.exists()
    node._see(0, worker, now + watch.TOLD + 1)
    assert stuck.read_text() == "worker 1 of 1"
    assert worker.poll() is None
    with sole(settings.node.data):
        assert "EDX698" in small.call("doctor").stdout
    node._see(0, worker, now + watch.STILL + 1)
    assert worker.wait(PATIENCE) == -signal.SIGKILL
    worker.communicate()
    watched.close()


def test_a_volume_that_is_not_mounted_is_no_new_node(small: OneNode) -> None:
    """Made anew, the journal would be empty, and what was accepted meanwhile hidden once the volume is back."""
    data = small.folder / "data"
    for away in (data, data / "journal.db"):
        aside = away.rename(small.folder / "away")
        for command in ("serve", "send", "inbox", "doctor"):
            arguments = [small.letter("H53-1", ["G22"]), "--as", "vp"] if command == "send" else []
            result = small.call(command, *arguments)
            assert (result.exit_code, "EDX617" in result.output) == (78, True), result.output
        assert not away.exists()
        aside.rename(away)
    assert small.call("doctor").exit_code != 78


def test_a_copy_of_the_node_does_not_take_half_of_its_mail(small: OneNode, tmp_path: Path) -> None:
    """Another machine with the same configuration, and a journal of its own."""
    log, twin = small.folder / "log", tmp_path / "twin"
    with serving(small, log):
        twin.mkdir()
        text = small.config.read_text(encoding="utf-8").replace('path = "hub"', f'path = "{small.folder / "hub"}"')
        (twin / "node.toml").write_text(text, encoding="utf-8")
        shutil.copy(small.folder / "log.key.pem", twin)
        assert call("init", twin, "--name", "h53").exit_code == 0
        settings = load(twin / "node.toml")
        wait(lambda: any(starting.consumers(settings).values()), log)  # a worker that has started takes soon
        with pytest.raises(Refusal) as caught:
            starting.require_alone(settings, 0.0)
        assert caught.value.code == "EDX620"
    starting.require_alone(load(twin / "node.toml"))  # the first one has ended, and it may
