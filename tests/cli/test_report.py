"""The command ``report``: the figures of a node's own mail, in every form, and counted again."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.cli.auditor import report
from edxml_router.core.delivery.figures.deadlines import VIETNAM, Deadlines, month_of
from edxml_router.core.delivery.figures.values import nearest_rank
from edxml_router.services.reports.tables import grouped_number, hours, percent
from tests.cli.conftest import OneNode, call
from tests.clocks import wait_past_midnight


@pytest.fixture(scope="module", autouse=True)
def _within_a_month() -> None:
    """The tests of this file are over before another month begins, where deadlines are reckoned."""
    wait_past_midnight(VIETNAM)


def this_month() -> str:
    return month_of(datetime.now(UTC))


@pytest.fixture
def mail(node: OneNode) -> OneNode:
    """Two letters from H53: G22 takes its one, the other waits for a node that is never there."""
    first = node.send("L1", ["G22"])
    node.send("L2", ["H53.01"])
    node.work()
    assert node.call("confirm", f"{first}.G22").exit_code == 0
    refused = node.call("send", node.letter("L3", ["H53"], "H53.01"), "--as", "vp")
    assert refused.exit_code == 1
    node.work()  # which signs a checkpoint over all of it
    return node


def test_the_figures_of_a_node(mail: OneNode, tmp_path: Path) -> None:
    [made] = mail.rows("report", "make", "--by", "agency")
    assert (made["first_month"] < made["last_month"], made["last_month"]) == (True, this_month())
    sides = {row["agency"]: row for row in made["rows"]}
    names = ("documents", "signed", "deliveries", "on_time", "late", "waiting")
    assert [sides["H53"]["sent"][name] for name in names] == [2, 2, 2, 1, 0, 1]
    assert [sides["G22"]["received"][name] for name in names] == [1, 1, 1, 1, 0, 0]
    assert [one["count"] for one in made["turned_away"]] == [1]
    [checkpoint] = mail.rows("journal", "checkpoint")
    assert (made["size"], made["root"], made["checkpoint"]) == tuple(
        checkpoint[each] for each in ("size", "root", "text")
    )

    path = tmp_path / "paper.csv"
    path.write_text(f"month,agency,documents\n{this_month()},000.00.00.H53,6\n", "utf-8")
    shown = mail.call("report", "make", "--csv", "--paper", path, "--by", "month").stdout
    [row] = csv.DictReader(io.StringIO(shown))
    assert (row["month"], row["sent_documents"], row["paper"], row["electronic_share"]) == (
        this_month(),
        "2",
        "6",
        "0.25",
    )
    path.write_text("month;agency\n", "utf-8")
    refused = mail.call("report", "make", "--paper", path)
    assert (refused.exit_code, "EDX667" in refused.output, "line 1" in refused.output) == (1, True, True)


def test_a_report_is_counted_again_and_a_changed_one_is_refused(mail: OneNode, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    written = mail.call("report", "make", "--json", "-o", path)
    assert (written.exit_code, written.stdout) == (0, "")
    assert "The report agrees" in mail.call("report", "verify", path).stdout
    [found] = mail.rows("report", "verify", path)
    assert (found["agrees"], found["differences"], found["problem"]) == (True, [], None)
    told = json.loads(path.read_text("utf-8"))
    told["rows"][0]["sent"]["on_time"] = 2
    path.write_text(json.dumps(told), "utf-8")
    refused = mail.call("report", "verify", path)
    assert refused.exit_code == 1
    assert "EDX666" in refused.output
    assert "rows[0].sent.on_time: 2 in the file, 1 by the journal" in refused.stdout
    told["root"] = "ab" * 32
    path.write_text(json.dumps(told), "utf-8")
    refused = mail.call("report", "verify", path)
    assert "EDX640" in refused.output  # by the checkpoint in it, with the node's own key
    told["checkpoint"] = None
    path.write_text(json.dumps(told), "utf-8")
    refused = mail.call("report", "verify", path, "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["problem"]["code"]) == (1, "EDX669")
    copy = tmp_path / "copy"  # an auditor counts from it without a configuration
    assert mail.call("backup", copy).exit_code == 0
    mail.call("report", "make", "--json", "-o", path)
    again = call("report", "verify", path, "--database", copy / "journal.db")
    assert (again.exit_code, "agrees" in again.stdout) == (0, True), again.output


def test_tables_fit_a_terminal_and_a_page_is_whole_in_itself(mail: OneNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("edxml_router.cli.session.WIDE", 80)
    for language in ("en", "vi"):
        shown = mail.call(
            "report", "make", "--by", "agency", "--by", "month", "--lang", language, "--limit", "2"
        ).output
        lines = [line for line in shown.splitlines() if "root" not in line and "gốc" not in line]
        assert max(map(len, lines[:30])) <= 80
        assert language == "vi" or {"refused", "cancelled", "waiting"} <= set(shown.split())  # heads in whole words
        assert re.search(r"[0-9]+:[0-9a-f]{64}", shown)
        assert "--limit" in shown
    page = mail.call("report", "make", "--html", "--lang", "vi").stdout
    assert page.startswith('<!doctype html>\n<html lang="vi">')
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import|url\(", page) == []
    assert "<svg " in page
    assert "100,0 %" in page
    assert "signed share" not in page
    assert "EDX" in page
    assert '<p class="who">h53</p>' in page


@pytest.mark.parametrize(
    "arguments",
    [["--since", "2026-13"], ["--since", "2026-02", "--until", "2026-01"], ["--csv", "--json"], ["-o", "x"]],
)
def test_wrong_usage(node: OneNode, arguments: list[str]) -> None:
    assert node.call("report", "make", *arguments).exit_code == 2


def test_an_empty_journal_has_a_report_of_noughts(node: OneNode) -> None:
    [made] = node.rows("report", "make")
    assert (made["rows"], made["total"]["sent"]["documents"]) == ([], 0)
    for form in ("--csv", "--html"):
        assert node.call("report", "make", form).exit_code == 0


# --- what figures are made of ---


def test_the_months_before(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [report._earlier("2026-11", 11), report._earlier("2026-03", 3), report._earlier("2026-12", 0)] == [
        "2025-12", "2025-12", "2026-12",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("accepted", "urgent", "due"),
    [
        ("2026-11-26T23:59", False, "2026-11-28T00:00"),  # a Thursday: Friday
        ("2026-11-27T00:00", False, "2026-12-01T00:00"),  # a Friday: Monday
        ("2026-11-29T12:00", False, "2026-12-01T00:00"),  # a Sunday: Monday
        ("2026-12-31T12:00", False, "2027-01-05T00:00"),  # a Thursday before a holiday: Monday
        ("2026-11-28T12:00", True, "2026-11-29T00:00"),  # urgent, on a Saturday: the same day
    ],
)
def test_when_a_letter_is_due(accepted: str, urgent: bool, due: str) -> None:
    moment = datetime.fromisoformat(accepted).replace(tzinfo=VIETNAM)
    law = Deadlines(holidays=frozenset({datetime(2027, 1, 1).date()}))
    assert law.due(moment.astimezone(UTC), urgent=urgent) == datetime.fromisoformat(due).replace(tzinfo=VIETNAM)
    assert Deadlines(timedelta(hours=4)).due(moment, urgent=False) == moment + timedelta(hours=4)


def test_percentiles_by_nearest_rank() -> None:
    assert [nearest_rank(values, 95) for values in ([], [7], list(range(1, 21)), list(range(1, 101)))] == [
        None,
        7,
        19,
        95,
    ]
    assert nearest_rank([1, 2, 3, 4], 50) == 2


def test_numbers_as_the_language_writes_them() -> None:
    numbers = [grouped_number("vi", 1234567), grouped_number("en", 1234567), grouped_number("vi", None)]
    assert numbers == ["1.234.567", "1,234,567", "–"]
    assert [percent("vi", 0.9355), percent("en", 0.9355), percent("en", None)] == ["93,5 %", "93.5 %", "–"]
    assert [hours(59), hours(3600 * 26 + 65), hours(None)] == ["0:00", "26:01", "–"]
