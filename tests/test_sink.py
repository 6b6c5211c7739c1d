"""A log that cannot be written, or is written too often, and a worker that makes no turns."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from edxml_router.core.problems import Finding
from edxml_router.node import watch
from edxml_router.observe import events, repetition, sink
from edxml_router.observe.logs import configure
from edxml_router.observe.sink import Sink
from tests.contract.hubs import until


def test_a_reader_that_dies_ends_nobody_and_is_told_elsewhere(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    log = Sink(writer)
    log.note_in(tmp_path)
    os.close(reader)
    log.write("one\n")
    until((tmp_path / sink.FILE).exists)
    assert until((tmp_path / sink.FILE).read_text) == "whatever read the log has ended"
    os.close(writer)


def test_a_full_disk_loses_lines_and_counts_them(tmp_path: Path) -> None:
    full, file = os.open("/dev/full", os.O_WRONLY), tmp_path / "log"
    log = Sink(full)
    log.note_in(tmp_path)
    for number in range(3):
        log.write(f"{number}\n")
    log.finish()
    assert (tmp_path / sink.FILE).read_text() == "No space left on device"
    room = os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(room, full)  # as when somebody makes room
    log.write("on\n")
    log.finish()
    lost, line = file.read_text().splitlines()
    told = json.loads(lost)
    assert (told["event"], told["lines"], told["reason"]) == ("log.lost", 3, "No space left on device")
    assert line == "on"
    assert not (tmp_path / sink.FILE).exists()
    os.close(room)
    os.close(full)


def test_a_reader_that_reads_nothing_holds_up_nobody(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))  # full: the first line waits already
    log = Sink(writer)
    log.note_in(tmp_path)
    for _ in range(sink.WAITING + 2000):
        log.write("x" * 100 + "\n")
    assert (tmp_path / sink.FILE).read_text() == "nobody reads the log"
    with os.fdopen(reader, "rb") as pipe:
        os.set_blocking(reader, False)
        read: list[bytes] = []

        def drained() -> bool:
            read.append(pipe.read1(1 << 20) or b"")
            return not log._lines.unfinished_tasks

        until(drained)
        os.close(writer)  # not before: its number is given to another file, and the thread would write there
        assert b"log.lost" in b"".join([*read, pipe.read()])


def test_what_repeats_is_counted() -> None:
    now = [0.0]
    bounded = repetition.Repetition(lambda: now[0])
    shown = []

    def say(code: str, level: str = "error") -> None:
        fields = {"level": level, "event": "node.setback", "code": code}
        with suppress(structlog.DropEvent):
            shown.append(bounded(None, "", fields))

    for _ in range(10 * repetition.LINES):
        say("EDX601")
    assert len(shown) == repetition.LINES
    say("EDX602")
    for _ in range(2 * repetition.LINES):
        say("", "info")
    assert len(shown) == 3 * repetition.LINES + 1
    now[0] = repetition.SECONDS
    say("EDX601")
    assert shown[-1]["repeated"] == 9 * repetition.LINES


def test_the_log_is_bounded() -> None:
    out = io.StringIO()
    configure("json", "info", stream=out)
    for _ in range(1000):
        events.setback(Finding("EDX601", "bodies"))
    assert len(out.getvalue().splitlines()) == repetition.LINES


def test_a_worker_that_waits_for_ever_is_told_from_a_busy_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """EDX698 in log and doctor; ended only when it uses no processor."""
    for command, ended in (("input()", True), ("while True: pass", False)):
        seen = watch.WorkerWatch()
        program = f"import os, sys\nos.write(int(sys.argv[1]), b'.')\n{command}"
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(seen.end)], stdin=subprocess.PIPE, pass_fds=[seen.end]
        )
        seen.began(process.pid)
        try:
            until(lambda seen=seen: seen.still(time.monotonic()) >= 0 and seen.turned)
            assert not seen.over(time.monotonic())
            until(lambda ended=ended, pid=process.pid: ended or watch._used(Path(f"/proc/{pid}/stat")) > 0.5)
            monkeypatch.setattr(watch, "STILL", 0.0)
            assert seen.over(time.monotonic() + 1.0) is ended
            assert seen.over(time.monotonic() + watch.BUSY + 1.0)
            monkeypatch.undo()
        finally:
            process.kill()
            process.communicate()
            seen.close()
