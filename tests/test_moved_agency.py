"""An agency is served at another node from now on, with mail for it under way: the mail follows it, and nobody is told
that it cannot be delivered. Here the province H53 moves from Tây Ninh's node to An Giang's, both below the national.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from edxml_router import pipeline
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.terms import DeliveryTerms
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt
from edxml_router.stages.forwarding import following
from edxml_router.stages.offices import inbox
from edxml_router.transport import topology
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]  # the fixture


def configure(nodes: Nodes, name: str, routes: Routes) -> None:
    """What a reload does, with all that follows from it."""
    node = nodes[name].node
    node.rules = replace(node.rules, routes=routes)
    following.follow_agencies(node)


def leave(nodes: Nodes) -> None:
    configure(nodes, "tay-ninh", Routes.build({}, parent="quoc-gia"))


def arrive(nodes: Nodes) -> None:
    offices = {"H53": "vanthu-an-giang", "H01": "vanthu-an-giang"}
    configure(nodes, "an-giang", Routes.build(offices, parent="quoc-gia"))


def lead(nodes: Nodes) -> None:
    children = {"an-giang": ["H01", "H53"], "tay-ninh": []}
    configure(nodes, "quoc-gia", Routes.build({"G22": "vanthu-quoc-gia"}, children))


def delivery(nodes: Nodes, name: str, digest: str) -> Delivery:
    return nodes.deliveries(name, digest)["H53"]


def told(nodes: Nodes, name: str = "quoc-gia") -> list[tuple[str, str]]:
    notes = nodes[name].node.ledger.views.notices(f"office:vanthu-{name}")
    return [(str(note.receipt.outcome), note.receipt.code) for note in notes]


def confirm(nodes: Nodes, digest: str) -> None:
    """Its new office takes the letter, once, and the sender hears of nothing else."""
    one = delivery(nodes, "an-giang", digest)
    assert one.state is State.AVAILABLE
    assert inbox.confirm(nodes["an-giang"].node, "vanthu-an-giang", [one.name]) == [None]
    nodes.settle()
    assert delivery(nodes, "quoc-gia", digest).state is State.CONFIRMED
    assert told(nodes) == [("confirmed", "")]


ORDERS = tuple(itertools.permutations((arrive, lead, leave)))


def settle(nodes: Nodes) -> None:
    """Until nothing is due any more, with the pauses that a wait for other nodes has."""
    for _ in range(3):
        nodes.settle()
        nodes.clock.at += timedelta(minutes=1)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: ", ".join(each.__name__ for each in order))
def test_the_mail_follows_whichever_node_is_told_first(nodes: Nodes, order: Sequence[Callable[[Nodes], None]]) -> None:
    """One letter in the inbox that was left, one unread in the mailbox of its node, and one sent in each pause.

    They lay there unseen until they expired, or came back as a loop.
    """
    digests = [nodes.send("quoc-gia", letter(nodes)).digest]
    nodes.settle()
    assert delivery(nodes, "tay-ninh", digests[0]).state is State.AVAILABLE
    digests.append(nodes.send("quoc-gia", letter(nodes, number=2)).digest)
    nodes.step("quoc-gia")
    for number, step in enumerate(order, start=3):
        step(nodes)
        settle(nodes)
        digests.append(nodes.send("quoc-gia", letter(nodes, number=number)).digest)
        nodes.settle()
        assert told(nodes) == []
    settle(nodes)
    for digest in digests:
        assert delivery(nodes, "quoc-gia", digest).route == Route.link("an-giang")
        one = delivery(nodes, "an-giang", digest)
        assert one.state is State.AVAILABLE
        assert inbox.confirm(nodes["an-giang"].node, "vanthu-an-giang", [one.name]) == [None]
    nodes.settle()
    assert told(nodes) == [("confirmed", "")] * len(digests)
    first = delivery(nodes, "tay-ninh", digests[0])
    assert (first.state, first.code) == (State.RETURNED, "EDX508")


def test_a_stranger_to_the_agency_says_so_and_the_routes_of_today_decide(nodes: Nodes) -> None:
    """Tây Ninh's node never served it: it cannot know of a move. The national node has new routes by then."""
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.step("quoc-gia")
    for step in (leave, arrive, lead):
        step(nodes)
    nodes.settle()
    confirm(nodes, digest)


