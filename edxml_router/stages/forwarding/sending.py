"""Hand over to mailboxes, and record the hubs' answers in this turn or a later one.

    away = silent(node)                    # places that nothing is taken for now, and why
    begun = begin_letters(node, sendings)  # handed over, and not waited for yet
    moves = outcome(node, begun, now)      # what became of the deliveries that were answered in time
    moves = answered(node, now)            # … and, in later turns, of the others
    let_go(node)                           # the process ends

A slow or silent mailbox keeps what it has under way, and nothing else is begun there until it has answered; mail to
other mailboxes does not wait for it. Mail for a mailbox that does not answer, by itself or with its whole hub, is not
even claimed, so that its pauses do not grow, and is due as soon as the mailbox answers. After a crash the leases run
out and it is offered again under the same names.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.ledger import Book
from edxml_router.stages.acceptance.admission import route
from edxml_router.stages.forwarding.dispatch import deferral
from edxml_router.stages.forwarding.windows import (
    PATIENCE_SECONDS,
    Box,
    Place,
    Sending,
    Window,
    go_on_together,
    open_windows,
)
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.receipts import final_receipts

# Problems of the hub, not of a message: what was put off for them is due at once when the hub answers.
HUB_PROBLEMS: Final = ("EDX701", "EDX705", "EDX706", "EDX707")


def silent(node: Node, under_way: Mapping[Box, object] | None = None) -> Mapping[Place, Finding]:
    """The places whose mailbox does not answer, or owes an answer about what is ``under_way`` (letters, by default),
    and why."""
    boxes = node.outgoing.letters if under_way is None else under_way
    found: dict[Place, Finding] = {}
    for name, link in node.links.items():
        for urgent in (False, True):
            mailbox = link.mailbox_for(urgent=urgent)
            why = link.transport.silence(mailbox)
            if why is None and (id(link.transport), mailbox) in boxes:
                why = busy(mailbox)
            if why is not None:
                found[name, urgent] = why
    return found


def busy(mailbox: str) -> Finding:
    """Why nothing more is begun at a mailbox that owes an answer."""
    return Finding("EDX705", mailbox, Detail("an earlier letter is still on its way there"))


def listening(node: Node) -> list[Route]:
    """The neighbours that can be reached now."""
    away = silent(node, node.outgoing.receipts)
    return [route for route in node.links if route.is_link and (route, False) not in away]


def welcome(node: Node, book: Book, away: Mapping[Place, Finding], now: datetime) -> None:
    """Make due what was put off because of a mailbox that now answers. Each process also does so at its start, since it
    does not know what its predecessor knew."""
    before = node.outgoing.silent
    places = [(name, urgent) for name in node.links for urgent in (False, True)]
    back = {place[0] for place in places if place not in away and (before is None or place in before)}
    if back:
        offices = {route.inbox for route in back if route.is_office}
        book.deliveries.due_again(back | offices, HUB_PROBLEMS, now)


def note_silences(node: Node, book: Book, away: Mapping[Place, Finding], now: datetime) -> Mapping[Place, Finding]:
    """Write down, for the commands, what does not answer: only what did not answer in the last turn either, since most
    are busy for a moment only. Returns what is noted, once this is committed."""
    before, noted = node.outgoing.silent, node.outgoing.noted
    lasting = {place: why for place, why in away.items() if before is not None and place in before}
    if before is None or lasting != noted:
        fallen = {place: why for place, why in lasting.items() if noted.get(place) != why}
        book.mailboxes.note_silences(fallen, noted.keys() - lasting.keys() if before is not None else None, now)
    return lasting


def rebind(node: Node, book: Book) -> None:
    """After a change of routes, bind waiting mail anew. An attempt would do so too, but none is made while the hub of
    the old route is away, and the mail may no longer go there."""
    if node.outgoing.bound is node.rules.routes:
        return

    def following(recipient: str) -> Route | None:
        try:
            return route(node.rules, recipient)
        except Refusal:  # an attempt says so
            return None

    book.deliveries.rebind(node.links, following)


class BegunLetters(NamedTuple):
    """Letters on their way, by mailbox, and those not begun because their mailbox owes an answer."""

    windows: Mapping[Box, Window[Delivery]]
    put_back: Sequence[Sending[Delivery]]


def begin_letters(node: Node, sendings: Sequence[Sending[Delivery]]) -> BegunLetters:
    """Hand over to all mailboxes at once, without waiting for the hubs. Whatever else goes to them shares the window,
    behind the letters, because those are waited for."""
    letters = node.outgoing.letters
    begun = open_windows([each for each in sendings if each.box not in letters], node.outgoing.ahead, 0.0)
    return BegunLetters(begun, [each for each in sendings if each.box in letters])


def finish_letters(node: Node, begun: BegunLetters, now: datetime) -> list[Move]:
    """Give the hubs a moment; returns the moves of the deliveries that were answered in time."""
    letters = node.outgoing.letters
    moves = [_put_back(node, each, one, now) for each in begun.put_back for one in each.group]
    go_on_together(begun.windows.values())
    for box, window in begun.windows.items():
        if window.over:
            moves += _moves(node, window, now)
        else:
            letters[box] = window
    return moves


def record_answers(node: Node, now: datetime) -> Sequence[Move]:
    """Record what hubs have answered since the last turn; renew the leases of the rest."""
    letters, lease = node.outgoing.letters, node.rules.delivery.lease
    for window in letters.values():
        window.go_on(0.0)
    over = {box: window for box, window in letters.items() if window.over}
    going = [one for window in letters.values() if not window.over for one in window.carried()]
    aging = [one for one in going if node.outgoing.leased.get(one.id, one.due_at) < now + lease / 2]
    if not over and not aging:
        return ()
    with node.ledger.book() as book:
        applied = book.deliveries.move([move for window in over.values() for move in _moves(node, window, now)])
        book.receipts.add(final_receipts(book, applied))
        book.deliveries.keep(aging, now + lease)
    # Only now: had the commit failed, the answers would have to be recorded in the next turn.
    for box, window in over.items():
        del letters[box]
        for one in window.carried():
            node.outgoing.leased.pop(one.id, None)
    node.outgoing.leased.update(dict.fromkeys((one.id for one in aging), now + lease))
    return applied


def send_receipts(node: Node, sendings: Sequence[Sending[int]], patience: float = PATIENCE_SECONDS) -> list[Box]:
    """Hand over receipts, by their numbers. Returns the mailboxes; :func:`record_told` says what has been taken."""
    begun: dict[Box, Window[int]] = {}
    # What is already under way there comes again after its lease.
    sendings = [each for each in sendings if each.box not in node.outgoing.receipts]
    slow = {hub for hub, _ in node.outgoing.letters}  # receipts behind slow letters are no faster
    for seconds, part in (
        (0.0, [each for each in sendings if each.box[0] in slow]),
        (patience, [each for each in sendings if each.box[0] not in slow]),
    ):
        begun |= open_windows(part, node.outgoing.ahead, seconds)
    node.outgoing.receipts |= begun
    return list(begun)


def record_told(node: Node, now: datetime) -> int:
    """Record the receipts that hubs have taken by now, and return how many. The rest is sent again after its lease."""
    over, sent = collect_taken(node)
    if sent:
        with node.ledger.book() as book:
            book.receipts.sent(sent, now)
    forget(node, over)
    return len(sent)


def collect_taken(node: Node, begun: Sequence[Box] = ()) -> tuple[list[Box], list[int]]:
    """The mailboxes that owe no more answers about receipts, and the numbers of the receipts they have taken. Those
    ``begun`` beside letters are waited for, unless the letters are slow."""
    receipts, until = node.outgoing.receipts, time.monotonic() + PATIENCE_SECONDS
    slow = {hub for hub, _ in node.outgoing.letters}
    for box, window in receipts.items():
        window.go_on(until if box in begun and box[0] not in slow else 0.0)
    over = [box for box, window in receipts.items() if window.over]
    sent = [
        number
        for box in over
        for sending, finding in receipts[box].outcomes()
        if finding is None
        for number in sending.group
    ]
    return over, sent


def forget(node: Node, over: Sequence[Box]) -> None:
    """Forget the receipts of these mailboxes: they are recorded."""
    for box in over:
        del node.outgoing.receipts[box]


def let_go(node: Node) -> None:
    """At the end of the process, give what is under way a last moment, then put it off so that the next process begins
    with it. That counts as no lapse, since nothing was wrong. Offers under way are made again when their leases end.
    Raises Setback."""
    until, now = time.monotonic() + PATIENCE_SECONDS, node.now()
    for window in node.outgoing.letters.values():
        window.go_on(until)
    for told_of in node.outgoing.receipts.values():
        told_of.go_on(until)
    record_answers(node, now)
    record_told(node, now)
    left = [one for window in node.outgoing.letters.values() for one in window.carried()]
    with node.ledger.book() as book:
        book.deliveries.move(
            [change(one, Event.DEFER, due_at=now, attempts=one.attempts - 1, code="EDX705") for one in left]
        )
    node.outgoing.letters.clear()


def _put_back(node: Node, sending: Sending[Delivery], delivery: Delivery, now: datetime) -> Move:
    """No attempt was made: it is due when the mailbox answers, or else after the first pause."""
    wait = node.rules.delivery.retry_first
    why = busy(sending.mailbox)
    told = {"code": why.code, "detail": why.detail, "route": delivery.route}
    return change(delivery, Event.DEFER, due_at=now + wait, attempts=delivery.attempts - 1, **told)


def _moves(node: Node, window: Window[Delivery], now: datetime) -> list[Move]:
    return [
        deferral(node.rules.delivery, one, why, now, node.clock.chance()) if why else _handed_over(node, one, now)
        for sending, why in window.outcomes()
        for one in sending.group
    ]


def _handed_over(node: Node, delivery: Delivery, now: datetime) -> Move:
    overdue = now + node.rules.delivery.receipt_timeout
    told: dict[str, Any] = {"route": delivery.route, "handed_at": now}
    if delivery.code == HANDED_BACK:  # the new node may not know of the move yet
        told |= {"code": HANDED_BACK, "detail": delivery.detail}
    return change(delivery, Event.HAND_OVER, due_at=overdue, **told)
