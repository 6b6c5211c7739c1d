"""What a neighbour may not bring about, stage by stage; the whole siege is in tests/scenarios/test_rogue_child.py."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.terms import Quota
from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.link.wire import Receipt, ReceiptOutcome, decode_receipts, encode_receipts, encode_transfer
from edxml_router.core.problems import Finding
from edxml_router.core.trust.bindings import Act, BindingRow, Bindings
from edxml_router.core.trust.certificate import identifying_digests
from edxml_router.intake import batch
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.services import operator
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.offices import inbox
from edxml_router.transport import topology
from tests.contract.hubs import until
from tests.test_pipeline import Nodes, _transfer, letter, nodes

__all__ = ["nodes"]  # the fixture


def kept(nodes: Nodes) -> Sequence[QuarantinedItem]:
    return nodes["quoc-gia"].node.ledger.views.list_quarantined()


def test_a_neighbours_time_does_not_bind_us_for_years(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    end = nodes.clock.now() + 2 * node.rules.delivery.lifetime
    for number, asked in enumerate((datetime(9000, 1, 1, tzinfo=UTC), end - timedelta(hours=1)), start=1):
        data = letter(nodes, ["H53"], sender="H01", number=number)
        transfer = _transfer(nodes, data, ("H53",), expires_at=asked)
        [answer] = pipeline.accept(node, [Submission(MemoryBody(data), "an-giang", "link", transfer)])
        [delivery] = nodes.deliveries("quoc-gia", answer.digest).values()
        assert abs(delivery.expires_at - min(asked, end)) < timedelta(milliseconds=1)


def test_unknown_means_nothing_where_nobody_asked(nodes: Nodes) -> None:
    """Else a line of a hundred bytes would have us send a body of megabytes, at once and again."""
    answer = nodes.send("quoc-gia", letter(nodes))
    pipeline.forward(nodes["quoc-gia"].node)
    unknown = Receipt(answer.digest, "H53", 0, ReceiptOutcome.UNKNOWN, nodes.clock.now())
    assert not pipeline.settle(nodes["quoc-gia"].node, [("tay-ninh", unknown)])
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.FORWARDED}


def test_saying_accepted_and_unknown_in_turn_makes_us_send_ever_less_often(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    answer = nodes.send("quoc-gia", letter(nodes))
    waits = []
    for _ in range(4):
        pipeline.forward(node)
        for outcome in (ReceiptOutcome.ACCEPTED, ReceiptOutcome.UNKNOWN):
            pipeline.settle(node, [("tay-ninh", Receipt(answer.digest, "H53", 0, outcome, nodes.clock.now()))])
        [delivery] = nodes.deliveries("quoc-gia", answer.digest).values()
        waits.append(delivery.due_at - nodes.clock.now())
        assert not pipeline.forward(node)  # not at once
        nodes.clock.at = delivery.due_at
    assert waits == [node.rules.delivery.retry_first * 2**power for power in range(4)]


def test_a_message_that_meets_a_mistake_of_ours_is_quarantined_alone(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    hub, key = nodes["tay-ninh"].transports[-1], nodes["tay-ninh"].node.sign_receipts
    now = nodes.clock.now()
    honest = encode_receipts((Receipt(answer.digest, "H53", 0, ReceiptOutcome.CONFIRMED, now),), key)
    poison = encode_receipts((Receipt("ab" * 32, "H53", 0, ReceiptOutcome.CONFIRMED, now, detail="poison"),), key)
    up = topology.up("tay-ninh")
    hub.publish([Parcel(up, Message("receipts", name, body)) for name, body in (("a", poison), ("b", honest))])
    settle = pipeline.settle

    def stumbles(node: object, receipts: Sequence[tuple[str, Receipt]], chains: object) -> object:
        if any(receipt.detail == "poison" for _, receipt in receipts):
            raise ZeroDivisionError
        return settle(node, receipts, chains)  # type: ignore[arg-type]

    monkeypatch.setattr(batch.pipeline, "settle", stumbles)
    nodes.step("quoc-gia")
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CONFIRMED}
    assert [(one.code, one.peer, one.kept) for one in kept(nodes)] == [("EDX699", "tay-ninh", True)]


def test_what_an_operator_cancelled_no_neighbour_opens_again(nodes: Nodes) -> None:
    """By whatever generation; the neighbour is told the end, and an operator of this node can send it after all."""
    node, data = nodes["quoc-gia"].node, letter(nodes, ["H53"], sender="H01")
    [answer] = pipeline.accept(
        node, [Submission(MemoryBody(data), "an-giang", "link", _transfer(nodes, data, ("H53",)))]
    )
    [one] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert operator.cancel(node, [one.id], "lan", "gửi nhầm") == [None]
    for generation in (1, 2, 1000):
        again = _transfer(nodes, data, ("H53",), generation=generation)
        pipeline.accept(node, [Submission(MemoryBody(data), "an-giang", "link", again)])
        assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CANCELLED}
    pipeline.report(node)
    came = nodes["an-giang"].transports[0].take(100, 0.0)
    told = [one for arrival in came for one in decode_receipts(arrival.message.body).receipts]
    assert {one.generation for one in told if one.outcome is ReceiptOutcome.CANCELLED} == {0, 1, 2, 1000}
    assert operator.resend(node, [one.id], "lan", "gửi lại theo đề nghị") == [None]
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.QUEUED}


def test_who_cancelled_it_may_lift_that_though_it_was_sent_again_meanwhile(nodes: Nodes) -> None:
    """A node between must not take the answer "cancelled" to a new attempt for a cancellation of its own."""
    answer = nodes.send("an-giang", letter(nodes, ["H53"], sender="H01"))
    nodes.settle()

    def act(name: str, does: Callable[..., Sequence[Finding | None]]) -> None:
        [one] = nodes.deliveries(name, answer.digest).values()
        assert does(nodes[name].node, [one.id], "lan", "thử") == [None]
        nodes.settle()

    act("tay-ninh", operator.cancel)
    act("an-giang", operator.resend)
    assert {nodes.states(name, answer.digest)["H53"] for name in nodes.opened} == {State.CANCELLED}
    act("tay-ninh", operator.resend)
    act("an-giang", operator.resend)
    [one] = nodes.deliveries("tay-ninh", answer.digest).values()
    assert inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [one.name]) == [None]
    for _ in range(4):  # the generations differ, so the ends are asked for
        nodes.settle()
        nodes.clock.at += nodes["quoc-gia"].node.rules.delivery.inquiry_interval
    assert {nodes.states(name, answer.digest)["H53"] for name in nodes.opened} == {State.CONFIRMED}


def test_receipts_of_a_blocked_key_do_not_count(nodes: Nodes) -> None:
    node, answer = nodes["quoc-gia"].node, nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [certificate] = node.rules.peers["tay-ninh"].credentials.certificates
    [delivery] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [delivery.name])
    before = node.rules.bindings
    for name in identifying_digests(certificate):
        node.rules = replace(node.rules, bindings=Bindings([BindingRow(Act.BLOCK, name)]))
        body = encode_receipts(
            (Receipt(answer.digest, "H53", 0, ReceiptOutcome.CONFIRMED, nodes.clock.now()),),
            nodes["tay-ninh"].node.sign_receipts,
        )
        message = Message("receipts", name[:9], body)
        nodes["tay-ninh"].transports[-1].publish([Parcel(topology.up("tay-ninh"), message)])
        nodes.step("quoc-gia")
        assert nodes.states("quoc-gia", answer.digest) == {"H53": State.FORWARDED}
    assert {(one.code, one.peer) for one in kept(nodes)} == {("EDX409", "tay-ninh")}
    node.rules = replace(node.rules, bindings=before)
    nodes.settle()
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CONFIRMED}


def test_beyond_the_space_for_odd_input_the_journal_still_says_what_came(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    node.rules = replace(node.rules, limits=replace(node.rules.limits, quarantine_bytes=10))
    message = Message("gossip", "x", b"longer than ten bytes")
    nodes["an-giang"].transports[-1].publish([Parcel(topology.up("an-giang"), message)])
    nodes.step("quoc-gia")
    assert [(one.code, one.kept, one.size) for one in kept(nodes)] == [("EDX704", False, 21)]
    ledger = nodes["quoc-gia"].node.ledger
    lines = ledger.views.lines()
    [entry] = [line.entry for line in lines if line.entry.event == "input.quarantined"]
    assert (entry.code, "EDX604" in entry.detail) == ("EDX704", True)


def test_far_beyond_its_quota_a_neighbour_does_not_fill_the_room_of_the_others(nodes: Nodes) -> None:
    """Of sixty letters one is taken; ten of the others are let go on their second visit, and none is lost by that."""
    node = nodes["quoc-gia"].node
    child = replace(node.rules.peers["an-giang"], quota=Quota(messages=1))
    node.rules = replace(node.rules, peers={**node.rules.peers, child.name: child})
    hub = nodes["an-giang"].transports[-1]
    letters = [letter(nodes, ["H53"], sender="H01", number=number) for number in range(1, 62)]
    manifests = [encode_transfer(_transfer(nodes, data, ("H53",)), data) for data in letters]
    messages = [Message("transfer", f"t{n}", body) for n, body in enumerate(manifests)]
    hub.publish([Parcel(topology.up("an-giang"), message) for message in messages])
    first = nodes.step("quoc-gia")
    assert (len(first.back), kept(nodes)) == (60, [])
    put_back = nodes.tree.hub("quoc-gia") / topology.up("an-giang") / "new"
    last = max(int(file.name.partition(".")[0]) for file in put_back.iterdir())
    until(lambda: time.time_ns() > last)  # what is held is counted by batch: all of it comes in one
    assert len(nodes.step("quoc-gia").back) == 50
    assert [(one.code, one.size < 1000) for one in kept(nodes)] == [("EDX406", True)] * 10
    told = [message for arrival in hub.take(100, 0.0) for message in decode_receipts(arrival.message.body)[0]]
    assert [(one.outcome, one.envelope) for one in told] == [
        (
            ReceiptOutcome.ACCEPTED,
            hashlib.sha256(letters[0]).hexdigest(),
        )  # no answer to the others, so they are sent again
    ]


def test_a_flood_of_one_child_delays_no_siblings_letter(nodes: Nodes) -> None:
    """Two thousand messages lie there when the letter comes; it is accepted with the next batch."""
    flood = [Parcel(topology.up("an-giang"), Message("gossip", f"x{number}", b"x")) for number in range(2000)]
    assert set(nodes["an-giang"].transports[-1].publish(flood)) == {None}
    answer = nodes.send("tay-ninh", letter(nodes, ["G22"], sender="H53"))
    nodes.step("tay-ninh")
    nodes.step("quoc-gia")
    assert set(nodes.states("quoc-gia", answer.digest)) == {"G22"}
    assert nodes["quoc-gia"].transports[0].depths()[topology.up("an-giang")] > 1900


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 200])
def test_an_offices_answer_about_no_delivery_is_quarantined(nodes: Nodes, number: str) -> None:
    message, mailbox = Message("confirm", "x", b"", correlation=number), topology.submission("vanthu-quoc-gia")
    arrival = Arrival(message, mailbox, "vanthu-quoc-gia", "", False)
    batch.receive(nodes["quoc-gia"].node, nodes["quoc-gia"].transports[0], [arrival])
    assert [one.code for one in kept(nodes)] == ["EDX704"]
