"""Bodies that are damaged here are given again by a neighbour that has had the envelope.

    mended = ask(node)                       # now and then: for what is due
    give(node, "h53", digest)                # a neighbour asks
    taken = take(node, "h53", announced, body)  # it answers

An envelope has the same bytes at every node that it passed, under their digest, so whoever has them can mend it, and
nothing needs to be believed. Asked are those from whom it came and to whom it went, and they answer only a neighbour
from whom, or to whom, they had it themselves: a digest opens nobody's mail. Nothing here changes the state of a
delivery but one: what was held because its body was damaged goes on. Everything may be repeated; a crash leaves the
question to the next turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.link.chunked import ChunkedEnvelope
from edxml_router.core.link.manifest import LIST_LIMIT
from edxml_router.core.link.mending import FOUND, WANTED, encode_found, encode_wanted
from edxml_router.core.link.route import Route
from edxml_router.ports.ledger import Book
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.forwarding.dispatch import body_chunks
from edxml_router.stages.node import Link, Node

DAMAGED: Final = "EDX603"
LIFETIME: Final = timedelta(minutes=10)  # of questions and answers: what is older is asked again
_TOGETHER: Final = 20  # that are asked for in one turn
_LINE_BYTES: Final = 1024  # that a manifest takes at most


def ask(node: Node) -> list[str]:
    """Ask for what is due. Returns which are whole again without an answer: somebody has put the file of a back-up in
    its place."""
    now = node.now()
    with node.ledger.book() as book:
        due = book.damages.claim(now, _TOGETHER)
        if not due:
            return []
        rows = book.envelopes.known(due)
        parties = {digest: sorted(_parties(book, rows[digest])) for digest in due if digest in rows}
    whole = node.bodies.open(due)
    for digest, body in whole.items():
        _mended(node, digest, body, "node")
    for digest, routes in parties.items():
        for route in routes if digest not in whole else ():
            link = node.links.get(route)
            if link is not None and route.is_link:
                name = f"{node.name}.{WANTED}.{digest[:32]}.{now:%Y%m%dT%H%M%S%f}"
                message = Message(WANTED, name, encode_wanted(digest), lifetime=LIFETIME)
                link.transport.publish([Parcel(link.mailbox, message)])
    return list(whole)


def give(node: Node, peer: str, digest: str) -> bool:
    """Give a neighbour the bytes of an envelope that it had from here, or gave. Returns whether they were given."""
    route = Route.link(peer)
    link = node.links.get(route)
    with node.ledger.book() as book:
        row = book.envelopes.known([digest]).get(digest)
        known = row is not None and route in _parties(book, row)
    if row is None or link is None or not known:
        return False
    body = node.bodies.open([digest]).get(digest)
    if body is None:
        return False
    # One by one, so that one piece is in memory; where one is not taken, the neighbour asks again.
    return not any(any(link.transport.publish([parcel])) for parcel in _answer(node, link, body))


def take(node: Node, peer: str, announced: ChunkedEnvelope, body: bytes) -> bool:
    """Put what a neighbour has given in the place of what is damaged. Returns whether it was wanted, and is right."""
    digest = announced.envelope
    with node.ledger.book() as book:
        if not book.damages.open(digest):
            return False
    chunked = announced.transfer(node.now())
    whole = node.bodies.assembled(peer, chunked) if announced.chunks else MemoryBody(body)
    if whole is None:
        return False
    try:
        if whole.digest != digest:
            return False
        node.bodies.stage({digest: whole})
        _mended(node, digest, whole, f"link:{peer}")
    finally:
        whole.discard()
    if announced.chunks:
        node.bodies.drop_chunks(peer, digest)
    return True


def _mended(node: Node, digest: str, body: Body, actor: str) -> None:
    """It is whole: what was held for it goes on."""
    now = node.now()
    with node.ledger.book() as book:
        book.damages.mend(digest, body.size, body.held, now, actor)
        held = [one for one in book.deliveries.of([digest]) if one.state is State.HELD and one.code == DAMAGED]
        book.deliveries.move([change(one, Event.RELEASE, due_at=now) for one in held])
        # Committed when this block ends; a large body is in its file by then. A crash before: it counts as damaged,
        # and is asked for again, or found whole where the file is.
    node.left |= bool(held)


def _parties(book: Book, row: EnvelopeRow) -> set[Route]:
    """From whom the envelope came to this node, and to whom it went."""
    deliveries = book.deliveries.of([row.digest])
    sent = {one.route for one in deliveries if one.route.is_link and one.handed_at is not None}
    return sent | {one.origin for one in deliveries if one.origin.is_link} | {Route.link(row.peer)}


def _answer(node: Node, link: Link, body: Body) -> Iterator[Parcel]:
    name = f"{node.name}.{FOUND}.{body.digest[:32]}"
    most = link.transport.largest_message
    size = max(node.rules.delivery.chunk_bytes, -(-body.size // LIST_LIMIT))
    size = max(1, min(size, most - _LINE_BYTES))
    if body.size <= size:
        announced, data = ChunkedEnvelope(body.digest, body.size, 0), body.whole()
    else:
        announced, data = ChunkedEnvelope(body.digest, body.size, -(-body.size // size)), b""
        for number, piece in enumerate(body_chunks(body, body.digest, size)):
            yield Parcel(link.mailbox, Message("chunk", f"{name}.{number}", piece, lifetime=LIFETIME))
    yield Parcel(link.mailbox, Message(FOUND, name, encode_found(announced, data), lifetime=LIFETIME))
