"""What a neighbour can make a node keep, and what could never be sent on, through the whole node."""

from __future__ import annotations

from datetime import timedelta

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.wire import (
    HOPS_LIMIT,
    Hop,
    Inquiry,
    Receipt,
    ReceiptOutcome,
    decode_receipts,
    encode_inquiry,
    encode_receipts,
    encode_transfer,
)
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.transport import topology
from tests.test_pipeline import Nodes, _transfer, letter, nodes

__all__ = ["nodes"]  # the fixture


def _size(nodes: Nodes) -> int:
    return sum(path.stat().st_size for path in nodes["quoc-gia"].settings.node.data.rglob("*") if path.is_file())


def test_receipts_and_inquiries_about_nothing_leave_next_to_nothing(nodes: Nodes) -> None:
    node, child = nodes["quoc-gia"].node, nodes["an-giang"]
    before, now = _size(nodes), nodes.clock.now()
    digests = [f"{number:064x}" for number in range(8_000)]
    told = tuple(Receipt(digest, "H53", 0, ReceiptOutcome.CONFIRMED, now) for digest in digests)
    receipts = Message("receipts", "r", encode_receipts(told, child.node.sign_receipts))
    names = tuple(f"H53.{number}" for number in range(8_000))
    inquiry = Message("inquiry", "i", encode_inquiry(Inquiry(digests[0], names, 0)))
    child.transports[0].publish([Parcel(topology.up("an-giang"), one) for one in (receipts, inquiry)])
    nodes.step("quoc-gia")
    [late] = [line.entry for line in node.ledger.views.lines(event="receipt.late")]
    assert (late.actor, late.detail) == ("an-giang", "confirmed, about nothing that is here: 8000")
    for _ in range(10):
        pipeline.report(node)
    with node.ledger.book() as book:
        assert book.receipts.unsent(now + timedelta(days=1), now + timedelta(days=2), 10) == []
    with nodes["quoc-gia"].node.ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM receipts").scalar_one() == 0
    assert _size(nodes) - before < 16_000_000  # of which the database uses its pages again


def test_a_transfer_that_no_next_node_could_read_is_refused_at_once(nodes: Nodes) -> None:
    data, now = letter(nodes, ["H53", "G22"], sender="H01"), nodes.clock.now()
    hops = (*(Hop(f"nut-{number}", now) for number in range(HOPS_LIMIT - 1)), Hop("an-giang", now))
    transfer = _transfer(nodes, data, ("H53", "G22"), hops=hops)
    [answer] = pipeline.accept(nodes["quoc-gia"].node, [Submission(MemoryBody(data), "an-giang", "link", transfer)])
    assert answer.recipients == ("G22",)  # who is served here gets it
    nodes.step("quoc-gia")
    [arrival] = nodes["an-giang"].transports[0].take(100, 0.0)
    told = {one.recipient: (one.outcome, one.code) for one in decode_receipts(arrival.message.body)[0]}
    assert told == {"H53": (ReceiptOutcome.RETURNED, "EDX414"), "G22": (ReceiptOutcome.ACCEPTED, "")}
    assert nodes.states("quoc-gia", answer.digest) == {"G22": State.AVAILABLE}


def test_of_a_body_beyond_the_limit_the_neighbour_hears_at_once(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], sender="H01")
    transfer = _transfer(nodes, data, ("H53",), size=10**12, chunks=9000)
    message = Message("transfer", "t", encode_transfer(transfer))
    nodes["an-giang"].transports[0].publish([Parcel(topology.up("an-giang"), message)])
    handled = nodes.step("quoc-gia")
    assert (handled.back, [one.finding.code for one in handled.answers if one.finding]) == ([], ["EDX102"])
    [arrival] = nodes["an-giang"].transports[0].take(100, 0.0)
    [told] = decode_receipts(arrival.message.body)[0]
    assert (told.outcome, told.code, told.recipient) == (ReceiptOutcome.RETURNED, "EDX102", "H53")
