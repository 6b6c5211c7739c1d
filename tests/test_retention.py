"""Letters that go when their term is over: by a worker, through a crash, and what is said of them afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.problems import Refusal
from edxml_router.core.retention.judging import Reason
from edxml_router.core.retention.terms import RetentionTerms
from edxml_router.core.retention.values import Removal
from edxml_router.demo.letters import File, Post
from edxml_router.demo.tree import Tree
from edxml_router.node.duties import retaining
from edxml_router.node.duties.retaining import RetentionDuty
from edxml_router.services import auditor, office, operator
from edxml_router.services.retention import holding, planning
from edxml_router.stages.offices import inbox
from edxml_router.stages.outcomes import removing
from edxml_router.wiring.composition import open_worker
from tests.clocks import Moved
from tests.crash.ports import How, Meddler
from tests.crash.test_port_calls import fork, wait
from tests.test_pipeline import PLANS, Nodes, letter

TERM = timedelta(days=10)


@dataclass
class Kept(Nodes):
    """The same nodes, of which the national one lets bodies go after ten days."""

    def over(self, days: int = 11) -> None:
        """So many days later, with everything numbered."""
        self.settle()
        self.clock.at += timedelta(days=days)
        for opened in self.opened.values():
            opened.number_journal()

    def turn(self, name: str = "quoc-gia") -> list[Removal]:
        opened = self[name]
        duty, data = RetentionDuty(), opened.settings.node.data
        found = list(duty.turn(opened.node, data))
        while duty.under_way:
            found += duty.turn(opened.node, data)
        opened.number_journal()
        return found

    def confirmed(self, data: bytes, recipients: tuple[str, ...] = ("tay-ninh",)) -> str:
        digest = self.send("quoc-gia", data).digest
        self.settle()
        for name in recipients:
            [one] = self.deliveries(name, digest).values()
            assert inbox.confirm(self[name].node, f"vanthu-{name}", [one.name]) == [None]
        self.settle()
        return digest


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Kept]:
    with ExitStack() as stack:
        tree = stack.enter_context(Tree(tmp_path / "tree", PLANS))
        clock = Moved()
        opened = {plan.name: stack.enter_context(open_worker(tree.settings(plan.name), clock)) for plan in PLANS}
        for each in opened.values():
            each.declare()
            each.node.rules = replace(each.node.rules, retention=RetentionTerms(bodies=TERM))
        yield Kept(opened, tree, Post(tree.pki), clock)


def sound(nodes: Kept, name: str = "quoc-gia") -> bool:
    return auditor.verify(nodes[name].node.ledger.views, {}).damages == ()


def test_a_body_goes_after_its_term_and_everything_said_of_it_stays(nodes: Kept) -> None:
    digest = nodes.confirmed(letter(nodes))
    nodes.settle()
    nodes.over(9)
    assert nodes.turn() == []
    nodes.over(2)
    [removal] = nodes.turn()
    assert (removal.count, removal.rule, removal.actor) == (1, "retention", "node")
    node = nodes["quoc-gia"].node
    assert node.bodies.read([digest]) == {}
    assert sound(nodes)
    [told] = auditor.history(node.ledger.views, digest).told
    assert told.gone is not None
    assert told.gone.removal == removal
    assert told.gone.position is not None
    assert [one.state for one in told.trace.deliveries] == [State.CONFIRMED]
    assert nodes.turn() == []


def test_a_large_one_goes_with_its_file(nodes: Kept) -> None:
    digest = nodes.confirmed(letter(nodes, files=[File("lon.pdf", 200_000)]))
    file = nodes["quoc-gia"].settings.node.data / "bodies" / digest[:2] / digest[2:]
    assert file.exists()
    nodes.over()
    assert [one.count for one in nodes.turn()] == [1]
    assert not file.exists()
    assert sound(nodes)


def test_a_file_that_was_touched_just_now_waits_for_the_sweep(nodes: Kept) -> None:
    digest = nodes.confirmed(letter(nodes, files=[File("lon.pdf", 200_000)]))
    file = nodes["quoc-gia"].settings.node.data / "bodies" / digest[:2] / digest[2:]
    nodes.over()
    os.utime(file, (nodes.clock.at.timestamp(),) * 2)  # as a transaction does that is about to refer to it
    assert [one.count for one in nodes.turn()] == [1]
    assert file.exists()
    assert sound(nodes)


def test_what_is_needed_stays_and_the_plan_says_why(nodes: Kept) -> None:
    held = nodes.confirmed(letter(nodes, number=1))
    gone = nodes.confirmed(letter(nodes, number=2))
    waits = nodes.send("quoc-gia", letter(nodes, number=3)).digest
    nodes.settle()
    node = nodes["quoc-gia"].node
    holding.hold_document(node, held, "an", "khiếu nại")
    with pytest.raises(Refusal, match="EDX671"):
        holding.hold_document(node, held, "an", "again")
    nodes.over(11)
    drawn = planning.draw_plan(node.ledger.views, node.rules.retention, node.now())
    assert {rule: share.count for rule, share in drawn.going.items()} == {"retention": 1}
    assert {reason: share.count for reason, share in drawn.staying.items()} == {Reason.HELD: 1, Reason.OPEN: 1}
    named = planning.documents(node.ledger.views, node.rules.retention, node.now())
    assert {one.kept.envelope.digest: one.ruling.goes for one in named} == {held: False, gone: True, waits: False}
    assert [one.count for one in nodes.turn()] == [1]
    assert set(node.bodies.read([held, gone, waits])) == {held, waits}
    holding.release_document(node, held, "an", "xong")
    nodes["quoc-gia"].number_journal()
    assert [one.count for one in nodes.turn()] == [1]
    assert set(node.bodies.read([held, gone, waits])) == {waits}
    assert sound(nodes)


def test_who_asks_for_it_is_told_the_truth(nodes: Kept) -> None:
    digest = nodes.confirmed(letter(nodes))
    nodes.over()
    assert [one.count for one in nodes.turn("tay-ninh")] == [1]
    [one] = nodes.deliveries("tay-ninh", digest).values()
    with pytest.raises(Refusal, match="EDX670") as refused:
        inbox.fetch(nodes["tay-ninh"].node, "vanthu-tay-ninh", one.name)
    assert "by rule retention, at position" in refused.value.finding.detail


def refused_by_recipient(nodes: Kept, data: bytes) -> str:
    digest = nodes.send("quoc-gia", data).digest
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], "sai nơi nhận")
    nodes.settle()
    assert nodes.states("quoc-gia", digest) == {"H53": State.RETURNED}
    return digest


def test_a_failed_one_cannot_be_sent_again(nodes: Kept) -> None:
    digest = refused_by_recipient(nodes, letter(nodes))
    [here] = nodes.deliveries("quoc-gia", digest).values()
    nodes.over()
    node = nodes["quoc-gia"].node
    assert nodes.turn() == []  # the office has not been told that it failed
    office.clear(node.ledger, office.notices(node.ledger.views, ["vanthu-quoc-gia"]))
    assert nodes.turn()
    [answer] = operator.resend(node, [here.id], "an", "")
    assert answer is not None
    assert answer.code == "EDX670"
    assert operator.try_out(node.ledger, Event.RESEND, [here.id]) == [answer]
    assert sound(nodes)


@pytest.mark.parametrize("size", [1000, 200_000])
def test_one_that_an_earlier_node_sends_again_is_here_again(nodes: Kept, size: int) -> None:
    data = letter(nodes, files=[File("lon.pdf", size)])
    digest = refused_by_recipient(nodes, data)
    [here] = nodes.deliveries("quoc-gia", digest).values()
    nodes.over()
    assert nodes.turn("tay-ninh")
    assert operator.resend(nodes["quoc-gia"].node, [here.id], "an", "") == [None]
    nodes.settle()
    assert nodes.states("tay-ninh", digest) == {"H53": State.AVAILABLE}
    [there] = nodes.deliveries("tay-ninh", digest).values()
    assert inbox.fetch(nodes["tay-ninh"].node, "vanthu-tay-ninh", there.name).whole() == data
    assert sound(nodes, "tay-ninh")


def test_a_repeat_of_what_has_gone_is_still_recognised(nodes: Kept) -> None:
    data = letter(nodes)
    digest = nodes.confirmed(data)
    nodes.over()
    assert nodes.turn()
    again = nodes.send("quoc-gia", data)
    assert (again.accepted, again.repeated) == (True, True)
    assert nodes.states("quoc-gia", digest) == {"H53": State.CONFIRMED}
    assert nodes["quoc-gia"].node.bodies.read([digest]) == {}


def test_what_was_opened_again_without_its_body_is_held(nodes: Kept) -> None:
    digest = nodes.confirmed(letter(nodes))
    nodes.over()
    assert nodes.turn()
    ledger = nodes["quoc-gia"].node.ledger
    with ledger.engine.begin() as connection:  # as a neighbour can that has forgotten it
        connection.exec_driver_sql(
            "UPDATE deliveries SET state = 'queued', far_accepted = 0, handed_at = NULL, ended_at = NULL, "
            "expires_at = 4102444800000000"
        )
    nodes["quoc-gia"].node.left = True
    nodes.step("quoc-gia")
    [one] = nodes.deliveries("quoc-gia", digest).values()
    assert (one.state, one.code) == (State.HELD, "EDX670")


@pytest.mark.parametrize("how", [How.KILLED_BEFORE, How.KILLED_AFTER])
def test_killed_in_the_middle_the_next_pass_goes_on(nodes: Kept, monkeypatch: pytest.MonkeyPatch, how: How) -> None:
    monkeypatch.setattr(removing, "AT_ONCE", 2)
    for number in range(1, 6):
        nodes.confirmed(letter(nodes, number=number))
    nodes.over()
    node = nodes["quoc-gia"].node
    settings, clock, terms = nodes["quoc-gia"].settings, nodes.clock, node.rules.retention

    def die_at_the_second() -> None:
        # Opened anew: no connection outlives a fork.
        with open_worker(settings, clock, Meddler(1, how).wrap) as opened:
            opened.node.rules = replace(opened.node.rules, retention=terms)
            after = None
            while True:
                after = removing.remove_portion(opened.node, after, "node").next

    assert wait(fork(settings.node.data / "failure", die_at_the_second)) == -9
    nodes["quoc-gia"].number_journal()
    count = 2 if how is How.KILLED_BEFORE else 4
    assert node.ledger.views.removals()[0] == count
    assert sound(nodes)
    assert sum(one.count for one in nodes.turn()) == 5 - count
    assert sound(nodes)


def test_one_worker_makes_the_pass_and_rests(nodes: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "LOOKED_AT", 1)
    for number in (1, 2):
        nodes.confirmed(letter(nodes, number=number))
    nodes.over()
    opened = nodes["quoc-gia"]
    first, second = RetentionDuty(), RetentionDuty()
    data = opened.settings.node.data
    assert [one.count for one in first.turn(opened.node, data)] == [1]
    assert list(second.turn(opened.node, data)) == []  # the pass is the first one's
    assert list(first.turn(opened.node, data)) == []  # room goes back to the disk first
    assert [one.count for one in first.turn(opened.node, data)] == [1]
    while first.under_way:
        assert list(first.turn(opened.node, data)) == []
    nodes.confirmed(letter(nodes, number=3))
    nodes.over()
    assert list(first.turn(opened.node, data)) == []  # it rests
    assert retaining.PAUSE == 3600.0
