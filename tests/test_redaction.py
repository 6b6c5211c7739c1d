"""Words of a person that are erased: from two nodes, from the file itself, and never from the proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router.core.delivery.entries.reasons import FACT
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Refusal
from edxml_router.core.retention.judging import Reason
from edxml_router.core.retention.terms import RetentionTerms
from edxml_router.node.duties.retaining import RetentionDuty
from edxml_router.services import auditor
from edxml_router.services.retention import holding, planning, redacting
from edxml_router.stages.offices import inbox
from tests.test_pipeline import letter
from tests.test_retention import Kept, nodes, sound

__all__ = ["nodes"]  # the fixture

WORDS = "chuyển nhầm cho bà Trần Thị Ví Dụ"
GROUND = "91/2025/QH15:14"


@pytest.fixture
def returned(nodes: Kept) -> str:
    """A letter that the province's office sent back, with those words; both nodes know it."""
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], WORDS)
    nodes.settle()
    for each in nodes.opened.values():
        each.number_journal()
    assert nodes.states("quoc-gia", digest) == {"H53": State.RETURNED}
    return digest


def holds_words(nodes: Kept, name: str) -> bool:
    data = nodes[name].settings.node.data
    return any(WORDS.encode() in file.read_bytes() for file in Path(data).rglob("*") if file.is_file())


@pytest.mark.parametrize("name", ["quoc-gia", "tay-ninh"])
def test_nothing_of_the_words_is_left_in_any_file_and_all_is_proven(nodes: Kept, returned: str, name: str) -> None:
    node = nodes[name].node
    assert holds_words(nodes, name)
    [before] = node.ledger.views.lines(envelope=returned, event="delivery.returned")
    plan = redacting.plan_redaction(node, returned, "", letter=False)
    assert [(one.words, one.recipient) for one in plan.words] == [(WORDS, "H53")]
    [done] = redacting.redact(node, plan, "an", GROUND)
    nodes[name].number_journal()
    assert redacting.forget(node)
    assert not holds_words(nodes, name)
    assert sound(nodes, name)
    assert done.commitments == (before.entry.facts[FACT],)
    [after] = node.ledger.views.lines(envelope=returned, event="delivery.returned")
    assert (after.entry, after.told.detail) == (before.entry, "")
    [told] = auditor.history(node.ledger.views, returned).told
    assert [(one.state, one.code, one.detail) for one in told.trace.deliveries] == [(State.RETURNED, "EDX801", "")]
    with pytest.raises(Refusal, match="EDX675") as refused:
        redacting.plan_redaction(node, returned, "", letter=False)
    assert "it was erased on" in refused.value.finding.detail
    nodes.settle()  # nobody brings them back
    assert not holds_words(nodes, name)


def test_words_go_when_their_term_is_over_and_all_is_proven(nodes: Kept, returned: str) -> None:
    opened = nodes["tay-ninh"]
    node, data = opened.node, opened.settings.node.data
    node.rules = replace(node.rules, retention=RetentionTerms(words=timedelta(days=10)))
    nodes.over(9)
    drawn = planning.node_plan(node)
    assert (drawn.words_going, drawn.words_staying[Reason.NOT_YET].count) == ({}, 1)
    assert drawn.next_at is not None
    nodes.clock.at = drawn.next_at - timedelta(microseconds=1)
    assert (nodes.turn("tay-ninh"), holds_words(nodes, "tay-ninh")) == ([], True)
    nodes.clock.at = drawn.next_at
    holding.hold_document(node, returned, "an", "khiếu nại")
    assert planning.node_plan(node).words_staying[Reason.HELD].count == 1
    assert (nodes.turn("tay-ninh"), holds_words(nodes, "tay-ninh")) == ([], True)
    holding.release_document(node, returned, "an", "xong")
    opened.number_journal()
    drawn = planning.node_plan(node)
    assert {rule: (share.count, share.size) for rule, share in drawn.words_going.items()} == {
        "retention": (1, len(WORDS.encode()))
    }
    duty = RetentionDuty()
    erased = []
    while not erased or duty.under_way:
        assert not duty.turn(node, data)
        erased += duty.erased
    assert [(one.digest, one.recipient, one.actor, one.ground) for one in erased] == [
        (returned, "H53", "node", "retention:retention")
    ]
    duty.turn(node, data)  # the database's own log forgets it
    opened.number_journal()
    assert not holds_words(nodes, "tay-ninh")
    assert sound(nodes, "tay-ninh")
    assert not planning.node_plan(node).words_going
    assert set(node.bodies.read([returned])) == {returned}  # the letter has a term of its own
    assert holds_words(nodes, "quoc-gia")  # whose rules say nothing of it


