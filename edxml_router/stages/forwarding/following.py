"""Mail follows an agency that has moved to another node: what lies in its old inbox is sent on.

Routes bind at each attempt, so whatever waits to be sent takes the new way by itself. Mail in an inbox makes no
attempts and would lie there unseen until it expires, and mail that was handed back (see
:mod:`edxml_router.core.delivery.handing_back`) waits for routes that tell where its agency is. Both are checked when
the rules change, and periodically.

An office that fetched a letter but did not confirm it before the move may find it again at its new node.
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


def follow_agencies(node: Node) -> Sequence[Move]:
    """Send on what is not where its agency is; one batch for each agency and place, one commit. Raises Setback."""
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
    """Whether today's routes lead somewhere else. Where they lead nowhere the letter stays: a section removed by
    mistake can be put back, but a returned letter cannot."""
    try:
        return route(rules, recipient) != place
    except Refusal:
        return False


def _withdraw(rules: Rules, book: Book, moves: Sequence[Move]) -> None:
    """Withdraw letters from offices attached to the hub, whose mailboxes may still hold letters that are no longer
    theirs."""
    pushed = {Route.office(peer.name) for peer in rules.peers.values() if peer.pushed}
    for one in (move.delivery for move in moves if move.delivery.route in pushed and was_offered(move.delivery)):
        back = (HANDED_BACK, one.detail)
        told = Receipt(one.digest, one.recipient, one.generation, ReceiptOutcome.RETURNED, one.updated_at, *back)
        book.receipts.add([(one.route.inbox, told)])
