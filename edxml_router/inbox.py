"""What a recipient's system does with its inbox: fetch an envelope, then confirm it or refuse it.

Fetching changes no state, so it may be repeated; only confirming ends a delivery. An office sees nothing but the
deliveries routed to it. Raises Refusal EDX606 for what is not there, EDX603 for a damaged body.
"""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.core import lifecycle
from edxml_router.core.journal import Entry
from edxml_router.core.lifecycle import Event, State
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports import Book, Delivery, Move
from edxml_router.records import change, final_receipts
from edxml_router.rules import Node

REASON_LIMIT = 1000  # characters, as the products in use allow for a reason of return


def fetch(node: Node, office: str, number: int) -> bytes:
    """The envelope of a delivery, exactly as it was sent; each access is journalled (NĐ 30/2020, Appendix VI)."""
    now = node.now()
    with node.ledger.book() as book:
        delivery = _own(book, office, number)
        if delivery is None or delivery.state not in (State.AVAILABLE, State.CONFIRMED):
            raise Refusal("EDX606", where=f"delivery {number}")
        body = node.bodies.read([delivery.digest]).get(delivery.digest)
        if body is None:
            raise Refusal("EDX603", where=f"delivery {number}")
        book.note([Entry(now, "delivery.fetched", delivery.digest, delivery.recipient, actor=office)])
    return body


def confirm(node: Node, office: str, numbers: Sequence[int]) -> list[Finding | None]:
    """The recipient's system has taken these; one answer each. Confirming twice is no mistake."""
    return _end(node, office, numbers, Event.CONFIRM, code="", detail="")


def refuse(node: Node, office: str, numbers: Sequence[int], reason: str) -> list[Finding | None]:
    """The recipient's system sends these back (QĐ 28/2018, article 5.4: it must say so, with the reason)."""
    return _end(node, office, numbers, Event.RETURN, code="EDX801", detail=reason.replace("\0", "")[:REASON_LIMIT])


def _end(
    node: Node, office: str, numbers: Sequence[int], event: Event, *, code: str, detail: str
) -> list[Finding | None]:
    now = node.now()
    answers: dict[int, Finding | None] = {}
    with node.ledger.book() as book:
        moves: list[Move] = []
        for number in dict.fromkeys(numbers):
            delivery = _own(book, office, number)
            if delivery is None:
                answers[number] = Finding("EDX606", f"delivery {number}")
            elif delivery.state is State.AVAILABLE:
                moves.append(change(delivery, event, code=code, detail=detail, actor=office))
                answers[number] = None
            elif lifecycle.TABLE[State.AVAILABLE][event] is delivery.state:
                answers[number] = None  # said before
            else:
                answers[number] = Finding("EDX607", f"delivery {number}", str(delivery.state))
        applied = book.move(moves)
        book.add_receipts(final_receipts(book, applied, now))
    done = {move.delivery.id for move in applied}
    for move in moves:
        if move.delivery.id not in done:
            answers[move.delivery.id] = Finding("EDX607", f"delivery {move.delivery.id}", "changed meanwhile")
    return [answers[number] for number in numbers]


def _own(book: Book, office: str, number: int) -> Delivery | None:
    found = book.deliveries_by_id([number])
    return found[0] if found and found[0].route == f"office:{office}" else None
