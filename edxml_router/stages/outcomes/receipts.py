"""Receipts: what neighbours are told about a delivery when it is accepted and when it ends."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery.journal import ANSWER_WITHHELD, Entry
from edxml_router.core.delivery.lifecycle import ENDS, Event, State
from edxml_router.core.delivery.moves import was_offered
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.statement import OWN, UNKNOWN
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.ports.ledger import Book
from edxml_router.stages.node import Node

ANSWERED: Final = 20_000  # questions of one neighbour within an hour, at each worker; a receipt for each is an answer
_HOUR: Final = timedelta(hours=1)


def answer_questions(node: Node, book: Book, receipts: Sequence[tuple[Route, Receipt]], now: datetime) -> None:
    """Answer what neighbours have asked, up to a number per hour and neighbour; about the rest they ask again. A
    transfer that changes nothing counts as a question.

    An answer is thirty times as long as its question and lies in the neighbour's mailbox until it is taken. Nothing
    tells us that it was, so a neighbour that asks and takes nothing would fill our hub.
    """
    fitting, left = list[tuple[Route, Receipt]](), Counter[Route]()
    for origin, receipt in receipts:
        if may_ask(node, origin, now):
            fitting.append((origin, receipt))
        else:
            left[origin] += 1
    withhold(node, book, left, now)
    answer_neighbours(node, book, fitting, now)


def may_ask(node: Node, origin: Route, now: datetime, worth: int = 1) -> bool:
    """Whether so many more questions of a neighbour may be answered in this hour; if so, they are counted."""
    since, count = node.answered.get(origin, (now, 0))
    if not since <= now < since + _HOUR:
        since, count = now, 0
    if count + worth > ANSWERED:
        return False
    node.answered[origin] = (since, count + worth)
    return True


def withhold(node: Node, book: Book, left: Mapping[Route, int], now: datetime) -> None:
    """Journal how many questions of each neighbour get no answer."""
    entries = [_withheld(origin, Detail("{number} questions", number=number), now) for origin, number in left.items()]
    book.journal.note_odd(entries, node.rules.limits.noted_hourly, node.rules.peers.keys())


def answer_neighbours(node: Node, book: Book, receipts: Iterable[tuple[Route, Receipt]], now: datetime) -> None:
    """Answer neighbours, each up to its limit of waiting answers; about the others it asks or sends again."""
    of_origin: dict[Route, list[Receipt]] = defaultdict(list)
    for origin, receipt in receipts:
        of_origin[origin].append(receipt)
    entries = []
    for origin, told in of_origin.items():
        if left := book.receipts.add_answers((origin, receipt) for receipt in told):
            entries.append(_withheld(origin, Detail("{left} of {count}", left=left, count=len(told)), now))
    book.journal.note_odd(entries, node.rules.limits.noted_hourly, node.rules.peers.keys())


def _withheld(origin: Route, detail: str, now: datetime) -> Entry:
    return Entry(now, ANSWER_WITHHELD, actor=origin.name, code="EDX413", detail=detail)


_OUTCOMES = {
    State.CONFIRMED: ReceiptOutcome.CONFIRMED,
    State.RETURNED: ReceiptOutcome.RETURNED,
    State.EXPIRED: ReceiptOutcome.EXPIRED,
    State.CANCELLED: ReceiptOutcome.CANCELLED,
}


def state_receipt(delivery: Delivery, row: EnvelopeRow) -> Receipt:
    """The receipt for a delivery's present state: its end, or ``accepted`` while it is open.

    Its time is that of the fact, so it says the same however often it is given.
    """
    ended = delivery.state in ENDS
    return Receipt(
        delivery.digest,
        delivery.recipient,
        delivery.generation,
        _OUTCOMES.get(delivery.state, ReceiptOutcome.ACCEPTED),
        (delivery.ended_at or delivery.updated_at) if ended else row.accepted_at,
        delivery.code if ended else "",
        delivery.detail if ended else "",
        row.hops,
        # What is known of the end stands with its receipt, which was made when it ended. Where there is none any more,
        # only what an office here said is this node's to state.
        OWN if delivery.route.is_office else UNKNOWN,
    )


def final_receipts(
    book: Book, moves: Sequence[Move], came: Mapping[int, Receipt] | None = None
) -> Sequence[tuple[Route, Receipt]]:
    """Receipts towards the sender for the moves that ended a delivery, or corrected its end (P1).

    ``came`` has the receipts of later nodes by delivery, with the trail and the evidence that they brought; otherwise
    the trail ends here, and this node is to state the end.
    """
    ended = [move for move in moves if move.after in ENDS]
    came = came or {}
    untold = {move.delivery.digest for move in ended if move.delivery.id not in came}
    rows = book.envelopes.known(untold) if untold else {}
    receipts = []
    for move in ended:
        one = move.delivery
        assert move.ended_at is not None  # noqa: S101  # change() sees to it
        later = came.get(one.id)
        hops, evidence = (later.hops, later.evidence) if later else (rows[one.digest].hops, OWN)
        receipt = Receipt(
            one.digest,
            one.recipient,
            one.generation,
            _OUTCOMES[move.after],
            move.ended_at,
            move.code,
            move.detail,
            hops,
            evidence,
        )
        receipts.append((one.origin, receipt))
    return receipts


def withdrawals(node: Node, book: Book, moves: Sequence[Move]) -> Sequence[tuple[Route, Receipt]]:
    """The notices for offices attached to the hub about mail that has expired or was cancelled: it may lie in their
    mailbox, or they have taken it and not answered yet."""
    gone = [move for move in moves if move.event in (Event.EXPIRE, Event.CANCEL) and was_offered(move.delivery)]
    pushed = {Route.office(peer.name) for peer in node.rules.peers.values() if peer.pushed}
    receipts = final_receipts(book, [move for move in gone if move.delivery.route in pushed])
    routes = {(move.delivery.digest, move.delivery.recipient): move.delivery.route for move in gone}
    return [(routes[one.envelope, one.recipient].inbox, one) for _, one in receipts]
