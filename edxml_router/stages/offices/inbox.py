"""What a recipient's system does with its inbox: fetch an envelope, then confirm it or refuse it.

Fetching changes no state, so it may be repeated; only confirming ends a delivery. An office sees only the deliveries
routed to it, and knows each by the letter's name (:func:`edxml_router.core.link.wire.letter_name`), which outlives the
database. Where a person acts in the office's name, ``clerk`` names that person, who gets an entry in the same commit.
Raises Setback EDX602 when a worker interferes, Refusal EDX606 for an unknown letter, and EDX603 for a damaged
body.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from edxml_router.core.body import Body
from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.journal import (
    CLERK_ACTED,
    DELIVERY_DESCRIBED,
    DELIVERY_FETCHED,
    DELIVERY_PROCESSING,
    Entry,
)
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change, was_offered
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import read_letter_name
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.ports.ledger import Book
from edxml_router.stages.forwarding import room
from edxml_router.stages.forwarding.bodiless import report_missing_body
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.receipts import final_receipts
from edxml_router.stages.outcomes.settlement import confirmation

REASON_LIMIT = 1000  # characters that the products in use allow for a reason of return


def fetch(node: Node, office: str, name: str, clerk: str = "") -> Body:
    """The envelope of a delivery, exactly as it was sent; each access is journalled (NĐ 30/2020, Appendix VI)."""
    now = node.now()
    with node.ledger.book() as book:
        delivery = _own(book, office, [name]).get(name)
        if delivery is None or delivery.state not in (State.AVAILABLE, State.CONFIRMED):
            raise Refusal("EDX606", where=name)
        body = node.bodies.open([delivery.digest]).get(delivery.digest)
        if body is not None:
            book.journal.note([Entry(now, DELIVERY_FETCHED, delivery.digest, delivery.recipient, actor=office)])
            _note_clerk(book, [delivery], now, clerk, Detail("opens it for {office}", office=office))
    if body is None:
        raise report_missing_body(node, delivery.digest, name)
    return body


def describe(node: Node, office: str, name: str, description: str, *, ended: bool) -> Finding | None:
    """Journal what the recipient's system says of a letter without ending it: that it is being worked on or, once
    ``ended`` as confirmed, with what result. Nothing else changes."""
    now = node.now()
    with node.ledger.book() as book:
        delivery = _own(book, office, [name]).get(name)
        if delivery is None:
            return Finding("EDX606", name)
        if delivery.state is not (State.CONFIRMED if ended else State.AVAILABLE):
            return Finding("EDX607", name, delivery.state.word)
        event = DELIVERY_DESCRIBED if ended else DELIVERY_PROCESSING
        told = _words(description)
        last = node.ledger.views.handled([delivery.digest]).get((delivery.digest, delivery.recipient))
        if last is None or (last.event, last.detail) != (event, told):  # a client repeats itself
            book.journal.note([Entry(now, event, delivery.digest, delivery.recipient, actor=office, detail=told)])
    return None


def confirm(node: Node, office: str, names: Sequence[str], clerk: str = "") -> list[Finding | None]:
    """Record that the recipient's system has taken these; one answer each. Confirming twice is no error.

    EDX804 where the sender had been told another outcome: it is corrected, and both sides are told.
    """
    return _end(node, office, names, Event.CONFIRM, code="", detail="", clerk=clerk)


def refuse(node: Node, office: str, names: Sequence[str], reason: str, clerk: str = "") -> list[Finding | None]:
    """The recipient's system sends these back (QĐ 28/2018, article 5.4: it must say so, with the reason)."""
    return _end(node, office, names, Event.RETURN, code="EDX801", detail=_words(reason), clerk=clerk)


def _end(
    node: Node, office: str, names: Sequence[str], event: Event, *, code: str, detail: str, clerk: str
) -> list[Finding | None]:
    now = node.now()
    answers: dict[str, Finding | None] = {}
    with node.ledger.book() as book:
        moves: list[Move] = []
        own = _own(book, office, names)
        for name in dict.fromkeys(names):
            delivery = own.get(name)
            if delivery is None:
                answers[name] = Finding("EDX606", name)
            elif lifecycle.TABLE[State.AVAILABLE][event] is delivery.state:
                answers[name] = _late(delivery.code, delivery.detail, name)  # said before
            elif move := _ending(delivery, event, now, office, code=code, detail=detail):
                moves.append(move)
                answers[name] = _late(move.code, move.detail, name)
            else:
                answers[name] = Finding("EDX607", name, delivery.state.word)
        applied = book.deliveries.move(moves)
        if len(applied) < len(moves):  # a worker changed one between our read and our write: the office answers again
            raise Setback("EDX602", detail=Detail("deliveries changed meanwhile"))
        book.receipts.add(final_receipts(book, applied))
        told = Detail("confirms it for {office}", office=office)
        if event is Event.RETURN:
            told = Detail("returns it for {office}", office=office)
        _note_clerk(book, [move.delivery for move in applied], now, clerk, told)
        room.made(node, book, applied, now)
    return [answers[name] for name in names]


def _ending(
    delivery: Delivery, event: Event, now: datetime, office: str, *, code: str, detail: str
) -> Move | None:
    """The move that an office's answer makes. An answer may come while a worker has the delivery in hand (an operator
    wanted it offered again), and a confirmation even after the end: the office had the letter before it was withdrawn.
    """
    if not was_offered(delivery) or not lifecycle.allowed(delivery.state, event):
        return None
    if event is Event.CONFIRM:
        return confirmation(delivery, now, office)
    return change(delivery, event, code=code, detail=detail, ended_at=now, actor=office)


def _note_clerk(book: Book, letters: Sequence[Delivery], now: datetime, clerk: str, told: str) -> None:
    """Who did it, where it was a person."""
    if clerk and letters:
        actor = f"person:{clerk}"
        book.journal.note(
            [Entry(now, CLERK_ACTED, one.digest, one.recipient, actor=actor, detail=told) for one in letters]
        )


def _words(text: str) -> str:
    """An office's words in a form that can be kept; a text of our own stays translatable."""
    return text if isinstance(text, Detail) else text.replace("\0", "")[:REASON_LIMIT]


def _late(code: str, detail: str, name: str) -> Finding | None:
    """The answer to an office that confirms after the end, each time it does so."""
    return Finding(code, name, detail) if code == "EDX804" else None


def _own(book: Book, office: str, names: Sequence[str]) -> dict[str, Delivery]:
    """The deliveries of these names that are routed to the office."""
    digests = set()
    for name in names:
        with suppress(Refusal):  # not a letter's name, so it names nothing
            digests.add(read_letter_name(name)[0])
    return {one.name: one for one in book.deliveries.of(digests) if one.route == Route.office(office)}
