"""Stop what a halt names, in the transaction that would have it sent.

    due = halting.let_pass(node, book, due, rows)

Halts are read once for a batch, whatever its size. They are locked until the transaction ends, so a halt that is let go
knows all that it has stopped. After a crash before the commit nothing was claimed, and nothing stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edxml_router.core.delivery.halts import HALTED, Halt, first_that_stops
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move
from edxml_router.core.problems import Refusal
from edxml_router.ports.ledger import Book
from edxml_router.stages.acceptance.admission import route
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Rules


def let_pass(
    node: Node, book: Book, due: Sequence[Delivery], rows: Mapping[str, EnvelopeRow]
) -> Sequence[Delivery]:
    """Those of ``due`` that no halt stops; the others are held. Raises Setback."""
    halts = book.halts.standing() if due else ()
    if not halts:
        return due
    stopped = stop(node, book, halts, due, rows)
    return [one for one in due if one.id not in stopped]


def stop(
    node: Node,
    book: Book,
    halts: Sequence[Halt],
    deliveries: Sequence[Delivery],
    rows: Mapping[str, EnvelopeRow],
) -> set[int]:
    """Hold those of ``deliveries`` that one of ``halts`` names. Returns their numbers. Raises Setback."""
    by: dict[int, int] = {}
    moves: list[Move] = []
    for one in deliveries:
        following = _following(node.rules, one)
        if following is None:
            continue
        halt = first_that_stops(halts, one, rows[one.digest].sender, following)
        if halt is not None:
            by[one.id] = halt.id
            moves.append(change(one, Event.HOLD, code=HALTED, detail=halt.told))
    applied = {move.delivery.id for move in book.deliveries.move(moves)}
    book.halts.note_stopped({number: halt for number, halt in by.items() if number in applied})
    return applied


def _following(rules: Rules, delivery: Delivery) -> str | None:
    """Where it would go now; None where nothing would be sent: its body is with the next node, or nobody serves its
    recipient any more."""
    if delivery.far_accepted:
        return None
    try:
        following = route(rules, delivery.recipient)
    except Refusal:
        return None
    return None if delivery.handed_at is not None and delivery.route == following else following