def test_only_what_one_agency_wrote_goes(nodes: Kept) -> None:
    digest = nodes.send("quoc-gia", letter(nodes, ["H53", "H01"])).digest
    nodes.settle()
    for name, code in (("tay-ninh", "H53"), ("an-giang", "H01")):
        [there] = nodes.deliveries(name, digest).values()
        inbox.refuse(nodes[name].node, f"vanthu-{name}", [there.name], f"{WORDS} {code}")
    nodes.settle()
    nodes["quoc-gia"].number_journal()
    node = nodes["quoc-gia"].node
    plan = redacting.plan_redaction(node, digest, "000.00.00.H01", letter=False)  # in its old form too
    assert [one.recipient for one in plan.words] == ["H01"]
    [done] = redacting.redact(node, plan, "an", GROUND)
    assert done.recipient == "H01"
    with pytest.raises(Refusal, match="EDX675"):
        redacting.plan_redaction(node, digest, "H01", letter=False)
    [left] = redacting.plan_redaction(node, digest, "", letter=False).words
    assert (left.recipient, left.words) == ("H53", f"{WORDS} H53")
    nodes["quoc-gia"].number_journal()
    assert sound(nodes)


def test_what_is_held_stays(nodes: Kept, returned: str) -> None:
    node = nodes["tay-ninh"].node
    plan = redacting.plan_redaction(node, returned, "", letter=False)
    holding.hold_document(node, returned, "an", "khiếu nại")
    for refuse in (
        lambda: redacting.plan_redaction(node, returned, "", letter=False),
        lambda: redacting.redact(node, plan, "an", GROUND),
    ):
        with pytest.raises(Refusal, match="EDX676"):
            refuse()
    assert holds_words(nodes, "tay-ninh")
    holding.release_document(node, returned, "an", "xong")
    assert redacting.redact(node, plan, "an", GROUND)


def test_what_is_no_persons_word_is_refused(nodes: Kept) -> None:
    digest = nodes.confirmed(letter(nodes))
    with pytest.raises(Refusal, match="EDX675") as refused:
        redacting.plan_redaction(nodes["quoc-gia"].node, digest, "", letter=False)
    assert "the program's own" in refused.value.finding.detail


def test_the_letter_goes_with_them_when_all_has_ended(nodes: Kept, returned: str) -> None:
    node = nodes["tay-ninh"].node
    plan = redacting.plan_redaction(node, returned, "", letter=True)
    assert plan.letters == [returned]
    done = redacting.redact(node, plan, "an", GROUND)
    nodes["tay-ninh"].number_journal()
    assert sorted(one.letter for one in done) == [False, True]
    assert node.bodies.read([returned]) == {}
    assert sound(nodes, "tay-ninh")
    [told] = auditor.history(node.ledger.views, returned).told
    assert told.gone is not None
    assert told.gone.removal.rule == "redaction"


def test_a_letter_that_somebody_waits_for_stays(nodes: Kept) -> None:
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    with pytest.raises(Refusal, match="EDX676") as refused:
        redacting.plan_redaction(nodes["tay-ninh"].node, digest, "", letter=True)
    assert "inbox" in refused.value.finding.detail


@pytest.mark.parametrize("ground", ["", "Nguyễn Văn Ví Dụ", "NguyenVanViDu", "91/2025 theo đơn", "1" * 61])
def test_a_ground_is_a_number(nodes: Kept, returned: str, ground: str) -> None:
    node = nodes["tay-ninh"].node
    plan = redacting.plan_redaction(node, returned, "", letter=False)
    with pytest.raises(Refusal, match="EDX687"):
        redacting.redact(node, plan, "an", ground)
    assert holds_words(nodes, "tay-ninh")
