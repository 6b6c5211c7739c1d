"""Show neighbours what went over the link by this node's list, page by page, and hear what of it they do not know.

    meet(node, "xa-an-thanh")                          # it knows inventories: compare from now on
    ask_inventories(node)                              # now and then: the next page of each list that is due
    findings = hear_inventory(node, peer, body)        # its answer; the gaps that are new

Every delivery is compared twice: an hour after its envelope was accepted, and when its lifetime is over, so that mail
which waited for long is not left out. Nothing is listed of which the other end is not bound to know: of what was handed
over only what the neighbour has said to have accepted, of what was taken everything. So late mail, repeats and clocks
that differ cannot make a gap. The answer tells how it stands there with what it knows: that each end believes something
else of the outcome is a gap as well, once the receipts have had an hour.

A list was preferred to one hash for each hour, because both ends would have to cut hours alike, which late mail,
repeats and other ways of the same envelope do not let them. It costs about a hundred bytes for each delivery.

One page is under way for each list. What is asked, and how far the answers go, is committed before the next is sent:
after a crash the same page is asked about again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.link.inventory.messages import (
    PAGE_BYTES,
    PAGE_DELIVERIES,
    SPANS,
    CarriedDelivery,
    Direction,
    Inventory,
    InventoryAnswer,
    InventoryLine,
    Pass,
    decode_inventory_answer,
    encode_inventory,
    inventory_note,
    signed_text,
    text_digest,
)
from edxml_router.core.link.inventory.values import InventoryRound, Lacking, LinkGap, is_forgotten, outcomes_differ
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.ledger import Book
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.node import Node

SOON: Final = timedelta(hours=1)  # after which a stretch is compared for the first time
SETTLED: Final = timedelta(hours=1)  # so long two ends may believe something else, while receipts are on the way
REST: Final = timedelta(days=1)  # … and so long behind the lifetime of its deliveries, for the last
PATIENCE: Final = timedelta(seconds=60)  # after which an unanswered page is asked about again
LIFETIME: Final = timedelta(minutes=5)  # of questions and answers in a hub
GAPS: Final = 1000  # kept of one neighbour; what is more is found again when these are dealt with
EVENT: Final = "link.gap"
_HOUR: Final = timedelta(hours=1)
_LINE_BYTES: Final = 10 * 1024  # that a line can take at most
_NAMED: Final = 1000  # characters of a name that are listed


def meet(node: Node, peer: str) -> None:
    """A neighbour has said that it knows inventories. A crash before the commit: it says so again in a minute."""
    if peer in node.inventory_peers or not _may_compare(node, peer):
        return
    now = node.now()
    pairs = [(direction, reason) for direction in Direction for reason in (Pass.SOON, Pass.LATE)]
    with node.ledger.book() as book:
        book.inventories.begin([new_round(peer, direction, reason, _hour(now), now) for direction, reason in pairs])
    node.inventory_peers.add(peer)


def ask_inventories(node: Node) -> int:
    """Ask about the next page of every list that is due. Returns how many were sent."""
    if node.log_signer is None:
        return 0
    now, sent = node.now(), 0
    for each in node.ledger.views.inventory_rounds():
        if _may_compare(node, each.peer) and _is_due(node, each, now):
            sent += _ask_page(node, each.peer, each.direction, each.reason)
    return sent


def hear_inventory(node: Node, peer: str, body: bytes) -> Sequence[Finding]:
    """Take a neighbour's answer. Returns the gaps that are new. Raises Refusal EDX704."""
    text = signed_text(body, node.rules.peers[peer].log_keys)
    if text is None:
        return [Finding("EDX640", peer, Detail("no known key has signed its answer about the link"))]
    answer, now = decode_inventory_answer(text), node.now()
    if answer.peer != node.name:
        raise Refusal("EDX704", where="inventoried", detail=Detail("not for {node}", node=node.name))
    with node.ledger.book() as book:
        standing = book.inventories.one(peer, answer.direction, answer.reason)
        if standing is None or standing.question != answer.question or standing.next_reached is None:
            return []  # about a page that was asked about again since
        asked = book.inventories.carried(
            peer, standing.direction, standing.place, standing.goal, min(PAGE_DELIVERIES, max(answer.judged, 1))
        )
        gaps = _gaps(peer, answer, asked, text_digest(text), now)
        differing, alike = _differences(book, peer, answer, asked, text_digest(text), now)
        gaps += differing
        new = note_gaps(node, book, gaps, inventory_note(body))
        book.inventories.close(peer, Lacking.NEITHER, alike, now)
        unknown = {(one.digest, one.recipient) for one in answer.unknown}
        book.inventories.close(peer, Lacking.THERE, {(one.digest, one.recipient) for one in asked} - unknown, now)
        reached = replace(
            standing,
            reached=standing.next_reached,
            digest=standing.next_digest,
            recipient=standing.next_recipient,
            question="",
            answered_at=now,
            compared=standing.compared + answer.judged,
            missing=standing.missing + sum(not gap.excused for gap in gaps),
        )
        book.inventories.keep(reached)
        # Committed when this block ends. A crash before: the page is asked about again; behind it, the next one is.
    if reached.reached < reached.goal:
        _ask_page(node, peer, reached.direction, reached.reason)
    return new


def note_gaps(node: Node, book: Book, gaps: Sequence[LinkGap], note: bytes) -> Sequence[Finding]:
    """Keep and journal gaps. Returns what is wrong with those that are new and not excused."""
    new = [gap for gap in book.inventories.catch(gaps, note, GAPS) if not gap.excused]
    findings = [gap.finding for gap in new]
    entries = [
        Entry(gap.found_at, EVENT, gap.digest, gap.recipient, actor=gap.peer, code=one.code, detail=one.detail)
        for gap, one in zip(new, findings, strict=True)
    ]
    book.journal.note_odd(entries, node.rules.limits.noted_hourly, node.rules.peers.keys())
    return findings


