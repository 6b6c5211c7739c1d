"""What a receipt from a neighbour, or an office's confirmation, means for the delivery it is about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.handing_back import HANDED_BACK, NOT_THERE
from edxml_router.core.delivery.journal import RECEIPT_LATE, Entry
from edxml_router.core.delivery.lifecycle import FAILED_ENDS, Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.skew import TOLERANCE
from edxml_router.core.link.statement import NOT_PROVEN
from edxml_router.core.link.wire import GENERATION_LIMIT, Receipt, ReceiptOutcome
from edxml_router.core.problems import Finding, Refusal
from edxml_router.stages.acceptance.admission import route
from edxml_router.stages.rules import Peer, PeerRole, Rules

EVENTS: Final[Mapping[ReceiptOutcome, Event]] = {
    ReceiptOutcome.ACCEPTED: Event.ACCEPT,
    ReceiptOutcome.CONFIRMED: Event.CONFIRM,
    ReceiptOutcome.RETURNED: Event.RETURN,
    ReceiptOutcome.EXPIRED: Event.EXPIRE,
    ReceiptOutcome.CANCELLED: Event.CANCEL,
    ReceiptOutcome.UNKNOWN: Event.RETRY,
}

_WAITS: Final = frozenset({State.QUEUED, State.DEFERRED})
_MANY: Final = 12  # copies of one body to one neighbour, after which the pauses grow beyond their ceiling

# Another outcome may be mistaken; that the recipient has it is a fact.
_RANK: Final[Mapping[ReceiptOutcome, int]] = {
    ReceiptOutcome.UNKNOWN: 0,
    ReceiptOutcome.ACCEPTED: 1,
    ReceiptOutcome.CONFIRMED: 3,
}  # other ends: 2


def sends_again(receipt: Receipt) -> bool:
    """Whether a receipt may make us send the body once more."""
    return receipt.outcome in (ReceiptOutcome.UNKNOWN, ReceiptOutcome.EXPIRED) or receipt.code in NOT_THERE


def latest(receipts: Sequence[tuple[str, Receipt]]) -> list[tuple[str, Receipt]]:
    """One receipt per delivery and peer: the one of the last generation that says most. A version guards only one
    change in a batch."""
    best: dict[tuple[str, str, str], Receipt] = {}

    def weight(receipt: Receipt) -> tuple[int, int]:
        return receipt.generation, _RANK.get(receipt.outcome, 2)

    for peer, receipt in receipts:
        key = (peer, receipt.envelope, receipt.recipient)
        if key not in best or weight(receipt) > weight(best[key]):
            best[key] = receipt
    return [(key[0], receipt) for key, receipt in best.items()]


def late_entries(
    late: Sequence[tuple[str, Receipt]], standing: Mapping[tuple[str, str], Delivery], now: datetime
) -> list[Entry]:
    """Journal entries for receipts that change nothing: one for each about a delivery, and a single one with a count
    for those about no delivery, since a peer can make as many of them as it likes.
    """
    entries: list[Entry] = []
    about_nothing: dict[tuple[str, ReceiptOutcome], list[Receipt]] = defaultdict(list)
    for peer, receipt in late:
        delivery = standing.get((receipt.envelope, receipt.recipient))
        if delivery is None:
            about_nothing[peer, receipt.outcome].append(receipt)
            continue
        said = str(receipt.outcome)
        entries.append(Entry(now, RECEIPT_LATE, receipt.envelope, receipt.recipient, actor=peer, detail=said))
    for (peer, outcome), receipts in about_nothing.items():
        first = receipts[0]
        said = Detail("{outcome}, about nothing that is here: {count}", outcome=outcome, count=len(receipts))
        entries.append(Entry(now, RECEIPT_LATE, first.envelope, first.recipient, actor=peer, detail=said))
    return entries


def settlement(
    delivery: Delivery | None,
    peer: str,
    receipt: Receipt,
    rules: Rules,
    now: datetime,
    found_before: Callable[[str], bool],
    copies: int = 0,
) -> Move | None:
    """The move that a receipt makes; None when it is late, repeated, unmatched, or not from the right peer.

    Only the neighbour that a delivery was sent to may settle it: a child cannot confirm for its sibling. A later
    generation comes from a resend over there and concerns the same delivery; the next resend here is then later still.
    ``copies`` is how often the body was handed over, since three of the answers make us send it again.
    """
    if delivery is None or delivery.route != Route.link(peer) or receipt.generation < delivery.generation:
        return None
    move = _effect(delivery, peer, receipt, rules, now, found_before, copies)
    later = move is not None and receipt.generation > (move.generation or delivery.generation)
    return replace(move, generation=receipt.generation) if move is not None and later else move


def _effect(
    delivery: Delivery,
    peer: str,
    receipt: Receipt,
    rules: Rules,
    now: datetime,
    found_before: Callable[[str], bool],
    copies: int,
) -> Move | None:
    event, terms = EVENTS[receipt.outcome], rules.delivery
    if not lifecycle.allowed(delivery.state, event):
        return None
    if event is Event.ACCEPT:
        if delivery.far_accepted and delivery.state is State.FORWARDED:
            return None
        return change(delivery, event, due_at=now + terms.inquiry_interval, far_accepted=True, actor=peer)
    if event is Event.RETRY:
        # Only the answer to an inquiry made since the body was last handed over can mean this: an older answer is about
        # an older copy. The delivery then waits as after a failed attempt; otherwise a neighbour could make us send
        # large bodies as fast as it claims not to know them. Nor does it count that it has accepted something not
        # handed over since: it could claim both in turn for ever, with a journal entry each.
        if not (delivery.asked_at or (delivery.far_accepted and delivery.handed_at)):
            return None
        wait = _pause(delivery, terms.retry_first, terms.retry_ceiling, copies)
        return change(delivery, event, due_at=now + wait, far_accepted=False, actor=peer)
    if event is Event.RETURN and receipt.code in NOT_THERE:
        elsewhere = _elsewhere(rules, delivery)
        if elsewhere or _moving(delivery, receipt, rules.peers.get(peer), found_before):
            if not lifecycle.allowed(delivery.state, Event.RETRY) or delivery.state in _WAITS:
                return None  # an operator holds it, or it waits for its next attempt: it is sent from here anyway
            wait = _pause(delivery, terms.retry_first, terms.inquiry_interval, copies)
            told = {"code": HANDED_BACK, "detail": receipt.detail, "far_accepted": False, "actor": peer}
            return change(delivery, Event.RETRY, due_at=now if elsewhere else now + wait, **told)
    if event is Event.EXPIRE and now + TOLERANCE < delivery.expires_at:
        wait = _pause(delivery, terms.retry_first, terms.retry_ceiling, copies)
        return _too_early(delivery, peer, receipt, now, wait)
    # A fact dated in our future comes from a clock ahead of ours; it happened no later than we heard of it.
    ended_at = min(receipt.at, now)
    if event is Event.CONFIRM:
        return confirmation(delivery, ended_at, peer)
    # After a cancellation by the far side it is still recorded that the far side has it, even if no "accepted" came
    # before: this tells it apart from a cancellation by an operator here, and that node may revise its own report.
    far = True if event is Event.CANCEL else None
    told = {"code": receipt.code, "detail": receipt.detail, "ended_at": ended_at}
    return change(delivery, event, **told, far_accepted=far, actor=peer)


def _pause(delivery: Delivery, first: timedelta, ceiling: timedelta, copies: int) -> timedelta:
    """How long to wait before sending a body again that a neighbour does not know or gives back. A mailbox may be lost
    two or three times; a neighbour that goes on saying so leaves the copies lying, so the pauses grow without bound.
    """
    longest = ceiling * 2 ** max(0, min(copies, _MANY + 20) - _MANY)
    return lifecycle.back_off(delivery.attempts, first, longest, 1.0)


def _elsewhere(rules: Rules, delivery: Delivery) -> bool:
    """Whether today's routes lead to the recipient another way than the delivery went."""
    try:
        return route(rules, delivery.recipient) != delivery.route
    except Refusal:
        return False


