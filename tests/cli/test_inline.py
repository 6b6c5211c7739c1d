"""``workers = "inline"``: the whole node is one process, and keeps what a node of several keeps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edxml_router.core.problems import EXIT_SOFTWARE
from edxml_router.node.parts.part import PartThread
from edxml_router.observe.orders import Orders
from edxml_router.wiring import judging
from edxml_router.wiring.judging import MOST_DEATHS, NotingJudge
from tests.cli.conftest import COMMAND, OneNode
from tests.test_judging import LITTLE, codes, given, judge

PATIENCE = 120.0  # seconds until a test gives up
MOST_MIB = 120  # of memory; docs/performance.md has what was measured


@pytest.fixture
def inline(node: OneNode) -> OneNode:
    text = node.config.read_text(encoding="utf-8").replace("#workers = 0", 'workers = "inline"')
    node.config.write_text(text, encoding="utf-8")
    return node


class Serving:
    """A node that runs, and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log

    def lines(self, event: str) -> list[dict[str, str]]:
        whole = [line for line in self.log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        return [line for line in map(json.loads, whole) if line["event"] == event]

    def wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.02)


@contextmanager
def serving(log: Path, *command: str | Path) -> Iterator[Serving]:
    with log.open("ab") as output:
        process = subprocess.Popen(command, stderr=output, start_new_session=True)
    running = Serving(process, log)
    try:
        running.wait(lambda: bool(running.lines("worker.started")) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def figures(process: int) -> dict[str, int]:
    """Of its memory, in KiB."""
    rows = [line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8").splitlines()]
    return {row[0]: int(row[1]) for row in rows if row[-1] == "kB"}


def test_one_process_takes_mail_is_killed_and_goes_on_takes_settings_and_ends(inline: OneNode) -> None:
    serve = [COMMAND, "--config", inline.config, "serve"]
    inline.send("H53-1", ["G22"])
    with serving(inline.folder / "log", *serve) as running:
        running.wait(lambda: len(inline.rows("inbox")) == 1)
        process = running.process.pid
        assert not Path(f"/proc/{process}/task/{process}/children").read_text()
        assert figures(process)["Pss:"] < MOST_MIB * 1024
        running.process.kill()  # all of it at once
    inline.send("H53-2", ["G22"])
    with serving(inline.folder / "log2", *serve) as running:
        running.wait(lambda: len(inline.rows("inbox")) == 2)
        text = inline.config.read_text(encoding="utf-8")
        moved = text.replace('path = "hub"', 'path = "moved"').replace('workers = "inline"', "workers = 2")
        assert moved != text
        inline.config.write_text(moved, encoding="utf-8")
        running.process.send_signal(signal.SIGHUP)
        running.wait(lambda: len(running.lines("worker.started")) == 2)  # another thread begins with the other hub
        [waits] = running.lines("setting.waits")
        assert (waits["setting"], waits["before"], waits["after"]) == ("node.workers", "inline", "2")
        assert "node.workers" not in {line["setting"] for line in running.lines("setting.taken")}
        assert not running.lines("worker.lost")
        assert not Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text()
        inline.send("H53-3", ["G22"])
        running.wait(lambda: len(inline.rows("inbox")) == 3)
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0
        assert running.lines("node.ended")
    assert inline.call("journal", "verify").exit_code == 0


# A worker that never makes a turn, then, in the process that takes the place of the first, the real one.
_STUCK = """
import sys, time
from pathlib import Path
from edxml_router.config import load
from edxml_router.node import supervisor, watch, worker
config, marker = Path(sys.argv[1]), Path(sys.argv[2])
if not marker.exists():
    marker.touch()
    watch.STILL = 0.5
    worker.run = lambda *_: time.sleep(3600)
supervisor.serve(load(config))
"""


def test_a_worker_that_makes_no_turns_is_ended_with_the_process_which_begins_anew(
    inline: OneNode, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _STUCK, str(inline.config), str(tmp_path / "marker")]
    with serving(inline.folder / "log", *command) as running:
        assert [line["process"] for line in running.lines("worker.stuck")] == [running.process.pid]
        [started] = running.lines("worker.started")
        assert started["process"] == running.process.pid  # whoever has started it notices nothing
        assert len(running.lines("node.started")) == 2
        inline.send("H53-1", ["G22"])
        running.wait(lambda: bool(inline.rows("inbox")))
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0


# One that does not end when it is told to.
_DEAF = """
import sys, time
from pathlib import Path
from edxml_router.config import load
from edxml_router.node import supervisor, worker
from edxml_router.observe import events
supervisor.DRAIN = 0.5
def deaf(*_):
    events.worker_started(0)
    time.sleep(3600)
worker.run = deaf
supervisor.serve(load(Path(sys.argv[1])))
"""


def test_a_thread_that_does_not_end_holds_up_no_end(inline: OneNode) -> None:
    with serving(inline.folder / "log", sys.executable, "-c", _DEAF, inline.config) as running:
        running.process.terminate()
        assert running.process.wait(PATIENCE) == 0
        assert len(running.lines("node.started")) == 1


def never() -> None:
    raise AssertionError


def test_a_part_in_a_thread_is_told_and_ends_as_a_process_does() -> None:
    told: list[str] = []
    heard = threading.Event()

    def work(orders: Orders) -> int:
        while not orders.ending:
            if orders.take_reload():
                told.append("reload")
                heard.set()
            heard.wait(0.01)
        return 7

    part = PartThread("worker", work, never)
    assert part.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        part.wait(0.01)
    part.send_signal(signal.SIGHUP)
    assert heard.wait(PATIENCE)
    part.terminate()
    assert (part.wait(PATIENCE), part.returncode, told) == (7, 7, ["reload"])
    part.terminate()  # too late, and nothing happens
    part.send_signal(signal.SIGHUP)


def test_a_defect_ends_a_part_as_it_ends_a_process() -> None:
    def work(_orders: Orders) -> int:
        raise ZeroDivisionError

    assert PartThread("worker", work, never).wait(PATIENCE) == EXIT_SOFTWARE


def test_no_envelope_ends_the_process_that_is_the_node(tmp_path: Path) -> None:
    """In a thread, where no timer could be set: each is judged apart, and five deaths are one refusal."""
    answers: list[list[str]] = []

    def work(_orders: Orders) -> int:
        noted = NotingJudge(tmp_path, apart=True)
        answers.append(codes(noted(judge, given(b"one", b"slow", b"two"), LITTLE)))
        deaths = [noted(judge, given(b"deadly"), LITTLE)[0].trouble for _ in range(MOST_DEATHS)]
        answers.append([type(trouble).__name__ for trouble in deaths])
        noted.close()
        return 0

    assert PartThread("worker", work, never).wait(PATIENCE) == 0
    assert answers == [["H53.02", "EDX113", "H53.02"], ["Setback"] * (MOST_DEATHS - 1) + ["Refusal"]]


def test_a_process_apart_that_waits_for_ever_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that needs a lock which another thread held at the fork."""
    monkeypatch.setattr(judging, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(judging.ProcessEnded) as caught:
        judging.apart(lambda: time.sleep(3600), 1.0)
    assert caught.value.how == "SIGKILL"
