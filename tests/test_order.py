"""Documents and what changes them, over several nodes: each keeps its place, and a body travels a link once."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.services import operator
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.offices import pushing
from tests.contract.hubs import until
from tests.test_pipeline import Nodes, letter, nodes
from tests.test_pushed import Office, office

__all__ = ["nodes", "office"]  # the fixtures
CODES = ("01", "03", "04", "05", "06")


def hand_in(nodes: Nodes, name: str, *data: bytes) -> list[str]:
    """In one batch; the digests."""
    answers = pipeline.accept(
        nodes[name].node, [Submission(MemoryBody(each), f"vanthu-{name}", "cli") for each in data]
    )
    assert all(each.accepted for each in answers)
    return [each.digest for each in answers]


def arrived(nodes: Nodes, name: str) -> list[str]:
    """The digests of what came to this node, in the order of arrival."""
    ledger = nodes[name].node.ledger
    return [one.digest for one in ledger.views.list_deliveries(states=list(State))]


def statuses(nodes: Nodes, about: str) -> list[bytes]:
    return [nodes.post.status("H53", "G22", about, code) for code in CODES]


def recall(nodes: Nodes, number: int, priority: int = 0) -> bytes:
    return letter(nodes, number=100 + number, recalls=nodes.post.document_id("G22", number), priority=priority)


def test_statuses_of_one_batch_arrive_as_they_were_sent(nodes: Nodes) -> None:
    hand_in(nodes, "quoc-gia", letter(nodes))
    nodes.settle()
    digests = hand_in(nodes, "tay-ninh", *statuses(nodes, nodes.post.document_id("G22", 1)))
    assert digests != sorted(digests)
    nodes.settle(len(CODES) + 3)
    assert [each for each in arrived(nodes, "quoc-gia") if each in digests] == digests


def test_an_urgent_recall_does_not_overtake_its_letter(nodes: Nodes) -> None:
    first, second = hand_in(nodes, "quoc-gia", letter(nodes), recall(nodes, 1, priority=4))
    free, other = hand_in(nodes, "quoc-gia", letter(nodes, number=2), letter(nodes, number=3, priority=4))
    nodes.step("quoc-gia")
    nodes.step("tay-ninh")
    assert set(arrived(nodes, "tay-ninh")) == {first, free, other}
    nodes.settle(3)
    assert arrived(nodes, "tay-ninh")[-1] == second


def test_what_is_held_holds_its_recall(nodes: Nodes) -> None:
    first, second = hand_in(nodes, "quoc-gia", letter(nodes), recall(nodes, 1))
    top = nodes["quoc-gia"].node
    [held] = nodes.deliveries("quoc-gia", first).values()
    operator.hold(top, [held.id], "an", "xem lại")
    nodes.settle()
    assert arrived(nodes, "tay-ninh") == []
    operator.release(top, [held.id], "an", "được")
    nodes.settle()
    assert arrived(nodes, "tay-ninh") == [first, second]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_in_between_each_document_keeps_its_order(nodes: Nodes, seed: int) -> None:
    """Steps of the nodes in any order, with pauses, holds and lost attempts in between."""
    chance = random.Random(seed)  # noqa: S311
    sent: dict[int, list[str]] = {}
    for number in range(1, 5):
        ordinary, urgent = chance.choice((0, 4)), chance.choice((0, 4))
        parts = letter(nodes, number=number, priority=ordinary), recall(nodes, number, priority=urgent)
        sent[number] = hand_in(nodes, "quoc-gia", *parts)
    top = nodes["quoc-gia"].node
    links = top.links
    for _ in range(40):
        top.links = links if chance.random() < 0.7 else {}  # no link: an attempt is put off
        nodes.step(chance.choice(list(nodes.opened)))
        nodes.clock.at += top.rules.delivery.retry_first * chance.random() * 2
        [one] = nodes.deliveries("quoc-gia", chance.choice(sent[chance.choice(list(sent))])).values()
        chance.choice((operator.hold, operator.release, operator.retry))(top, [one.id], "an", "thử")
    top.links = links
    for digest in (each for pair in sent.values() for each in pair):
        [one] = nodes.deliveries("quoc-gia", digest).values()
        operator.release(top, [one.id], "an", "thử")
    for _ in range(8):
        nodes.settle(2)
        nodes.clock.at += top.rules.delivery.retry_ceiling
    came = arrived(nodes, "tay-ninh")
    for first, second in sent.values():
        assert came.index(first) < came.index(second)


def test_what_changes_a_document_that_another_worker_has_in_hand_waits_once(nodes: Nodes, office: Office) -> None:
    """EDX625: the recall is taken first; its letter is with a worker that is slower."""
    office.say("submit", recall(nodes, 1), number=2)
    handled = nodes.step("quoc-gia")
    assert [each.finding and each.finding.code for each in handled.answers] == ["EDX625"]
    assert len(handled.back) == 1
    assert office.take() == []  # it hears of no trouble
    office.say("submit", letter(nodes), number=1)
    [taken] = nodes.step("quoc-gia").answers
    [second] = until(lambda: nodes.step("quoc-gia").answers)
    assert (taken.accepted, second.accepted) == (True, True)
    assert arrived(nodes, "quoc-gia") == [taken.digest, second.digest]


def test_what_changes_a_document_that_never_comes_is_taken_all_the_same(nodes: Nodes, office: Office) -> None:
    office.say("submit", recall(nodes, 1))
    assert not nodes.step("quoc-gia").answers[0].accepted
    [answer] = until(lambda: nodes.step("quoc-gia").answers)
    assert answer.accepted


def test_a_recall_in_the_batch_of_its_letter_does_not_wait(nodes: Nodes, office: Office) -> None:
    office.say("submit", letter(nodes), number=1)
    office.say("submit", recall(nodes, 1), number=2)
    assert [each.accepted for each in nodes.step("quoc-gia").answers] == [True, True]


def test_an_attached_office_finds_letter_and_recall_in_this_order(nodes: Nodes, office: Office) -> None:
    up = [
        letter(nodes, ["G22"], sender="H53"),
        letter(nodes, ["G22"], sender="H53", number=2, recalls=nodes.post.document_id("H53", 1), priority=4),
    ]
    digests = hand_in(nodes, "tay-ninh", *up)
    for _ in range(6):
        for name in ("tay-ninh", "quoc-gia"):
            nodes.step(name)
            pushing.push(nodes[name].node)
    came = [each.message.headers["envelope"] for each in office.take() if each.message.kind == "envelope"]
    assert came == digests


@pytest.mark.parametrize("batch", [2, 100])
def test_a_circular_is_one_body_on_the_link(nodes: Nodes, batch: int) -> None:
    recipients = ["H53", "H53.01", "H53.09", "H53.14", "H53.17"]
    top = nodes["quoc-gia"].node
    top.rules = replace(top.rules, delivery=replace(top.rules.delivery, batch=batch))
    digest = hand_in(nodes, "quoc-gia", letter(nodes, recipients))[0]
    pipeline.forward(top)
    pipeline.forward(top)
    assert nodes.states("quoc-gia", digest) == dict.fromkeys(recipients, State.FORWARDED)
    assert [each.digest for each in nodes.step("tay-ninh").answers] == [digest]
