"""A running node serves the folders of its offices: files in, files out, whatever ends the process between."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import OneNode
from tests.cli.test_serve import PATIENCE, serving
from tests.folders.offices import FolderNode, month


def until(condition: Callable[[], object], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def lines(log: Path, event: str) -> list[dict[str, object]]:
    said = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line for line in said if line["event"] == event]


def test_letters_pass_between_folders_of_a_running_node(offices: FolderNode) -> None:
    log, file = offices.root / "log", offices.settings.path
    text = file.read_text("utf-8")
    first = text.replace('attach = "folder"\nfolder = "vpcp"\n', "")
    file.write_text(f'{first}\n[log]\nformat = "json"\n', encoding="utf-8")
    with serving(OneNode(offices.root, offices.pki), log) as process:
        until(lambda: lines(log, "folders.started"), log)
        until(lambda: offices.path("vp", "outbox").exists(), log)
        offices.path("vp", "outbox", "a.edxml").write_bytes(offices.letter())  # as a copy: written in place
        until(lambda: offices.files("vp", "sent", month()) == ["a.edxml", "a.edxml.json"], log)

        # The other office gets a folder while the node runs.
        file.write_text(f'{text}\n[log]\nformat = "json"\n', encoding="utf-8")
        os.kill(process.pid, signal.SIGHUP)
        until(lambda: [one for one in offices.files("vpcp", "inbox") if one.endswith(".edxml")], log)
        [name] = [one for one in offices.files("vpcp", "inbox") if one.endswith(".edxml")]

        started = lines(log, "folders.started")
        assert [line["folders"] for line in started] == [1, 2]
        os.kill(int(str(started[-1]["process"])), signal.SIGKILL)
        offices.path("vpcp", "inbox", name).rename(offices.path("vpcp", "done", name))
        until(lambda: offices.files("vp", "receipts", month()), log)
        assert len(lines(log, "folders.started")) == 3

        offices.path("vp").rename(offices.path("away"))  # a share that is gone is named once, and once when it is back
        until(lambda: lines(log, "folder.problem"), log)
        offices.path("away").rename(offices.path("vp"))
        until(lambda: lines(log, "folder.mended"), log)
        assert [line["code"] for line in lines(log, "folder.problem")] == ["EDX630"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
