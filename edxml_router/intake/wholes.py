"""The bodies of transfers that come in chunks: assembled, or taken from what was accepted before and is repeated."""

from __future__ import annotations

from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Transfer
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.receipts import may_ask, withhold

_ASKED: Final = 100_000  # bytes of a body read and judged once more that count as one question

Wholes = dict[tuple[str, str, int, int], Body | None]  # by peer, envelope, size, and number of chunks


class Withheld(Exception):  # noqa: N818  # an event, not a mistake
    """A neighbour repeats more than is answered per hour."""


def whole_of(
    node: Node, peer: str, transfer: Transfer, wholes: Wholes, origin: Route | None = None
) -> Body | None:
    """The body of a transfer that comes in chunks, assembled once; None while some are missing. ``origin``: whom the
    peer is, where it is no neighbour."""
    key = (peer, transfer.envelope, transfer.size, transfer.chunks)
    if key not in wholes:
        wholes[key] = node.bodies.assembled(peer, transfer)
    whole = wholes[key]
    if whole is None:  # perhaps accepted before, with its chunks gone
        whole = _accepted_before(node, peer, transfer.envelope, origin or Route.link(peer))
    return whole


def _accepted_before(node: Node, peer: str, digest: str, origin: Route) -> Body | None:
    """The body of a transfer that its peer repeats without its chunks; never a body that others brought.

    A repeat costs its sender one line, and us reading and judging the whole body. Raises Withheld."""
    now = node.now()
    with node.ledger.book() as book:
        row = book.envelopes.known([digest]).get(digest)
        if row is None or row.peer != peer:
            return None
        answered = may_ask(node, origin, now, 1 + row.size // _ASKED)
        if not answered:
            withhold(node, book, {origin: 1}, now)
    if not answered:  # which is committed
        raise Withheld
    return node.bodies.open([digest]).get(digest)
