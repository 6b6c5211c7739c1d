"""What neighbours and offices are asked, and do, after a back-up was restored."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edxml_router import pipeline
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.resync import Resync, decode_resync, encode_resync
from edxml_router.core.link.wire import decode_transfer
from edxml_router.core.problems import Refusal
from edxml_router.intake import batch
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.outcomes import inquiring, recovery
from edxml_router.transport import topology
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]


def test_a_neighbour_asks_again_about_all_that_is_open(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    node, hub = nodes["quoc-gia"].node, nodes["quoc-gia"].transports[0]
    before = nodes.deliveries("quoc-gia", answer.digest)["H53"].due_at
    question = Message("resync", "r", encode_resync(Resync("0f" * 8, nodes.clock.now())))
    nodes["tay-ninh"].transports[-1].publish([Parcel(topology.up("tay-ninh"), question)])
    batch.receive(node, hub, hub.take(10, 1.0))
    assert nodes.deliveries("quoc-gia", answer.digest)["H53"].due_at == nodes.clock.now() < before
    [told] = [one for one in nodes["tay-ninh"].transports[-1].take(10, 1.0) if one.message.kind == "resynced"]
    assert decode_resync(told.message.body).epoch == "0f" * 8
    batch.receive(nodes["tay-ninh"].node, nodes["tay-ninh"].transports[-1], [told])  # nobody asked


def test_a_neighbour_that_asks_all_the_time_costs_nothing(nodes: Nodes) -> None:
    with nodes["quoc-gia"].node.ledger.book() as book:
        now = nodes.clock.now()
        asked = [book.recoveries.asked("tay-ninh", epoch, now, recovery.PAUSE) for epoch in ("a", "a", "b", "b")]
        assert asked == [True, False, None, None]
        later = nodes.clock.now() + recovery.PAUSE
        assert book.recoveries.asked("tay-ninh", "b", later, recovery.PAUSE) is True


def test_what_is_no_question_is_quarantined(nodes: Nodes) -> None:
    for kind, data in (("resync", b"{}"), ("resynced", b'{"v":"edx/1","epoch":1,"since":"x"}\n')):
        with pytest.raises(Refusal) as caught:
            decode_resync(data)
        assert caught.value.code == "EDX704", kind


def test_mail_of_a_neighbour_that_was_taken_out_waits_for_the_true_reason(nodes: Nodes) -> None:
    """It was held as damaged, though its body is whole, and asked for a restore."""
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    node = nodes["quoc-gia"].node
    links = node.links
    node.links = {route: link for route, link in links.items() if route != "link:tay-ninh"}
    nodes.clock.at += node.rules.delivery.inquiry_interval + timedelta(seconds=1)
    inquiring.inquire(node)
    pipeline.forward(node)
    waiting = nodes.deliveries("quoc-gia", answer.digest)["H53"]
    assert (waiting.state, waiting.code, waiting.far_accepted) == (State.DEFERRED, "EDX509", True)
    node.links = links  # put back, it is asked about as before
    nodes.clock.at += node.rules.delivery.retry_ceiling
    pipeline.forward(node)
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.FORWARDED}


def test_a_node_vouches_under_the_name_it_has_now(nodes: Nodes) -> None:
    """The far side refuses a transfer whose last hop is not the neighbour that brings it."""
    answer = nodes.send("quoc-gia", letter(nodes))
    node = nodes["quoc-gia"].node
    node.name = "tw-moi"
    pipeline.forward(node)
    came = nodes["tay-ninh"].transports[-1].take(10, 1.0)
    [transfer] = [one.message for one in came if one.message.kind == "transfer"]
    hops = decode_transfer(transfer.body)[0].hops
    assert ([hop.node for hop in hops], answer.accepted) == (["quoc-gia", "tw-moi"], True)
