"""Tables on a terminal of 80 columns: what is copied as a whole stands on one line, or is said not to be shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edxml_router.language.table_layout import PROSE, table_layout
from tests.cli.conftest import OneNode

LONG = "01-2026-QĐ-UBND-H53-9f3c"


def on_a_terminal(node: OneNode, columns: int, *arguments: str) -> str:
    """What a command draws on a terminal that is so wide."""
    terminal, other_end = os.openpty()
    termios.tcsetwinsize(other_end, (40, columns))
    try:
        environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
        environment.pop("COLUMNS", None)
        command = [Path(sys.executable).with_name("edxml-router"), "--config", node.config, *arguments]
        running = subprocess.Popen(command, stdin=other_end, stdout=other_end, stderr=other_end, env=environment)
        os.close(other_end)
        drawn = b""
        while True:
            try:
                piece = os.read(terminal, 65_536)
            except OSError:  # EIO: nobody has the other end open any more
                break
            if not piece:
                break
            drawn += piece
        assert running.wait(120) == 0, drawn
    finally:
        os.close(terminal)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn.decode().replace("\r\n", "\n"))


@pytest.fixture
def waiting(node: OneNode) -> OneNode:
    node.send(LONG, ["G22", "H53.01"])
    return node


def test_piles_fit_eighty_columns_by_leaving_out_empty_ages(waiting: OneNode) -> None:
    drawn = on_a_terminal(waiting, 80, "queue", "shape")
    assert max(map(cell_len, drawn.splitlines())) <= 80
    assert re.search(r"^ *(link|office):[\w-]{4,} ", drawn, re.MULTILINE), drawn  # a whole route
    assert "<1m" in drawn.split("Not shown")[0]
    assert "≥1280m" in drawn.split("Not shown")[1]
    assert "Not shown" not in on_a_terminal(waiting, 80, "queue", "shape", "--wide")


def test_a_queue_fits_eighty_columns_and_says_what_it_leaves_out(waiting: OneNode) -> None:
    drawn = on_a_terminal(waiting, 80, "queue", "list")
    assert max(map(cell_len, drawn.splitlines())) <= 80
    assert "envelope" in drawn.split("Not shown")[1]
    lines = [line for line in drawn.splitlines() if LONG in line]
    assert len(lines) == 2
    assert all(re.search(r"\b(G22|H53\.01)\b", line) for line in lines)


def as_on_a_terminal(node: OneNode, monkeypatch: pytest.MonkeyPatch, columns: int, *arguments: str) -> str:
    """The same in this process, which is faster."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    result = node.call(*arguments)
    assert result.exit_code == 0, result.output
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", result.output)


def test_wide_shows_every_column(waiting: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = as_on_a_terminal(waiting, monkeypatch, 80, "queue", "list", "--wide")
    assert "Not shown" not in drawn
    [digest] = {row["digest"] for row in waiting.rows("queue", "list", "--json")}
    assert digest[:16] in drawn


LISTS = [
    ("trace", LONG),
    ("journal", "query"),
    ("sent",),
    ("inbox",),
    ("queue", "shape"),
    ("queue", "show", "1"),
    ("queue", "list"),
]


def test_no_moment_is_broken_and_no_line_too_long(waiting: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting.work()
    for columns in (80, 132):
        for arguments in LISTS:
            drawn = as_on_a_terminal(waiting, monkeypatch, columns, *arguments)
            assert LONG in drawn or arguments[0] in ("journal", "queue"), drawn
            before, _, after = drawn.partition("─")
            heads = before.splitlines()[-2] if before else ""
            table = [line for line in after.splitlines() if line.startswith((" ", "─"))]  # sentences begin at the edge
            assert max(map(cell_len, table)) <= columns, drawn
            for line in table:
                for head in re.finditer(r"\b(time|next|expires)\b", heads):
                    cell = line[head.start() : head.start() + 19].strip()
                    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\D|$", cell), drawn


WORDS = st.text("aăâbcdđ ", min_size=0, max_size=40)


@given(
    rows=st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS), max_size=5),
    width=st.integers(20, 120),
)
def test_what_is_firm_fits_and_spare_columns_go_in_their_order(rows: list[tuple[str, ...]], width: int) -> None:
    names = ("id", "document", "problem", "envelope")
    layout = table_layout(names, [names, *rows], width=width, spare=("envelope", "document"))
    assert layout.left_out in ((), ("envelope",), ("envelope", "document"))
    assert [names[number] for number in layout.shown] == [name for name in names if name not in layout.left_out]
    assert not any(names[number] in PROSE for number in layout.firm)
    taken = sum(max(cell_len(row[number]) for row in (names, *rows)) for number in layout.firm)
    assert taken <= width
    if layout.left_out == ():
        return
    everything = sum(max(cell_len(row[number]) for row in (names, *rows)) for number in range(4))
    assert everything + 8 > width  # a column goes only where all together did not fit