def test_where_nobody_knows_it_waits_for_the_true_reason_and_comes_back_when_that_was_a_mistake(nodes: Nodes) -> None:
    top = nodes["quoc-gia"].node
    top.rules = replace(top.rules, delivery=DeliveryTerms())
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    before = nodes["tay-ninh"].node.rules.routes
    leave(nodes)  # by mistake
    nodes.settle()
    waiting = delivery(nodes, "quoc-gia", digest)
    assert (waiting.state, waiting.code, waiting.far_accepted) == (State.QUEUED, "EDX508", False)
    waits = []
    for _ in range(4):
        waiting = delivery(nodes, "quoc-gia", digest)
        assert (waiting.state, waiting.code) == (State.QUEUED, "EDX508")
        assert str(waiting.detail) == "H53 is not served here any more"  # in the words of the node that gives it back
        waits.append(waiting.due_at - waiting.updated_at)
        nodes.clock.at = waiting.due_at
        pipeline.forward(top)  # on its way again it still has the reason
        going = delivery(nodes, "quoc-gia", digest)
        assert (going.state, going.code, going.detail) == (State.FORWARDED, "EDX508", waiting.detail)
        for _ in range(2):  # a receipt that is given again has a lease of seconds to wait for
            nodes.settle()
            nodes.clock.at += timedelta(seconds=3)
    assert all(later > sooner for sooner, later in itertools.pairwise(waits))  # ever less often
    configure(nodes, "tay-ninh", before)
    nodes.clock.at = delivery(nodes, "quoc-gia", digest).due_at
    nodes.settle()
    one = delivery(nodes, "tay-ninh", digest)
    assert one.state is State.AVAILABLE
    assert inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [one.name]) == [None]
    nodes.settle()
    assert told(nodes) == [("confirmed", "")]


def test_what_expires_while_nobody_knows_says_why(nodes: Nodes) -> None:
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    leave(nodes)
    nodes.settle()
    nodes.clock.at = delivery(nodes, "quoc-gia", digest).expires_at + timedelta(seconds=1)
    pipeline.expire(nodes["quoc-gia"].node)
    assert told(nodes) == [("expired", "EDX508")]


def test_what_was_confirmed_before_the_move_is_not_delivered_again(nodes: Nodes) -> None:
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    one = delivery(nodes, "tay-ninh", digest)
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [one.name])
    for step in (arrive, lead, leave):
        step(nodes)
    nodes.settle()
    assert told(nodes) == [("confirmed", "")]
    assert not nodes.deliveries("an-giang", digest)


def test_an_agency_that_moves_behind_the_node_that_brought_its_mail_gets_it_from_there(nodes: Nodes) -> None:
    """An Giang writes to H53, which then comes to live at An Giang: back the same way, with no loop."""
    digest = nodes.send("an-giang", letter(nodes, ["H53"], sender="H01")).digest
    nodes.settle()
    assert delivery(nodes, "tay-ninh", digest).state is State.AVAILABLE
    for step in (arrive, lead, leave):
        step(nodes)
    nodes.settle()
    one = delivery(nodes, "an-giang", digest)
    assert (one.state, one.route) == (State.AVAILABLE, Route.office("vanthu-an-giang"))
    inbox.confirm(nodes["an-giang"].node, "vanthu-an-giang", [one.name])
    assert told(nodes, "an-giang") == [("confirmed", "")]


def test_an_agency_that_changes_its_office_at_one_node_finds_its_mail_there(nodes: Nodes) -> None:
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    configure(nodes, "tay-ninh", Routes.build({"H53": "vanthu-moi"}, parent="quoc-gia"))
    pipeline.forward(nodes["tay-ninh"].node)
    one = delivery(nodes, "tay-ninh", digest)
    assert (one.state, one.route) == (State.AVAILABLE, Route.office("vanthu-moi"))
    [unknown] = inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [one.name])
    assert unknown is not None


def test_a_letter_pushed_to_the_office_that_was_left_is_withdrawn_there(nodes: Nodes) -> None:
    node = nodes["tay-ninh"].node
    peers = dict(node.rules.peers)
    peers["vanthu-tay-ninh"] = replace(peers["vanthu-tay-ninh"], pushed=True)
    node.rules = replace(node.rules, peers=peers)
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    leave(nodes)
    with node.ledger.book() as book:
        route = Route.office("vanthu-tay-ninh").inbox
        now = node.now()
        waiting: list[Receipt] = [one for _, _, one in book.receipts.unsent(now, now, 10, [route])]
    assert [(one.envelope, one.recipient, one.code) for one in waiting] == [(digest, "H53", "EDX508")]


def test_a_section_taken_out_at_the_top_returns_nothing(nodes: Nodes) -> None:
    """A letter that lies in an inbox here, for an agency that no route leads to: put back, it is as it was."""
    digest = nodes.send("tay-ninh", letter(nodes, ["G22"], sender="H53")).digest
    nodes.settle()
    configure(nodes, "quoc-gia", Routes.build({}, {"an-giang": ["H01"], "tay-ninh": ["H53"]}))
    nodes.settle()
    assert nodes.states("quoc-gia", digest) == {"G22": State.AVAILABLE}


def test_the_word_of_another_neighbour_moves_nothing(nodes: Nodes) -> None:
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    nodes.settle()
    lead(nodes)
    before = delivery(nodes, "quoc-gia", digest)
    end = Receipt(digest, "H53", 0, "returned", nodes.clock.now(), "EDX508")  # type: ignore[arg-type]
    pipeline.settle(nodes["quoc-gia"].node, [("an-giang", end)])
    assert delivery(nodes, "quoc-gia", digest) == before
    assert topology.up("an-giang") in nodes["quoc-gia"].node.writers