def _moving(delivery: Delivery, receipt: Receipt, peer: Peer | None, found_before: Callable[[str], bool]) -> bool:
    """Whether the recipient is moving to another node, so that this neighbour (the old or the new one) knows more or
    less than our routes. Then the letter waits, and is sent there again now and then.

    A parent without a route for it knows best; a child that never had its mail is a mistake in our routes.
    """
    if HANDED_BACK in (receipt.code, delivery.code):
        return True
    return peer is not None and peer.role is PeerRole.CHILD and found_before(delivery.recipient)


def _too_early(delivery: Delivery, peer: str, receipt: Receipt, now: datetime, wait: timedelta) -> Move | None:
    """The lifetime is over at a neighbour but not here: its clock may be wrong, so nothing ends. It is resent, as an
    operator would, after growing pauses until the lifetime is over here.
    """
    if not lifecycle.allowed(delivery.state, Event.RETRY) or delivery.state in _WAITS:
        return None
    if receipt.generation >= GENERATION_LIMIT:
        return None
    anew = {"due_at": now + wait, "far_accepted": False, "generation": receipt.generation + 1}
    detail = Detail(
        "expired at {peer}, where it had until {until:%Y-%m-%d %H:%M} UTC; sent again",
        peer=peer,
        until=delivery.expires_at,
    )
    return change(delivery, Event.RETRY, **anew, code="EDX802", detail=detail, actor=peer)


def confirmation(delivery: Delivery, ended_at: datetime, actor: str) -> Move | None:
    """The recipient has it: the end of an open delivery, or the correction of an outcome reported too early (EDX804).

    None where that cannot be: it was never sent there in this generation, or the recipient itself has returned it; of
    two contradictory answers the first is believed.
    """
    if delivery.state not in FAILED_ENDS:
        return change(delivery, Event.CONFIRM, ended_at=ended_at, actor=actor)
    if not delivery.attempts or delivery.code == "EDX801":
        return None
    detail = Detail("it had been {state}", state=delivery.state.word)
    return change(delivery, Event.CONFIRM, code="EDX804", detail=detail, ended_at=ended_at, actor=actor)


def expiry_move(delivery: Delivery, unproven: Mapping[str, Finding], now: datetime) -> Move:
    """The end of a delivery whose lifetime is over, with its cause. Where receipts of the neighbour are here but cannot
    be proven (``unproven``, by neighbour), it may well have arrived: the recipient is not at fault, and the sender must
    not be told otherwise."""
    neighbour = delivery.route.name
    doubt = unproven.get(neighbour)
    if doubt is None:
        told = delivery.code == HANDED_BACK or delivery.code in NOT_PROVEN
        code, detail = (delivery.code, delivery.detail) if told else ("EDX802", "")
        return change(delivery, Event.EXPIRE, code=code, detail=detail, ended_at=now)
    detail = Detail(
        "perhaps delivered: receipts of {neighbour} are kept and do not count ({code}); {detail}",
        neighbour=neighbour,
        code=doubt.code,
        detail=doubt.detail,
    )
    return change(delivery, Event.EXPIRE, code="EDX324", detail=detail, ended_at=now)
