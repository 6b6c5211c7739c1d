"""Deliveries that acceptance leases in its own transaction, to send them from memory without another one.

    taken = take(node, book, rows, bodies, now)       # inside the transaction, behind what it writes
    node.taken.append(taken)                          # once it is committed; pipeline.pass_on sends it

It is the same claim as in :func:`edxml_router.pipeline.forward`, with its order, shares and leases: what has just been
accepted and may go, and with it whatever else is due. Waking and rebinding are left to forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.manifest import LIST_LIMIT
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt
from edxml_router.ports.ledger import Book
from edxml_router.stages.forwarding import halting, sending
from edxml_router.stages.node import Node

_WIDER: Final = 2  # times a batch: so that, of a batch that brings as many deliveries, it is known that none is left
RECEIPTS: Final = 10  # times a batch


@dataclass(frozen=True, slots=True)
class LeasedWork:
    """Deliveries and receipts of ours until the lease ends, and what is known of them."""

    until: datetime
    due: Sequence[Delivery]
    rows: Mapping[str, EnvelopeRow]
    bodies: Mapping[str, Body]  # those in memory; the others are read
    receipts: Sequence[tuple[int, Route, Receipt]] = ()  # number, origin


def take_due(
    node: Node, book: Book, rows: Sequence[EnvelopeRow], bodies: Mapping[str, Body], now: datetime
) -> LeasedWork:
    """Lease what may go now. ``rows`` and ``bodies`` are of what was accepted in this transaction. Raises Setback."""
    until, most = now + node.rules.delivery.lease, _WIDER * node.rules.delivery.batch
    closed = [place for place in sending.silent(node) if place[0].is_link]  # an offer needs no hub
    due = book.deliveries.claim(now, until, most, closed, LIST_LIMIT)
    known = {row.digest: row for row in rows}
    known |= book.envelopes.known({one.digest for one in due} - known.keys())
    # Ends are left to report, which signs them first: no signature is waited for in a transaction of acceptance.
    most_receipts = RECEIPTS * node.rules.delivery.batch
    receipts = book.receipts.unsent(now, until, most_receipts, sending.listening(node), ends=False)
    found, due = len(due), halting.let_pass(node, book, due, known)
    node.left |= found >= most or len(receipts) >= most_receipts
    held = {digest: body for digest, body in bodies.items() if body.held is not None}
    return LeasedWork(until, due, known, held, receipts)
