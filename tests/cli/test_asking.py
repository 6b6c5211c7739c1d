"""What auditors ask on the command line, and that it is noted who did."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import event

from edxml_router.cli.acting import account
from edxml_router.config import load
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.asking import readings
from edxml_router.wiring import composition, own_ledger, reading
from tests.cli.conftest import OneNode, call, rows


def test_the_journal_is_asked_by_what_people_know(node: OneNode) -> None:
    for name in ("H53-1", "H53-2"):
        node.send(name, ["G22", "H53.01"])
    node.send("G22-1", ["H53"], sender="G22", office="vpcp")

    def digests(*asked: str) -> set[str]:
        return {row["digest"] for row in node.rows("journal", "query", "--event", "delivery.queued", *asked)}

    everything = digests()
    assert len(everything) == 3
    [one] = digests("--sender", "000.00.00.G22")
    assert digests("--sender", "H53") == everything - {one} == digests("--recipient", "H53.01")
    assert digests("--recipient", "H53.") == everything
    assert digests("--text", "van phong chinh phu") == everything
    assert digests("--text", "nobody is called so") == set()
    assert digests("--peer", "vpcp", "--recipient", "H53") == {one}
    assert digests("--kind", "status") == set()
    with reading.open_own(node.config) as asked, pytest.raises(Refusal, match="more than 2 agencies"):
        asked.named("tinh", most=2)
    table = list(csv.DictReader(io.StringIO(node.call("journal", "query", "--sender", "G22", "--csv").stdout)))
    assert [row["event"] for row in table] == ["envelope.accepted", "delivery.queued", "delivery.offered"][: len(table)]
    assert [row["position"] for row in table] == [
        str(row["position"]) for row in node.rows("journal", "query", "--sender", "G22")
    ]


def test_documents_are_listed_one_by_one(node: OneNode) -> None:
    digest = node.send("H53-1", ["G22", "H53.01"])
    node.send("G22-1", ["H53"], sender="G22", office="vpcp")
    node.work()
    everything = node.rows("documents")
    assert [row["envelope"]["document_id"] for row in everything] == ["H53-1", "G22-1"]
    first, second = everything
    assert (first["recipients"], first["recipient_count"], first["outcome"], first["level"]) == (
        ["G22", "H53.01"], 2, "open", 1,
    )  # fmt: skip
    assert sum(first["states"].values()) == 2
    assert node.rows("documents", "--recipient", "H53.") == everything
    assert node.rows("documents", "--recipient", "H53.01", "--sender", "H53") == [first]
    about = ("--text", "van phong chinh phu", "--peer", "vpcp", "--state", "available")
    assert node.rows("documents", *about) == everything
    assert node.rows("documents", "--recipient", "G22", "--state", "available") == [first]
    assert node.rows("documents", "--outcome", "confirmed") == node.rows("documents", "--level", "2") == []
    assert node.rows("documents", "--count", "--level", "1", "--by", "sender", "--outcome", "open") == [
        {"group": "G22", "total": 1}, {"group": "H53", "total": 1},
    ]  # fmt: skip
    assert node.rows("documents", "--count", "--by", "recipient")[0]["total"] == 1
    cut = node.call("documents", "--limit", "1", "--json")
    assert rows(cut) == [first]
    assert f"--after {first['position']} goes on" in cut.stderr
    assert node.rows("documents", "--after", str(first["position"])) == [second]
    [row, _] = csv.DictReader(io.StringIO(node.call("documents", "--csv").stdout))
    assert (row["digest"], row["recipients"], row["recipient_count"]) == (digest, "G22 H53.01", "2")
    table = node.call("documents", "--wide").stdout
    assert "H53-1" in table
    assert "2 agencies" in table
    assert "Nothing matches" in node.call("documents", "--kind", "recall").stdout
    assert node.rows("documents", "--count", "--by", "code", "--outcome", "open") == []
    read = [row["detail"] for row in node.rows("journal", "query", "--event", "journal.read")]
    assert read[1] == "documents recipient=H53.: 2 told"
    assert "documents text=… peer=vpcp state=available: 2 told" in read


def test_a_cell_that_a_spreadsheet_would_compute_is_text(node: OneNode) -> None:
    with composition.open_node(load(node.config)) as opened, opened.ledger.book() as book:
        book.journal.note([Entry(opened.now(), "clock.agrees", actor="=1+1")])
    [row] = csv.DictReader(io.StringIO(node.call("journal", "query", "--event", "clock.agrees", "--csv").stdout))
    assert row["actor"] == "'=1+1"


def test_counts_are_told_in_all_and_of_each(node: OneNode) -> None:
    node.send("H53-1", ["G22", "H53.01"])
    node.work()
    in_all = node.rows("journal", "query", "--count", "--event", "delivery.")
    of_each = node.rows("journal", "query", "--count", "--event", "delivery.", "--by", "event")
    assert in_all == [{"group": None, "total": sum(row["total"] for row in of_each)}]
    assert of_each[0]["total"] == max(row["total"] for row in of_each) >= 2
    assert node.call("journal", "query", "--by", "event").exit_code == 2
    assert node.call("journal", "query", "--csv", "--json").exit_code == 2


def test_a_listing_goes_on_where_it_was_cut(node: OneNode) -> None:
    node.send("H53-1", ["G22", "H53.01"])
    cut = node.call("journal", "query", "--event", "delivery.", "--limit", "1", "--json")
    [first] = rows(cut)
    assert f"--after {first['position']} goes on" in cut.stderr
    rest = node.rows("journal", "query", "--event", "delivery.", "--after", str(first["position"]))
    assert [first, *rest] == node.rows("journal", "query", "--event", "delivery.")


def test_who_read_what_is_in_the_journal(node: OneNode) -> None:
    digest = node.send("H53-1", ["G22"])
    node.rows("journal", "query", "--event", "envelope.accepted", "--text", "van phong chinh phu")
    node.call("trace", "H53-1")
    assert node.call("trace", "H53-9").exit_code == 66
    report = node.folder / "report.json"
    months = ("--since", "2026-01", "--until", "2026-12")
    assert node.call("report", "make", *months, "--json", "-o", report).exit_code == 0
    assert node.call("report", "verify", report).exit_code == 0
    read = node.rows("journal", "query", "--event", "journal.read")
    assert [row["detail"] for row in read] == [
        "journal query text=… event=envelope.accepted: 1 told",
        "trace document=H53-1: 1 told",
        "trace document=H53-9: 0 told",
        "report make since=2026-01 until=2026-12: 1 told",
        "report verify: 0 told",
    ]
    assert {row["actor"] for row in read} == {f"operator:{account()}"}
    assert all(row["position"] is not None for row in read)
    [again] = [row for row in node.rows("journal", "query", "--event", "journal.read") if row not in read]
    assert again["detail"] == "journal query event=journal.read: 5 told"
    assert node.rows("journal", "verify")[0]["sound"]
    before = (node.folder / "data" / "journal.db").read_bytes()
    copy = node.folder / "copy.db"
    copy.write_bytes(before)
    assert rows(call("journal", "query", "--document", digest, "--database", copy, "--json"))
    assert copy.read_bytes() == before


def test_what_was_asked_is_answered_though_nobody_can_write_down_who_asked(node: OneNode) -> None:
    """As where the disk is full: whoever looks what is stuck needs the answer then most."""
    node.send("H53-1", ["G22"])
    told: list[Finding] = []
    with (
        closing(own_ledger.open_ledger(load(node.config))) as ledger,
        closing(sqlite3.connect(node.folder / "data" / "journal.db", isolation_level=None)) as busy,
    ):
        event.listen(ledger.engine, "checkout", lambda opened, *_: opened.execute("PRAGMA busy_timeout = 50"))
        busy.execute("BEGIN IMMEDIATE")  # nobody else can write
        asked = reading.ReadableDatabase(ledger.views, node.config, ledger=ledger)
        with readings.noted(asked, "lan", "trace", {"document": "H53-1"}, told.append):
            found = ledger.views.find_envelopes(document_id="H53-1")
    assert len(found) == 1
    assert [one.code for one in told] == ["EDX624"]
