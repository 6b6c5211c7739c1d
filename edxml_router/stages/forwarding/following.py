"""Mail follows an agency that is served somewhere else now: what lies in the inbox that it has left goes on.

Routes bind at each attempt, so whatever waits to be sent goes the new way by itself. What lies in an inbox makes no
attempt, and would lie there unseen until it expires; what was handed back (see
:mod:`edxml_router.core.delivery.handing_back`) waits for routes that say where its agency is. Both are looked at when
the rules are new, and now and then.

Whoever fetched a letter and did not confirm it before the agency moved may find it at its new node again.
"""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change, was_offered
from edxml_router.core.delivery.values import Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import Refusal
from edxml_router.ports.ledger import Book
from edxml_router.stages.acceptance.admission import route
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Rules


def follow(node: Node) -> Sequence[Move]:
    """Let go on what is not where its agency is; a batch for each agency and place, one commit. Raises Setback."""
    now, rules, applied = node.now(), node.rules, list[Move]()
    with node.ledger.book() as book:
        for recipient, place in book.moved.places():
            if not _elsewhere(rules, recipient, place):
                continue
            found = book.deliveries.numbered(book.moved.placed(recipient, place, rules.delivery.batch))
            told = {"code": HANDED_BACK, "detail": Detail("no longer at {place}", place=place)}
            moves = [change(one, Event.RETRY, due_at=now, far_accepted=False, **told) for one in found]
            applied += book.deliveries.move(moves)
        _withdraw(rules, book, applied)
    return applied


def _elsewhere(rules: Rules, recipient: str, place: str) -> bool:
    """Whether the routes of today lead somewhere else. Where they lead nowhere the letter stays: a section that was
    taken out by mistake can be put back, a letter that was returned cannot."""
    try:
        return route(rules, recipient) != place
    except Refusal:
        return False


def _withdraw(rules: Rules, book: Book, moves: Sequence[Move]) -> None:
    """Tell offices attached to the hub, in whose mailboxes letters may lie that are no longer theirs."""
    pushed = {Route.office(peer.name) for peer in rules.peers.values() if peer.pushed}
    for one in (move.delivery for move in moves if move.delivery.route in pushed and was_offered(move.delivery)):
        back = (HANDED_BACK, one.detail)
        told = Receipt(one.digest, one.recipient, one.generation, ReceiptOutcome.RETURNED, one.updated_at, *back)
        book.receipts.add([(one.route.inbox, told)])
