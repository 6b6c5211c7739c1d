"""Letters that a hub cannot carry in one message: refused at the door, in pieces, or returned with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edxml_router import pipeline
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import HOPS_LIMIT, Hop, ReceiptOutcome
from edxml_router.demo.letters import File
from edxml_router.intake import batch
from edxml_router.stages.forwarding import dispatch
from edxml_router.stages.offices import pushing
from edxml_router.transport.local.hub import LocalTransport
from edxml_router.wiring.composition import build_rules
from tests.test_pipeline import Nodes, letter, nodes
from tests.test_pushed import Office, arrived, office, settle, standing, told

__all__ = ["nodes", "office"]  # fixtures

MOST = 40_000  # bytes of a message, in these tests
LARGE = [File("b.pdf", 2 * MOST)]


def hub(nodes: Nodes, name: str) -> LocalTransport:
    own = nodes[name].transports[0]
    assert isinstance(own, LocalTransport)
    return own


@pytest.fixture
def small(nodes: Nodes, office: Office) -> Office:
    """By the settings the hub of the office carries messages of MOST bytes."""
    opened = nodes["quoc-gia"]
    assert opened.settings.hub is not None
    opened.node.rules = build_rules(replace(opened.settings, hub=replace(opened.settings.hub, max_message_bytes=MOST)))
    return office


@pytest.mark.usefixtures("small")
def test_what_an_offices_hub_cannot_carry_is_refused_at_the_door(nodes: Nodes) -> None:
    assert nodes.send("quoc-gia", letter(nodes, ["G22"])).accepted
    answer = nodes.send("quoc-gia", letter(nodes, ["H53", "G22"], number=2, files=LARGE))
    assert answer.finding is not None
    assert (answer.finding.code, answer.finding.where) == ("EDX414", "recipient 2")
    assert f"at most {MOST} bytes" in answer.finding.detail
    assert nodes.send("quoc-gia", letter(nodes, ["H53"], number=2, files=LARGE)).accepted  # nodes get it in pieces


@pytest.mark.usefixtures("small")
def test_what_a_neighbour_brings_for_such_an_office_is_returned_and_the_others_get_it(nodes: Nodes) -> None:
    answer = nodes.send("tay-ninh", letter(nodes, ["G22", "H01"], sender="H53", files=LARGE))
    assert answer.accepted
    settle(nodes)
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"G22": State.RETURNED, "H01": State.FORWARDED}
    assert nodes.states("an-giang", answer.digest) == {"H01": State.AVAILABLE}
    assert told(nodes, answer.digest) == [(ReceiptOutcome.RETURNED, "EDX414")]


def test_what_the_hub_turns_out_not_to_carry_is_returned_and_not_tried_for_days(nodes: Nodes, office: Office) -> None:
    digest = arrived(nodes)
    assert standing(nodes, "quoc-gia", digest).state is State.AVAILABLE
    hub(nodes, "quoc-gia").largest_message = 1000
    assert pushing.push(nodes["quoc-gia"].node) == 1
    hub(nodes, "quoc-gia").largest_message = MOST  # for what tells of it
    there = standing(nodes, "quoc-gia", digest)
    assert (there.state, there.code) == (State.RETURNED, "EDX713")
    assert "at most 1000" in there.detail
    settle(nodes)
    assert told(nodes, digest) == [(ReceiptOutcome.RETURNED, "EDX713")]
    assert office.take() == []
    assert hub(nodes, "quoc-gia").problem is None  # nothing is wrong with the hub
    second = arrived(nodes, number=2)
    settle(nodes)
    assert standing(nodes, "quoc-gia", second).state is State.AVAILABLE
    assert [one.message.kind for one in office.take()] == ["envelope"]


def test_a_link_carries_a_large_letter_in_pieces_that_its_hub_takes(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], files=LARGE)
    answer = nodes.send("quoc-gia", data)
    hub(nodes, "quoc-gia").largest_message = MOST
    pipeline.forward(nodes["quoc-gia"].node)
    below = nodes["tay-ninh"]
    arrivals = [one for transport in below.transports for one in transport.take(100, 0.0)]
    assert len(arrivals) > 2
    assert max(len(one.message.body) for one in arrivals) <= MOST
    batch.receive(below.node, below.transports[-1], arrivals)
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


@pytest.mark.parametrize("room", [0, 20_000])
def test_a_manifest_counts_with_its_letter(nodes: Nodes, room: int) -> None:
    """The letter alone would fit."""
    data = letter(nodes, ["H53"])
    nodes.send("quoc-gia", data)
    hub(nodes, "quoc-gia").largest_message = len(data) + room
    pipeline.forward(nodes["quoc-gia"].node)
    arrivals = [one for transport in nodes["tay-ninh"].transports for one in transport.take(100, 0.0)]
    assert ["chunk" in one.message.kind for one in arrivals] == ([False] if room else [True, True, False])


def test_a_hub_that_takes_no_piece_has_the_letter_returned(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes, ["H53"]))
    hub(nodes, "quoc-gia").largest_message = 10
    pipeline.forward(nodes["quoc-gia"].node)
    [one] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert (one.state, one.code) == (State.RETURNED, "EDX713")


def test_messages_of_receipts_are_no_larger_than_the_hub_takes(nodes: Nodes) -> None:
    link = nodes["quoc-gia"].node.links["link:tay-ninh"]
    assert dispatch.receipts_together(link) == 1000
    hub(nodes, "quoc-gia").largest_message = MOST
    assert dispatch.receipts_together(link) == 4


def test_what_was_taken_before_the_bound_on_hops_was_known_is_returned(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes, ["H53"]))
    with nodes["quoc-gia"].node.ledger.book() as book:
        [row] = book.envelopes.known([answer.digest]).values()
        [one] = book.deliveries.of([answer.digest])
    hop, now = Hop("nut", row.accepted_at), nodes.clock.now()
    far = replace(row, hops=(hop,) * (HOPS_LIMIT + 1))
    claimed = replace(one, state=State.FORWARDING)
    key: dispatch.GroupKey = (Route.link("tay-ninh"), row.digest, 0, False)
    [move], left = dispatch.returns({key: [claimed]}, {row.digest: far}, now)
    assert (move.code, move.ended_at, left) == ("EDX414", now, {})
