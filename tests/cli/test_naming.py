"""What a person types as the name of something is found, or said to be unknown with what there is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import edxml_router
from edxml_router.config import load
from edxml_router.core.delivery.journal import QUARANTINE_REMOVED
from edxml_router.core.problems import Refusal
from edxml_router.services import auditor, naming
from edxml_router.wiring.opening import ledger_of
from tests.cli.conftest import OneNode, call
from tests.shapes import code_of

PACKAGE = Path(edxml_router.__file__).parent


def test_a_problem_is_found_by_code_number_and_name() -> None:
    for typed in ("EDX302", "edx302", "302", "signature-broken", " 302 "):
        assert naming.problem_named(typed).code == "EDX302"
    with pytest.raises(Refusal, match="did you mean signature-broken"):
        naming.problem_named("signature-brokn")


@pytest.mark.parametrize("blank", ["", " ", "\u00a0"])
def test_a_name_that_is_empty_means_nothing_rather_than_everything(node: OneNode, blank: str) -> None:
    """As when a script's variable has no value: resending it would open all that has ever failed."""
    node.send("H53-1", ["G22"])
    assert node.call("queue", "cancel", "1", "--reason", "wrong letter").exit_code == 0
    for typed in (
        ["resend", blank], ["resend", "H53-1", "--recipient", blank], ["trace", blank],
        ["queue", "list", "--link", blank], ["queue", "hold", "--state", "queued", "--document", blank],
        ["journal", "query", "--document", blank],
    ):  # fmt: skip
        result = node.call(*typed)
        assert (result.exit_code, "it is empty" in result.stderr) == (2, True), typed
    assert [row["state"] for row in node.rows("queue", "list", "--state", "cancelled")] == ["cancelled"]


@pytest.mark.parametrize("blank", ["", " "])
def test_a_service_finds_nothing_by_an_empty_name(node: OneNode, blank: str) -> None:
    node.send("H53-1", ["G22"])
    with ledger_of(load(node.config)) as ledger, pytest.raises(Refusal, match="no document is named"):
        auditor.find(ledger.views, blank)


# --- the journal --------------------------------------------------------------------------------------


def test_an_event_that_does_not_exist_is_refused_with_those_that_do(node: OneNode) -> None:
    for typed in ("delivery.hold", "delivery", "deliveries.", "nosuch"):
        result = node.call("journal", "query", "--event", typed)
        assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")
        assert "delivery.held" in result.stderr
        assert f"where   {typed}\n" in result.stderr
    assert "did you mean delivery.held?" in node.call("journal", "query", "--event", "delivery.hold").stderr


def test_every_event_that_is_noted_can_be_asked_for() -> None:
    noted = {QUARANTINE_REMOVED}
    for path in PACKAGE.rglob("*.py"):
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(each, ast.Call) and ast.unparse(each.func) == "Entry":
                noted |= {arg.value for arg in each.args[1:2] if isinstance(arg, ast.Constant)}
            elif isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "event":
                if isinstance(each.value, ast.Call):  # read from an entry, not named
                    continue
                noted |= {one.value for one in ast.walk(each.value) if isinstance(one, ast.Constant)}
    assert {"input.quarantined", "input.defect", "envelope.refused", "delivery.pushed"} < noted
    assert noted - {""} <= set(auditor.EVENTS)


def test_a_code_of_the_journal_may_be_a_number_but_must_exist(node: OneNode) -> None:
    node.call("send", node.letter("H53-1", ["H99.99"]), "--as", "vp")
    node.work()
    assert [code_of(row) for row in node.rows("journal", "query", "--code", "501")] == ["EDX501"]
    result = node.call("journal", "query", "--code", "999")
    assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")


def test_a_journal_without_an_answer_says_so_to_people_only(node: OneNode) -> None:
    assert node.call("journal", "query", "--event", "trust.block").stdout == "Nothing matches.\n"
    assert node.rows("journal", "query", "--event", "trust.block") == []
    wrong = node.call("journal", "query", "--since", "1h", "--until", "2h")
    assert (wrong.exit_code, "--until is not after --since" in wrong.stderr) == (2, True)


# --- links, offices and codes of the queue ------------------------------------------------------------


@pytest.mark.parametrize("act", ["list", "hold", "release", "retry", "cancel"])
def test_a_link_that_does_not_exist_is_refused_with_those_that_do(node: OneNode, act: str) -> None:
    reason = [] if act == "list" else ["--reason", "x"]
    for typed in ("ben-cu", "link:ben-cu", "link:vp"):
        result = node.call("queue", act, "--link", typed, *reason)
        assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")
        assert "there is: h53-01, vp, vpcp" in result.stderr
        assert f"where   {typed}\n" in result.stderr
    result = node.call("queue", act, "--code", "EDX999", *reason)
    assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")


def test_a_link_that_was_taken_out_is_found_while_it_has_deliveries(node: OneNode) -> None:
    node.send("H53-1", ["H53.01"])
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text.replace('name = "h53-01"', 'name = "h53-02"'), encoding="utf-8")
    assert len(node.rows("queue", "list", "--link", "h53-01")) == 1
    assert node.rows("queue", "list", "--link", "h53-02", "--code", "701") == []


def test_an_office_that_does_not_exist_is_refused_with_those_that_do(node: OneNode) -> None:
    for command in (["send", node.letter("H53-1", ["G22"]), "--as", "nobody"], ["inbox", "--office", "nobody"]):
        result = node.call(*command)
        assert (result.exit_code, result.stderr[:6]) == (1, "EDX403")
        assert "the offices are vp, vpcp" in result.stderr
        assert result.stderr.splitlines()[1] == "  where   nobody"


# --- where: as it was typed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "where"),
    [
        (["pki", "issue", "trial", "--agency", "NOPE!"], "EDX503", "NOPE!"),
        (["explain", "EDX999"], "EDX606", "EDX999"),
        (["agency", "show", "NOPE!"], "EDX503", "NOPE!"),
        (["agency", "show", "H53.99"], "EDX501", "H53.99"),
        (["agency", "list", "--under", "NOPE!"], "EDX503", "NOPE!"),
    ],
)
def test_where_is_what_was_typed(arguments: list[str], code: str, where: str) -> None:
    lines = call(*arguments).stderr.splitlines()
    assert (lines[0][:6], lines[1]) == (code, f"  where   {where}")


def test_where_is_the_document_or_the_number_that_was_typed(node: OneNode) -> None:
    for command in (["trace", "nosuch"], ["queue", "list", "--document", "nosuch"]):
        assert node.call(*command).stderr.splitlines()[1] == "  where   nosuch"
    assert node.call("inbox", "--agency", "NOPE!").stderr.splitlines()[1] == "  where   NOPE!"
    node.call("send", node.letter("H53-1", ["H99.99"]), "--as", "vp")
    result = node.call("queue", "discard", "1", "999")
    assert (result.exit_code, result.stderr.splitlines()[1]) == (66, "  where   999")


# --- notices ------------------------------------------------------------------------------------------


def test_a_notice_names_the_document(node: OneNode) -> None:
    digest = node.send("H53-1", ["G22"])
    node.work()
    assert node.call("confirm", digest).exit_code == 0
    [notice] = node.rows("inbox", "--notices", "--office", "vp")
    assert notice["document_id"] == "H53-1"
    assert "H53-1" in node.call("inbox", "--notices").stdout
