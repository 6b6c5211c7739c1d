"""After a restored back-up: ask for what the database has forgotten, and answer neighbours that ask.

The node's memory ends with the back-up. Neighbours believe that what they sent since then was accepted, and would ask
about it only hours later; so they are requested to ask now (``resync``), learn that it is unknown here, and send it
again. What had been sent to them is inquired about at once. What offices submitted may exist nowhere else: they are
told, and report when they have sent it again (``resent``). The database keeps who has not done its part yet;
``edxml-router doctor`` and ``edxml-router recovery`` show it. Everything here may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.link.resync import Recovery, Resync, decode_resync, encode_resync
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.stages.node import Node
from edxml_router.stages.offices.notices import call_message

KINDS: Final = ("resync", "resynced", "resent")
PAUSE: Final = timedelta(hours=1)  # between restores that a neighbour may report: each makes us ask about all


def ask(node: Node) -> int:
    """Ask those whose turn it is. Returns how many were asked. A crash between commit and sending delays the question.

    Neighbours are asked again until they answer; offices as rarely as about an overdue outcome.
    """
    now, terms = node.now(), node.rules.delivery
    links = [route for route in node.links if route.is_link]
    offices = [route for route in node.links if route.is_office]
    with node.ledger.book() as book:
        due = [
            *book.recoveries.claim(now, now + terms.receipt_timeout, links),
            *book.recoveries.claim(now, now + terms.inquiry_interval, offices),
        ]
    failed = [one.party for one in due if not _send(node, one)]
    if failed:
        with node.ledger.book() as book:
            book.recoveries.ask_again(failed, now + terms.retry_first)
    return len(due) - len(failed)


def _send(node: Node, one: Recovery) -> bool:
    link, resync, name = node.links[one.party], Resync(one.epoch, one.since), f"resync.{one.epoch}"
    if one.party.is_link:
        message = Message("resync", name, encode_resync(resync))
    else:
        message = call_message(node, one.party.name, resync)
    return _all_taken(link.transport.publish([Parcel(link.mailbox, message)]))


def heard(node: Node, arrival: Arrival) -> Finding | None:
    """Act on a message of one of KINDS. Returns what is wrong with it if it cannot be read."""
    message, peer = arrival.message, arrival.peer
    if message.kind == "resent":
        finish(node, Route.office(peer), message.correlation or "-")
        return None
    try:
        resync = decode_resync(message.body)
    except Refusal as refusal:
        return refusal.finding
    if message.kind == "resync":
        repeat(node, peer, resync)
    else:
        finish(node, Route.link(peer), resync.epoch or "-")
    return None


def repeat(node: Node, peer: str, resync: Resync) -> None:
    """A neighbour has lost its latest memory: ask it about everything that went there and has not ended.

    It is answered once that is committed. Without an answer it asks again, and is answered again at no further cost.
    """
    now, route = node.now(), Route.link(peer)
    with node.ledger.book() as book:
        first = book.recoveries.asked(peer, resync.epoch, now, PAUSE)
        if first:
            count = book.recoveries.hurry(route, now)
            detail = Detail(
                "epoch {epoch}, since {since:%Y-%m-%d %H:%M:%S} UTC; {count} deliveries",
                epoch=resync.epoch,
                since=resync.since,
                count=count,
            )
            book.journal.note([Entry(now, "link.resync", actor=peer, detail=detail)])
    link = node.links.get(route)
    if first is None or link is None:
        return
    answer = Message("resynced", f"resynced.{resync.epoch}", encode_resync(resync))
    link.transport.publish([Parcel(link.mailbox, answer)])  # if that fails, it asks again


def finish(node: Node, party: Route, epoch: str, actor: str = "") -> bool:
    """A party has done its part. Returns whether that was still open. An empty ``epoch`` means whichever is open."""
    now = node.now()
    with node.ledger.book() as book:
        done = book.recoveries.finish(party, epoch, now)
        if done:
            detail = Detail("{party} has repeated what came since the back-up", party=party)
            book.journal.note([Entry(now, "recovery.done", actor=actor or party.name, detail=detail)])
    return done


def _all_taken(findings: Sequence[object]) -> bool:
    return all(finding is None for finding in findings)
