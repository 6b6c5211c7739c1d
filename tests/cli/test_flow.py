"""What an operator types at night: halts, and what is shown of them."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from edxml_router.cli.flow.watch import _page
from edxml_router.cli.main import COMMANDS, cli
from edxml_router.cli.session import Session
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.services.flow.watching import Watched, WatchedRoute
from edxml_router.store.flow.watching import MinutePace
from tests.cli.conftest import OneNode, call, rows


def told(node: OneNode, check: str) -> list[tuple[str, Any]]:
    found = [row for row in rows(node.call("doctor", "--json")) if row["check"] == check]
    return [(row["result"], row["problem"] and row["problem"]["code"]) for row in found]


def test_a_halt_from_the_keyboard(node: OneNode) -> None:
    node.send("1-VP", ["000.00.00.G22"])
    assert told(node, "halts") == [("ok", None)]
    assert "No halt" in node.call("halt", "list").output
    assert node.call("halt", "add", "--reason", "r").exit_code == 2
    assert node.call("halt", "add", "--sender", "H53").exit_code == 2
    assert "EDX606" in node.call("halt", "add", "--link", "nowhere", "--reason", "r").output
    where = ("--sender", "000.00.00.H53", "--link", "vpcp")
    assert node.call("halt", "add", *where, "--dry-run").output == "would be stopped now: 1\n"
    [made] = node.rows("halt", "add", *where, "--reason", "chờ xác minh")
    assert (made["halt"], made["sender"], made["route"], made["count"]) == (1, "H53", "office:vpcp", 1)
    again = node.call("halt", "add", *where, "--reason", "nữa")
    assert (again.exit_code, "EDX663" in again.output) == (1, True)

    node.send("2-VP", ["000.00.00.G22"])
    node.work()
    listed = node.call("queue", "list").output
    assert listed.count("EDX661") == 2
    assert told(node, "halts") == [("warning", "EDX662")]
    shown = node.call("halt", "list").output
    assert "from H53, over office:vpcp" in shown
    assert "chờ xác minh" in call("--lang", "vi", "--config", node.config, "halt", "list").output
    refused = node.call("queue", "release", "1")
    assert "halt release 1" in refused.output
    done = node.call("halt", "release", "1", "--reason", "xong")
    assert (done.exit_code, done.output) == (0, "halt 1 is released; deliveries that go on: 2\n")
    node.work()
    assert len(node.rows("inbox")) == 2
    assert told(node, "halts") == [("ok", None)]


def test_a_node_is_drained_and_resumed(node: OneNode) -> None:
    assert node.call("drain").exit_code == 2
    node.send("1-VP", ["000.00.00.G22"])
    first = node.call("drain", "--reason", "thay đĩa")
    assert first.exit_code == 0
    assert "still to be sent: 1 deliveries, 0 receipts" in first.output
    waited = node.call("drain", "--reason", "thay đĩa", "--wait", "1s")
    assert (waited.exit_code, "Empty" in waited.output) == (75, False)
    refused = node.call("send", node.letter("2-VP", ["000.00.00.G22"], "H53"), "--as", "vp")
    assert (refused.exit_code, "EDX664" in refused.output) == (75, True)
    assert told(node, "halts") == [("warning", "EDX689")]
    node.work()
    [left] = node.rows("drain", "--reason", "thay đĩa", "--wait", "1s")
    assert (left["draining"], left["empty"], left["answers"], left["reason"]) == (True, True, 1, "thay đĩa")
    [done] = node.rows("resume")
    assert done["draining"] is False
    assert node.call("resume").exit_code == 66
    node.send("3-VP", ["000.00.00.G22"])


def test_what_failed_for_one_cause_is_seen_and_sent_again(node: OneNode) -> None:
    for name in ("1-VP", "2-VP", "3-VP"):
        node.send(name, ["000.00.00.G22"])
    assert node.call("queue", "cancel", "1", "2", "--reason", "nhầm").exit_code == 0
    assert node.call("queue", "hold", "3", "--reason", "xem").exit_code == 0
    assert node.call("redrive").exit_code == 2
    [plan] = node.rows("redrive", "--cause", "EDX803")
    assert (plan["count"], plan["acts"], plan["by_route"]) == (2, {"resend": 2}, {"office:vpcp": 2})
    assert [plan[edge]["document"] for edge in ("oldest", "newest")] == ["1-VP", "2-VP"]
    assert node.rows("redrive", "--cause", "EDX803", "--link", "h53-01")[0]["count"] == 0
    assert node.rows("redrive", "--cause", "EDX803", "--limit", "1")[0]["more"] is True
    shown = node.call("redrive", "--cause", "EDX803").output
    assert "2 deliveries would go on: resend 2" in shown
    assert "--yes does it" in shown
    assert "EDX607" in node.call("redrive", "--cause", "EDX803", "--count", "3", "--yes").output
    assert [one["state"] for one in node.rows("queue", "list", "--state", "cancelled")] == ["cancelled"] * 2
    done = node.rows("redrive", "--cause", "EDX803", "--count", "2", "--yes", "--reason", "sửa xong")
    assert [(one["act"], one["delivery"], one["done"]) for one in done] == [("resend", 1, True), ("resend", 2, True)]
    entries = node.rows("journal", "query", "--event", "delivery.resent")
    assert [entry["detail"] for entry in entries] == ["sửa xong"] * 2
    assert node.rows("redrive", "--cause", "EDX803")[0]["count"] == 0


def test_resend_takes_the_same_filters(node: OneNode) -> None:
    node.send("1-VP", ["000.00.00.G22"])
    assert node.call("queue", "cancel", "1", "--reason", "nhầm").exit_code == 0
    assert node.call("resend").exit_code == 2
    assert node.call("resend", "1-VP", "--state", "cancelled").exit_code == 2
    [plan] = node.rows("resend", "--state", "cancelled", "--link", "vpcp")
    assert (plan["count"], plan["acts"]) == (1, {"resend": 1})
    assert [one["state"] for one in node.rows("queue", "list", "--state", "cancelled")] == ["cancelled"]
    assert node.rows("resend", "--state", "cancelled", "--yes")[0]["done"] is True


def test_a_way_is_tried_check_by_check(node: OneNode) -> None:
    assert node.call("ping", "nowhere").exit_code == 66
    office = node.call("ping", "vpcp")
    assert (office.exit_code, office.output.splitlines()[-1]) == (0, "The next hop is in order.")
    assert node.call("ping", "h53-01").exit_code == 75  # the node has never been started: there is no hub
    node.work()
    found = rows(node.call("ping", "H53.01", "--json"))
    assert [(row["check"], row["problem"] and row["problem"]["code"]) for row in found] == [
        ("route", None), ("hub", None), ("mailbox", None), ("taker", "EDX709"), ("clock", None), ("way", None),
    ]  # fmt: skip
    shown = call("--lang", "vi", "--config", node.config, "ping", "h53-01")
    assert (shown.exit_code, "nút bên kia" in shown.output) == (75, True)


def test_a_look_at_a_node_fits_a_page(node: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nothing is open." in node.call("watch", "--once").output
    node.send("1-VP", ["000.00.00.G22"])
    node.work()
    node.send("2-VP", ["000.00.00.G22", "H53.01"])
    assert node.call("halt", "add", "--link", "vpcp", "--reason", "chờ").exit_code == 0
    [seen] = node.rows("watch")
    assert (seen["accepted"], seen["offered"], seen["confirmed"], seen["failed"]) == (2, 1, 0, 0)
    ways = {way["route"]: (way["to_send"], way["held"], way["answers"]) for way in seen["routes"]}
    assert ways == {"office:vpcp": (0, 1, 1), "link:h53-01": (1, 0, 0)}
    assert [alarm["code"] for alarm in seen["alarms"]] == ["EDX662"]
    monkeypatch.setenv("COLUMNS", "80")
    for language in ("en", "vi"):
        shown = call("--lang", language, "--config", node.config, "watch", "--once").output.splitlines()
        assert len(shown) <= 24
        assert any("office:vpcp" in line for line in shown)
        assert max(map(len, shown)) <= 240  # into a pipe nothing is cut


def test_a_page_of_many_ways_is_cut_to_the_terminal(node: OneNode) -> None:
    now = datetime.now(UTC)
    ways = [
        WatchedRoute(Route.link(f"xa-{number:03}"), 1, 0, 0, 0, 0, now - timedelta(hours=number), silent=False)
        for number in range(1, 41)
    ]
    alarms = [Finding("EDX701", f"link:xa-{number:03}", "a" * 100) for number in range(10)]
    watched = Watched("h53", now, MinutePace(60, 1, 2, 3, 4, 5, 6), ways, alarms)
    session, out = Session(language="en"), io.StringIO()
    Console(file=out, width=80, height=24).print(_page(session, watched, None, 24))
    lines = out.getvalue().splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "and 31 ways more, with 31" in out.getvalue()
    assert "and 4 alarms more" in out.getvalue()


def test_notices_come_in_pages(node: OneNode) -> None:
    for name in ("1-VP", "2-VP", "3-VP"):
        node.send(name, ["000.00.00.G22"])
    assert node.call("queue", "cancel", "1", "2", "3", "--reason", "nhầm").exit_code == 0
    first = node.call("inbox", "--notices", "--limit", "2")
    assert ("1-VP" in first.output, "2-VP" in first.output, "3-VP" in first.output) == (True, True, False)
    [number] = re.findall(r"There are more: --after (\d+)", first.stderr)
    rest = node.call("inbox", "--notices", "--limit", "2", "--after", number)
    assert ("2-VP" in rest.output, "3-VP" in rest.output, "There are more" in rest.stderr) == (False, True, False)
    assert node.call("inbox", "--notices", "--limit", "2", "--clear").exit_code == 0
    assert [one["document_id"] for one in node.rows("inbox", "--notices")] == ["3-VP"]


def test_a_table_in_a_pipe_ends_where_its_text_ends(node: OneNode) -> None:
    node.send("1-VP", ["000.00.00.G22"])
    for shown in (node.call("queue", "list"), node.call("queue", "shape")):
        lines = shown.stdout.splitlines()
        assert any("vpcp" in line for line in lines)
        assert lines == [line.rstrip() for line in lines]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = call("completion", shell)
    assert made.exit_code == 0
    assert f"_EDXML_ROUTER_COMPLETE={shell}_complete" in made.output
    words = "edxml-router queue ho" if shell != "fish" else "edxml-router queue"
    monkeypatch.setenv("_EDXML_ROUTER_COMPLETE", f"{shell}_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", "2" if shell != "fish" else "ho")
    completed = CliRunner().invoke(cli, [], prog_name="edxml-router")
    assert (completed.exit_code, "hold" in completed.output, "retry" in completed.output) == (0, True, False)


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_command_has_a_page_of_the_manual(language: str, tmp_path: Path) -> None:
    assert call("--lang", language, "manual", tmp_path).exit_code == 0
    assert {page.name for page in tmp_path.iterdir()} == {
        "edxml-router.1", *(f"edxml-router-{name}.1" for name in COMMANDS)
    }  # fmt: skip
    for page in tmp_path.iterdir():
        lines = page.read_text("utf-8").splitlines()
        assert [line for line in lines if line.startswith(".SH")][:2] == [".SH NAME", ".SH SYNOPSIS"]
        requests = (".TH", ".SH", ".TP", ".PP")
        assert not [line for line in lines if line.startswith((".", "'")) and not line.startswith(requests)]
    queue = (tmp_path / "edxml-router-queue.1").read_text("utf-8")
    assert "QUEUE HOLD" in queue
    assert "\\-\\-reason" in queue