def new_round(peer: str, direction: Direction, reason: Pass, since: datetime, now: datetime) -> InventoryRound:
    """A comparison that begins; one that was asked for ends with what is there now."""
    goal = now if reason in (Pass.ASKED, Pass.INVITED) else since
    return InventoryRound(peer, direction, reason, now, since, since, "", "", max(goal, since))


def _gaps(
    peer: str, answer: InventoryAnswer, asked: Sequence[CarriedDelivery], evidence: str, now: datetime
) -> list[LinkGap]:
    """Of what was asked; what else an answer names was made up there."""
    listed = {(one.digest, one.recipient): one for one in asked}
    return [
        LinkGap(
            peer,
            answer.direction,
            Lacking.THERE,
            one.digest,
            one.recipient,
            item.named,
            item.at,
            now,
            one.other,
            is_forgotten(item.at, answer.lost),
            evidence,
        )
        for one in answer.unknown
        if (item := listed.get((one.digest, one.recipient)))
    ]


def _differences(
    book: Book, peer: str, answer: InventoryAnswer, asked: Sequence[CarriedDelivery], evidence: str, now: datetime
) -> tuple[list[LinkGap], list[tuple[str, str]]]:
    """Of what was asked: that of which each end believes that something else became of it, and what is as it should
    be. What an answer does not tell is neither."""
    listed = {(one.digest, one.recipient): one for one in asked}
    there = {(one.digest, one.recipient): one for one in answer.standings}
    here = book.inventories.standings(peer, answer.direction, listed.keys() & there.keys())
    lost = (*answer.lost, *book.inventories.restored(SPANS))
    gaps, alike = [], []
    for pair, ours in here.items():
        theirs, item = there[pair], listed[pair]
        if not outcomes_differ(answer.direction, ours, theirs, now - SETTLED):
            alike.append(pair)
            continue
        ended = [each.ended_at for each in (ours, theirs) if each.ended_at]
        excused = any(is_forgotten(at, lost) for at in ended)
        gaps.append(
            LinkGap(
                peer, answer.direction, Lacking.NEITHER, *pair, item.named, item.at, now, "", excused, evidence,
                outcome_here=ours.outcome, outcome_there=theirs.outcome,
            )
        )
    return gaps, alike


def _may_compare(node: Node, peer: str) -> bool:
    known = node.rules.peers.get(peer)
    return bool(node.log_signer and known and known.log_keys and Route.link(peer) in node.links)


def _is_due(node: Node, each: InventoryRound, now: datetime) -> bool:
    if each.question and each.asked_at and now - PATIENCE < each.asked_at <= now:
        return False
    unheard = each.reason in (Pass.ASKED, Pass.INVITED) and each.answered_at is None
    return bool(each.question) or unheard or each.reached < _goal(node, each, now)


def _goal(node: Node, each: InventoryRound, now: datetime) -> datetime:
    if each.reached < each.goal or each.reason in (Pass.ASKED, Pass.INVITED):
        return each.goal
    lag = SOON if each.reason is Pass.SOON else node.rules.delivery.lifetime + REST
    return max(each.goal, _hour(now - lag))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _ask_page(node: Node, peer: str, direction: Direction, reason: Pass) -> bool:
    link, now = node.links.get(Route.link(peer)), node.now()
    if node.log_signer is None or link is None:
        return False
    with node.ledger.book() as book:  # one worker asks
        standing = book.inventories.turn(peer, direction, reason, now, PATIENCE)
        if standing is None:
            return False
        goal = _goal(node, standing, now)
        found = book.inventories.carried(peer, direction, standing.place, goal, PAGE_DELIVERIES)
        page = _fitting(found)
        last = len(page) == len(found) < PAGE_DELIVERIES
        following = (goal, "", "") if last else page[-1].key
        if not page and reason in (Pass.SOON, Pass.LATE):
            reached = replace(standing, reached=goal, digest="", recipient="", goal=goal, question="")
            book.inventories.keep(reached)
            return False
        inviting = reason is Pass.ASKED and direction is Direction.HANDED and standing.reached == standing.since
        lines = tuple(InventoryLine(one.digest, one.at, one.named[:_NAMED], one.recipient) for one in page)
        inventory = Inventory(
            node.name,
            peer,
            direction,
            reason,
            standing.reached,
            goal,
            lines,
            standing.since if inviting else None,
            last,
        )
        question, (at, digest, recipient) = text_digest(inventory.text), following
        asked = replace(standing, goal=goal, question=question, asked_at=now)
        book.inventories.keep(replace(asked, next_reached=at, next_digest=digest, next_recipient=recipient))
    message = Message(
        "inventory",
        f"{node.name}.inventory.{question[:32]}",
        encode_inventory(inventory, node.log_signer),
        urgent=True,
        lifetime=LIFETIME,
    )
    link.transport.publish([Parcel(link.urgent_mailbox, message)])  # if it cannot be sent now, it is asked again
    return True


def _fitting(found: Sequence[CarriedDelivery]) -> Sequence[CarriedDelivery]:
    """As many as a note takes, at least one, whatever their documents are called."""
    held = 0
    for number, one in enumerate(found):
        held += 120 + len(one.recipient.encode()) + 3 * len(one.named[:_NAMED].encode())
        if number and held > PAGE_BYTES - _LINE_BYTES:
            return found[:number]
    return found
