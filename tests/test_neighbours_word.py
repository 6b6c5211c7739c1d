"""What the word of a neighbour can have us do over and over: each is bounded, however often it is said."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from edxml_router import pipeline
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import (
    Hop,
    Inquiry,
    Receipt,
    ReceiptOutcome,
    Transfer,
    encode_inquiry,
    encode_transfer,
)
from edxml_router.intake import batch
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.outcomes import receipts
from edxml_router.transport import topology
from tests.test_moved_agency import lead
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]  # the fixture


def entries(nodes: Nodes, event: str = "") -> int:
    return len(nodes["quoc-gia"].node.ledger.views.lines(event=event))


def say(nodes: Nodes, digest: str, outcome: ReceiptOutcome, code: str = "") -> None:
    receipt = Receipt(digest, "H53", 0, outcome, nodes.clock.now(), code)
    pipeline.settle(nodes["quoc-gia"].node, [("tay-ninh", receipt)])


def test_saying_accepted_and_unknown_in_turn_fills_no_journal(nodes: Nodes) -> None:
    """Each change of state is an entry that is kept for ever, so none is made where nothing was sent since."""
    node = nodes["quoc-gia"].node
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    pipeline.forward(node)
    changes = ("delivery.accepted", "delivery.retried")
    for _ in range(20):
        say(nodes, digest, ReceiptOutcome.ACCEPTED)
        say(nodes, digest, ReceiptOutcome.UNKNOWN)
    assert [entries(nodes, event) for event in changes] == [2, 1]


def test_handing_back_what_waits_changes_nothing(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    pipeline.forward(node)
    for _ in range(20):
        say(nodes, digest, ReceiptOutcome.RETURNED, "EDX508")
    assert entries(nodes, "delivery.retried") == 1
    lead(nodes)  # the routes lead elsewhere by now: due at once, by our own word
    for _ in range(20):
        say(nodes, digest, ReceiptOutcome.RETURNED, "EDX508")
    assert entries(nodes, "delivery.retried") == 2
    assert nodes.states("quoc-gia", digest) == {"H53": State.QUEUED}


@pytest.mark.parametrize("said", [[("accepted", ""), ("unknown", "")], [("returned", "EDX508")]])
def test_whatever_a_neighbour_says_few_copies_of_a_body_are_sent_to_it(
    nodes: Nodes, said: list[tuple[str, str]]
) -> None:
    """It may leave them all in its mailbox, which is on our hub."""
    node = nodes["quoc-gia"].node
    digest = nodes.send("quoc-gia", letter(nodes)).digest
    end = nodes.deliveries("quoc-gia", digest)["H53"].expires_at
    copies = 0
    while nodes.clock.now() < end:
        copies += len([move for move in pipeline.forward(node) if move.handed_at])
        for outcome, code in said:
            say(nodes, digest, ReceiptOutcome(outcome), code)
        nodes.clock.at = nodes.deliveries("quoc-gia", digest)["H53"].due_at
    assert 12 < copies < 60  # hundreds, were the pauses never longer than their ceiling


def test_questions_are_answered_so_often_within_an_hour(nodes: Nodes) -> None:
    """Their answers lie in the mailbox of who asked, and nobody says whether they are ever taken."""
    node, hub = nodes["quoc-gia"].node, nodes["an-giang"].transports[0]
    names = tuple(f"H53.{number}" for number in range(9_000))

    def ask() -> int:
        answered = 0
        for number in range(4):
            body = encode_inquiry(Inquiry(f"{number:064x}", names, 0))
            hub.publish([Parcel(topology.up("an-giang"), Message("inquiry", f"i{number}", body))])
            for transport in nodes["quoc-gia"].transports:
                batch.receive(node, transport, transport.take(100, 0.0))
            with node.ledger.book() as book:
                lease = nodes.clock.now()
                found = book.receipts.unsent(lease, lease + timedelta(seconds=1), 100_000)
                answered += len(found)
                book.receipts.sent([one for one, _, _ in found], lease)
        return answered

    assert ask() == receipts.ANSWERED
    assert ask() == 0
    assert entries(nodes, "answer.withheld")
    nodes.clock.at += timedelta(hours=1)
    assert ask() == receipts.ANSWERED


@pytest.mark.parametrize("kind", ["whole", "manifest", "too large", "unreadable"])
def test_repeated_transfers_are_answered_so_often_within_an_hour(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """They change nothing, and cost their sender next to nothing: of what is known its manifest suffices."""
    monkeypatch.setattr(receipts, "ANSWERED", 10)
    node, hub, down = nodes["quoc-gia"].node, nodes["tay-ninh"].transports[0], topology.down("tay-ninh")
    known = letter(nodes, ["G22"], sender="H53")
    digest = nodes.send("tay-ninh", known).digest
    nodes.settle()
    body, size, chunks = {
        "whole": (known, len(known), 0),
        "manifest": (b"", len(known), 1),
        "too large": (b"", 1 << 40, 9),
        "unreadable": (b"x", 1, 0),
    }[kind]
    if kind in ("too large", "unreadable"):
        digest = hashlib.sha256(body).hexdigest()

    def lie() -> int:
        return node.links[Route.link("tay-ninh")].transport.waiting([down])[down].messages

    def answered() -> int:
        before = lie()
        for number in range(15):
            now = nodes.clock.now()
            hops, end = (Hop("tay-ninh", now),), now + timedelta(days=1)
            again = Transfer(f"{number}", digest, size, ("G22",), 0, hops, end, chunks=chunks)
            message = Message("transfer", f"{number}", encode_transfer(again, body))
            hub.publish([Parcel(topology.up("tay-ninh"), message)])
            nodes.step("quoc-gia")
        return lie() - before

    nodes.clock.at += timedelta(hours=1)
    first = answered()
    assert 0 < first <= 10
    assert answered() == 0
    assert entries(nodes, "answer.withheld")
    nodes.clock.at += timedelta(hours=1)
    assert answered() == first
