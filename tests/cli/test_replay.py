"""``edxml-router audit replay``: what was decided once is judged again."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from edxml_router import pipeline
from edxml_router.config import load
from edxml_router.core.body import MemoryBody
from edxml_router.core.link.wire import Hop, Transfer
from edxml_router.credentials import keys
from edxml_router.services import trial_authority
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring import composition
from tests import fixtures
from tests.cli.conftest import OneNode, rows
from tests.cli.test_retention import Ahead, ahead, confirmed, keep

__all__ = ["ahead"]

WHY = ("--reason", "thử")


def replayed(node: OneNode, document: str, *more: str, status: int = 0) -> dict[str, Any]:
    result = node.call("audit", "replay", document, *more, "--json")
    assert result.exit_code == status, result.output
    [row] = rows(result)
    return row


def deviating(row: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(one["what"], one["then"], one["now"]) for one in row["deviations"]}


def change(node: OneNode, *statements: str) -> None:
    """As whoever owns the database can."""
    with closing(sqlite3.connect(node.folder / "data" / "journal.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_a_letter_comes_out_the_same(node: OneNode) -> None:
    digest = node.send("1-UBND", ["G22", "H53.01"])
    found = replayed(node, digest[:12])
    assert (found["same"], found["decided"], found["judged"], found["deviations"]) == (True, "accepted", "accepted", [])
    [line] = node.rows("journal", "query", "--event", "envelope.accepted")
    [applied] = node.rows("journal", "query", "--event", "rules.applied")
    assert applied["position"] < line["position"] == found["position"]
    node.send("2-UBND", ["G22"])
    assert len(node.rows("journal", "query", "--event", "rules.applied")) == 1  # the same rules are applied once
    shown = node.call("audit", "replay", "1-UBND")
    assert (shown.exit_code, "the same" in shown.stdout) == (0, True), shown.output
    reads = [one["detail"] for one in node.rows("journal", "query", "--event", "journal.read")]
    assert any("audit replay" in one and digest[:12] in one for one in reads)
    assert node.call("journal", "verify").exit_code == 0


def test_what_ends_later_counts_today_and_not_then(node: OneNode) -> None:
    certificate = node.pki / "H53.cert.pem"
    bound = node.call("trust", "bind", certificate, "H53", "--since", "2026-01-01", *WHY)  # one of this second would go
    assert bound.exit_code == 0, bound.output
    digest = node.send("1-UBND", ["G22"])
    assert node.call("trust", "unbind", certificate, "H53", *WHY).exit_code == 0
    assert replayed(node, digest[:12])["same"]
    today = replayed(node, digest[:12], "--rules", "today", status=1)
    assert (today["judged"], today["judged_code"], today["rules_of"]) == ("refused", "EDX402", "today")
    assert ("outcome", "accepted", "refused") in deviating(today)
    shown = node.call("audit", "replay", digest[:12], "--rules", "today")
    assert (shown.exit_code, "EDX402" in shown.stdout) == (1, True), shown.output


def test_another_route_today(node: OneNode) -> None:
    digest = node.send("1-UBND", ["G22", "H53.01"])
    text = node.config.read_text("utf-8").replace('name = "vpcp"', 'name = "vpcp2"')
    node.config.write_text(text, "utf-8")
    assert replayed(node, digest[:12])["same"]
    today = replayed(node, digest[:12], "--rules", "today", status=1)
    assert [tuple(one.values()) for one in today["deviations"]] == [("route", "G22", "office:vpcp", "office:vpcp2")]
    assert replayed(node, digest[:12], "--rules", "today", "--recipient", "H53.01")["same"]


def test_a_refusal_comes_out_the_same(node: OneNode) -> None:
    path = node.folder / "unsigned.edxml"
    path.write_bytes(fixtures.document(sender="H53", to=["G22"], document_id="9-UBND"))
    assert node.call("send", path, "--as", "vp").exit_code == 1
    found = replayed(node, "9-UBND")
    assert (found["decided"], found["decided_code"], found["judged_code"], found["same"]) == (
        "refused",
        "EDX301",
        "EDX301",
        True,
    )
    [item] = node.rows("queue", "list", "--quarantine")
    change(node, "UPDATE aside SET data = NULL")
    gone = node.call("audit", "replay", item["digest"][:16])
    assert (gone.exit_code, "EDX633" in gone.stderr) == (66, True), gone.output


def test_who_has_altered_the_rules_is_found(node: OneNode) -> None:
    digest = node.send("1-UBND", ["G22"])
    altered = zlib.compress(b'{"format":"edxml-rules/1"}').hex()
    named = replayed(node, digest[:12])["rules"]["set"]
    change(node, f"UPDATE rule_parts SET data = x'{altered}' WHERE digest = '{named}'")  # noqa: S608  # hex
    refused = node.call("audit", "replay", digest[:12])
    assert (refused.exit_code, "EDX634" in refused.stderr) == (70, True), refused.output
    verified = node.call("journal", "verify")
    assert (verified.exit_code, "of the rules" in verified.output) == (70, True), verified.output
    change(node, "DELETE FROM rule_parts WHERE size < 300")
    assert "EDX634" in node.call("audit", "replay", digest[:12]).stderr


def test_what_was_decided_before_rules_were_kept(node: OneNode) -> None:
    path = node.letter("1-UBND", ["G22"])
    with composition.open_node(load(node.config)) as opened:
        opened.keeps_rules = False
        [answer] = pipeline.accept(opened, [Submission(MemoryBody(path.read_bytes()), "vp", "cli")])
        assert answer.accepted
        opened.number_journal()
    none = node.call("audit", "replay", answer.digest[:12])
    assert (none.exit_code, "EDX629" in none.stderr) == (66, True), none.output
    assert "no rules are kept here yet" in none.stderr
    node.send("2-UBND", ["G22"])
    assert "kept from position" in node.call("audit", "replay", answer.digest[:12]).stderr
    assert replayed(node, answer.digest[:12], "--rules", "today")["same"]


def test_a_letter_that_was_removed(node: OneNode, ahead: type[Ahead]) -> None:
    digest = confirmed(node, "1-VP")
    keep(node, 'bodies = "30d"')
    ahead.days = 60
    assert node.call("retention", "run", "--yes").exit_code == 0
    gone = node.call("audit", "replay", digest[:12])
    assert (gone.exit_code, "EDX633" in gone.stderr) == (66, True), gone.output
    assert "removed on" in gone.stderr
    assert node.call("journal", "verify").exit_code == 0
    with closing(sqlite3.connect(node.folder / "data" / "journal.db")) as database:
        assert database.execute("SELECT count(*) FROM rule_parts").fetchone()[0] > 3  # proofs rest on them


def test_a_copy_can_be_asked(node: OneNode) -> None:
    digest = node.send("1-UBND", ["G22"])
    assert node.call("backup", node.folder / "copy").exit_code == 0
    found = replayed(node, digest[:12], "--database", str(node.folder / "copy" / "journal.db"))
    assert found["same"]


def test_a_list_that_was_renewed_changes_nothing_of_then(node: OneNode) -> None:
    own = node.folder / "pki"
    shutil.copytree(node.pki, own)
    lists = f'crls = ["{own / "issuing.crl.pem"}", "{own / "root.crl.pem"}"]'
    node.config.write_text(node.config.read_text("utf-8").replace("[trust]", f"[trust]\n{lists}"), "utf-8")
    digest = node.send("1-UBND", ["G22"])
    serial = f"{keys.load_certificates(own / 'H53.cert.pem')[0].serial_number:x}"
    trial_authority.revoke(own, serial, datetime.now(UTC))
    assert replayed(node, digest[:12])["same"]
    today = replayed(node, digest[:12], "--rules", "today", status=1)
    assert (today["judged"], today["judged_code"]) == ("refused", "EDX313")
    assert today["judged_rules"]["trust"] != today["rules"]["trust"]
    refused = node.call("send", node.letter("2-UBND", ["G22"]), "--as", "vp")
    assert (refused.exit_code, "EDX313" in refused.output) == (1, True), refused.output
    assert replayed(node, "2-UBND")["judged_code"] == "EDX313"  # by the set of after the revocation
    assert len(node.rows("journal", "query", "--event", "rules.applied")) == 2


def test_what_a_neighbour_brought(node: OneNode) -> None:
    body = MemoryBody(node.letter("1-UBND", ["G22", "H53.02"], "H53.01").read_bytes())
    now = datetime.now(UTC)
    facts = {"id": "1", "envelope": body.digest, "size": body.size, "recipients": ("G22",), "generation": 0}
    transfer = Transfer(**facts, hops=(Hop("h53-01", now),), expires_at=now + timedelta(days=2), sent_at=now)
    with composition.open_node(load(node.config)) as opened:
        [answer] = pipeline.accept(opened, [Submission(body, "h53-01", "link", transfer)])
        assert answer.accepted, answer.finding
        opened.number_journal()
    found = replayed(node, body.digest[:12])
    assert (found["same"], found["judged"]) == (True, "accepted"), found
    text = node.config.read_text("utf-8").replace('prefixes = ["H53.01"]', 'prefixes = ["H53.03"]')
    node.config.write_text(text, "utf-8")
    assert replayed(node, body.digest[:12])["same"]
    assert replayed(node, body.digest[:12], "--rules", "today", status=1)["judged_code"] == "EDX401"


def test_what_an_office_chose_among_the_recipients(node: OneNode) -> None:
    body = MemoryBody(node.letter("1-UBND", ["G22", "H53.01"]).read_bytes())
    with composition.open_node(load(node.config)) as opened:
        [answer] = pipeline.accept(opened, [Submission(body, "vp", "cli", chosen=("000.00.00.G22",))])
        assert answer.recipients == ("G22",)
        opened.number_journal()
    assert replayed(node, body.digest[:12])["same"]


def test_what_only_the_store_could_tell(node: OneNode) -> None:
    node.send("1-UBND", ["G22"])
    again = node.call("send", node.letter("1-UBND", ["G22", "H53.01"]), "--as", "vp")
    assert (again.exit_code, "EDX404" in again.output) == (1, True), again.output
    [item] = node.rows("queue", "list", "--quarantine")
    found = replayed(node, item["digest"][:16], status=1)
    assert (found["same"], found["unjudged"], found["judged"], found["deviations"]) == (False, "EDX404", "accepted", [])
    assert "only the node of then could tell" in node.call("audit", "replay", item["digest"][:16]).stdout


def test_more_recipients_than_an_entry_lists(node: OneNode) -> None:
    codes = [f"H{number:02}" for number in range(1, 64) if number != 53]
    known = [one["code"] for one in node.rows("agency", "list") if one["code"] in codes and one["state"] == "active"]
    many = known[:17]
    text = node.config.read_text("utf-8").replace('"000.00.00.G22"', ", ".join(f'"{code}"' for code in many))
    node.config.write_text(text, "utf-8")
    digest = node.send("1-UBND", many)
    found = replayed(node, digest[:12])
    assert (len(many), found["same"]) == (17, True), found
    change(node, f"DELETE FROM deliveries WHERE recipient = '{many[3]}'")  # noqa: S608  # a code
    assert replayed(node, digest[:12])["same"]  # as the entries tell it
