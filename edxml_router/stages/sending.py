"""Handing over to hubs, and recording what they answer, in this turn or in a later one.

    away = silent(node)                    # routes that nothing is taken for now
    moves = send(node, sendings, now)      # what became of the deliveries that were answered in time
    moves = answered(node, now)            # … and, in later turns, of the others
    let_go(node)                           # the process ends

A hub that is slow or silent keeps what it has under way, and nothing else is begun there until it has answered; no mail
of others waits for it. What waits for a hub that is away is not taken at all, so that its pauses do not grow, and is
due as soon as the hub answers. A crash leaves leases that run out: then it is offered again, under the same names.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.route import Route
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.ledger import Book
from edxml_router.stages.admission import route
from edxml_router.stages.dispatch import deferral
from edxml_router.stages.node import Node
from edxml_router.stages.receipts import final_receipts
from edxml_router.stages.windows import PATIENCE, Sending, Window

# Of the hub and not of a message: what was put off for these need not wait out its pause once the hub answers.
HUB_PROBLEMS: Final = ("EDX701", "EDX705", "EDX706", "EDX707")
_BUSY: Final = Finding("EDX705", detail=Detail("an earlier letter is still on its way there"))


def silent(node: Node) -> frozenset[str]:
    """The routes of hubs that do not answer now, or have yet to answer about what is under way."""
    busy = node.outgoing.letters
    return frozenset(
        name
        for name, link in node.links.items()
        if not link.transport.answering or id(link.transport) in busy
    )


def welcome(node: Node, book: Book, away: frozenset[str], now: datetime) -> None:
    """What was put off because of a hub that answers now is due. By each process at its start, too: what the one
    before it knew is gone."""
    before = node.outgoing.silent
    back = {route for route in node.links if route not in away and (before is None or route in before)}
    if back:
        offices = {route.inbox for route in back if route.is_office}
        book.deliveries.due_again(back | offices, HUB_PROBLEMS, now)


def rebind(node: Node, book: Book) -> None:
    """Once after the routes have changed: what waits is bound by those of today. An attempt would do that too, but none
    is made for a route whose hub is away, and the mail may not go there any more."""
    if node.outgoing.bound is node.rules.routes:
        return

    def following(recipient: str) -> Route | None:
        try:
            return route(node.rules, recipient)
        except Refusal:  # an attempt says so
            return None

    book.deliveries.rebind(node.links, following)


def send(node: Node, sendings: Sequence[Sending[Delivery]], now: datetime) -> list[Move]:
    """Hand over to all hubs at once, and say what became of the deliveries that were answered before PATIENCE ended."""
    until = time.monotonic() + PATIENCE
    hubs: dict[int, list[Sending[Delivery]]] = defaultdict(list)
    for sending in sendings:
        hubs[id(sending.transport)].append(sending)
    moves: list[Move] = []
    begun: dict[int, Window[Delivery]] = {}
    for hub, group in hubs.items():
        if hub in node.outgoing.letters:
            moves += [_put_back(node, one, now) for sending in group for one in sending.group]
        else:
            begun[hub] = Window(group)
            begun[hub].go_on(0.0)
    for hub, window in begun.items():
        window.go_on(until)
        if window.over:
            moves += _moves(node, window, now)
        else:
            node.outgoing.letters[hub] = window
    return moves


def answered(node: Node, now: datetime) -> Sequence[Move]:
    """Record what hubs have answered since the last turn about what was under way; keep the leases of the rest."""
    letters, lease = node.outgoing.letters, node.rules.timing.lease
    for window in letters.values():
        window.go_on(0.0)
    over = {hub: window for hub, window in letters.items() if window.over}
    going = [one for window in letters.values() if not window.over for one in window.carried()]
    aging = [one for one in going if node.outgoing.leased.get(one.id, one.due_at) < now + lease / 2]
    if not over and not aging:
        return ()
    with node.ledger.book() as book:
        applied = book.deliveries.move([move for window in over.values() for move in _moves(node, window, now)])
        book.receipts.add(final_receipts(book, applied))
        book.deliveries.keep(aging, now + lease)
    # Only now: had the commit failed, the answers would be recorded in the next turn.
    for hub, window in over.items():
        del letters[hub]
        for one in window.carried():
            node.outgoing.leased.pop(one.id, None)
    node.outgoing.leased.update(dict.fromkeys((one.id for one in aging), now + lease))
    return applied


def tell(node: Node, sendings: Sequence[Sending[int]]) -> None:
    """Hand over receipts, by their numbers; :func:`told` says which have been taken."""
    until = time.monotonic() + PATIENCE
    hubs: dict[int, list[Sending[int]]] = defaultdict(list)
    for sending in sendings:
        hubs[id(sending.transport)].append(sending)
    for hub, group in hubs.items():
        node.outgoing.receipts[hub] = Window(group)
        node.outgoing.receipts[hub].go_on(0.0)
    for hub in hubs:
        # Behind letters that are slow, receipts are no faster: nobody waits for them then.
        node.outgoing.receipts[hub].go_on(0.0 if hub in node.outgoing.letters else until)


def told(node: Node, now: datetime) -> int:
    """Record the receipts that hubs have taken by now; how many. What was not taken is sent again after its lease."""
    receipts = node.outgoing.receipts
    for window in receipts.values():
        window.go_on(0.0)
    over = [hub for hub, window in receipts.items() if window.over]
    sent = [
        number
        for hub in over
        for sending, finding in receipts[hub].outcomes()
        if finding is None
        for number in sending.group
    ]
    if sent:
        with node.ledger.book() as book:
            book.receipts.sent(sent, now)
    for hub in over:
        del receipts[hub]
    return len(sent)


def let_go(node: Node) -> None:
    """Whatever is under way gets a last moment; then it is put off, so that the next process begins with it. No lapse:
    nothing was wrong. Raises Setback."""
    until, now = time.monotonic() + PATIENCE, node.now()
    for window in (*node.outgoing.letters.values(), *node.outgoing.receipts.values()):
        window.go_on(until)
    answered(node, now)
    told(node, now)
    left = [one for window in node.outgoing.letters.values() for one in window.carried()]
    with node.ledger.book() as book:
        book.deliveries.move(
            [change(one, Event.DEFER, due_at=now, attempts=one.attempts - 1, code="EDX705") for one in left]
        )
    node.outgoing.letters.clear()


def _put_back(node: Node, delivery: Delivery, now: datetime) -> Move:
    """No attempt was made; it is due when the hub has answered, and by itself after the first pause."""
    wait = node.rules.timing.retry_first
    told = {"code": _BUSY.code, "detail": _BUSY.detail, "route": delivery.route}
    return change(delivery, Event.DEFER, due_at=now + wait, attempts=delivery.attempts - 1, **told)


def _moves(node: Node, window: Window[Delivery], now: datetime) -> list[Move]:
    return [
        deferral(node.rules.timing, one, why, now, node.clock.chance()) if why else _handed_over(node, one, now)
        for sending, why in window.outcomes()
        for one in sending.group
    ]


def _handed_over(node: Node, delivery: Delivery, now: datetime) -> Move:
    overdue = now + node.rules.timing.receipt_timeout
    told: dict[str, Any] = {"route": delivery.route, "handed_at": now}
    if delivery.code == HANDED_BACK:  # its new node may not know of the move yet
        told |= {"code": HANDED_BACK, "detail": delivery.detail}
    return change(delivery, Event.HAND_OVER, due_at=overdue, **told)
