"""Put offered letters into the mailboxes of offices attached to the hub, again while they are not answered.

An offer is committed before it is published (:func:`edxml_router.pipeline.deliver`), so that even an immediate answer
is about an AVAILABLE delivery. Without an answer it is published again under the same name, so nothing is lost when a
mailbox is deleted or its broker loses data. The pauses double. While as many messages lie in the mailbox as are
unanswered, the office is merely away and those copies suffice; if there are fewer, the oldest are missing, since they
were at its head. What has no room there waits here (:mod:`edxml_router.stages.forwarding.room`).

After a crash behind the first commit the leases run out; after a crash behind the publishing it is published again. A
letter in hand at a crash is published by itself the next time; after five crashes in a row it waits for the longest
pause (EDX623). A mailbox that does not confirm in time keeps what is under way there, and nothing more is begun there
(:mod:`edxml_router.stages.forwarding.windows`): a late confirm must not lead to a second copy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move, UnansweredMail
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Setback
from edxml_router.stages.forwarding import room, sending
from edxml_router.stages.forwarding.dispatch import LAPSES, NEVER, GroupKey, deferral, inbox_parcels, portions
from edxml_router.stages.forwarding.windows import Sending, Window, open_windows
from edxml_router.stages.node import Link, Node
from edxml_router.stages.outcomes.receipts import final_receipts

SPENT = "EDX623"
_FIRST = 2  # attempts of a delivery at its first look; one was the offer


def push(node: Node) -> int:
    """Put what is due into the mailboxes. Returns how many deliveries were looked at or answered."""
    now = node.now()
    count = _answered(node, now)
    away = sending.silent(node, node.outgoing.offers)
    links = {each: link for each, link in node.links.items() if each.is_office and (each, False) not in away}
    if not links:
        return count
    with node.ledger.book() as book:
        due = book.mailboxes.offered(now, now + node.rules.delivery.lease, node.rules.delivery.batch, list(links))
        rows = book.envelopes.known({one.digest for one in due})
        lying = book.mailboxes.lying({one.route for one in due})
    if not due:
        return count
    spent = [one for one in due if one.lapses >= LAPSES]
    problems: dict[int, Finding | None] = {
        one.id: Finding(SPENT, detail=Detail("{count} attempts", count=one.lapses)) for one in spent
    }
    absent: list[Delivery] = []
    of_route: dict[Route, list[Delivery]] = defaultdict(list)
    for one in due:
        if one in spent:
            continue
        of_route[one.route].append(one)
    for route, group in of_route.items():
        lies = [each for (where, _), each in lying.items() if where == route]
        fit, odd = _absent(node, links[route], group, lies, rows)
        absent += fit
        problems |= odd
    groups: dict[GroupKey, list[Delivery]] = defaultdict(list)
    for one in absent:
        groups[one.route, one.digest, one.generation, False].append(one)
    _record(node, [one for one in due if one not in absent], problems, now)
    for portion in portions(groups, rows) if groups else ():
        part = [one for group in portion.values() for one in group]
        # Recorded at once: should the next portion end this worker, these are not suspected.
        _lay(node, links, part, rows, now)
    return count + len(due)


def _record(
    node: Node, part: Sequence[Delivery], problems: Mapping[int, Finding | None], now: datetime, *, laid: bool = False
) -> None:
    """Set when these are looked at again. ``laid``: those without a problem are in the mailbox as of now."""
    pauses: dict[tuple[datetime, Finding | None], list[int]] = defaultdict(list)
    for one in part:
        problem = problems.get(one.id)
        pauses[now + _pause(node, one, problem), problem].append(one.id)
    if not pauses:
        return
    with node.ledger.book() as book:
        for (at, problem), numbers in pauses.items():
            book.mailboxes.look_again(numbers, at, problem, now if laid and problem is None else None)


def _absent(
    node: Node, link: Link, due: Sequence[Delivery], lies: Sequence[UnansweredMail], rows: Mapping[str, EnvelopeRow]
) -> tuple[list[Delivery], dict[int, Finding | None]]:
    """One office's deliveries that are missing from its mailbox, as far as can be told, and have room there; and the
    problems of the rest."""
    filled, share = sum(each.size for each in lies), node.rules.delivery.mailbox_bytes
    fresh = sorted((one for one in due if one.handed_at is None), key=attrgetter("id"))
    repeats = sorted((one for one in due if one.handed_at is not None), key=attrgetter("id"))
    laid = room.laid_in(node, link, urgent=False)
    if repeats or room.is_doubtful(laid, filled, sum(rows[one.digest].size for one in fresh), share):
        try:
            found = link.transport.waiting([link.mailbox])
        except Setback as setback:
            return [], dict.fromkeys((one.id for one in due), setback.finding)
        if link.mailbox not in found:
            return [], dict.fromkeys((one.id for one in due), Finding("EDX703", link.mailbox))
        there = found[link.mailbox].messages
        repeats = repeats[: max(0, sum(each.messages for each in lies) - there)]
        laid.look(there)
        filled = filled if there else 0  # everything was taken, if not answered
    filled = max(filled, laid.guess)  # what was answered may still lie there
    problems: dict[int, Finding | None] = {}
    fit: list[Delivery] = []
    for one in fresh:
        size = rows[one.digest].size
        if room.has_room(filled, size, share):
            filled += size
            fit.append(one)
        else:
            problems[one.id] = room.full(share, filled)
    return [*repeats, *fit], problems


def _lay(
    node: Node, links: Mapping[Route, Link], absent: Sequence[Delivery], rows: Mapping[str, EnvelopeRow], now: datetime
) -> None:
    """Publish these, with a window for each office, and record what was answered in time."""
    bodies, offers = node.bodies.open({one.digest for one in absent}), node.outgoing.offers
    sendings: list[Sending[Delivery]] = []
    later: dict[int, Finding | None] = {}
    for one in absent:
        link = links[one.route]
        if one.digest not in bodies:
            continue
        row, peer = rows[one.digest], node.rules.peers.get(one.route.name)
        chunk_bytes = node.rules.delivery.chunk_bytes if peer is not None and peer.chunks else 0
        parcels = inbox_parcels(link, row, one, bodies[one.digest], now, chunk_bytes)
        made = Sending(link.transport, link.mailbox_for(urgent=row.urgent), parcels, [one])
        if made.box in offers:
            later[one.id] = sending.busy(made.mailbox)
        else:
            sendings.append(made)
    begun = open_windows(sendings, node.outgoing.ahead)
    offers |= {box: window for box, window in begun.items() if not window.over}
    damaged = [one for one in absent if one.digest not in bodies]
    _record(node, [one for one in absent if one.id in later], later, now)
    _laid(node, [window for window in begun.values() if window.over], now, damaged)


def _answered(node: Node, now: datetime) -> int:
    """Record what mailboxes have answered since the last turn, and renew the leases of the rest. Returns the count."""
    offers, leased, lease = node.outgoing.offers, node.outgoing.leased, node.rules.delivery.lease
    for window in offers.values():
        window.go_on(0.0)
    over = {box: window for box, window in offers.items() if window.over}
    going = [one for window in offers.values() if not window.over for one in window.carried()]
    aging = [one.id for one in going if leased.get(one.id, one.due_at) < now + lease / 2]
    if aging:
        with node.ledger.book() as book:
            book.mailboxes.look_again(aging, now + lease, None)
        leased.update(dict.fromkeys(aging, now + lease))
    if over:
        _laid(node, list(over.values()), now)
    for box, window in over.items():  # only now: had the commit failed, it would be recorded in the next turn
        del offers[box]
        for one in window.carried():
            leased.pop(one.id, None)
    return sum(len(window.carried()) for window in over.values())


def _laid(
    node: Node, windows: Sequence[Window[Delivery]], now: datetime, damaged: Sequence[Delivery] = ()
) -> None:
    """Record what was put into mailboxes, and what was not because its body is damaged."""
    answers = {one.id: found for window in windows for each, found in window.outcomes() for one in each.group}
    laid = [one for window in windows for one in window.carried()]
    taken = [one for one in laid if answers[one.id] is None]
    never = [(one, found) for one in laid if (found := answers[one.id]) is not None and found.code in NEVER]
    with node.ledger.book() as book:
        book.journal.note([Entry(now, "delivery.pushed", one.digest, one.recipient, actor="node") for one in taken])
        # With a damaged body the delivery goes back to the queue, where forward finds the damage and holds it.
        book.deliveries.move([change(one, Event.RETRY, due_at=now) for one in damaged])
        ended = book.deliveries.move([_never(node, one, found, now) for one, found in never])
        book.receipts.add(final_receipts(book, ended))
    _record(node, [*laid, *damaged], answers, now, laid=True)


def _never(node: Node, delivery: Delivery, finding: Finding, now: datetime) -> Move:
    return deferral(node.rules.delivery, delivery, finding, now, node.clock.chance())


def _pause(node: Node, delivery: Delivery, problem: Finding | None) -> timedelta:
    terms, times = node.rules.delivery, delivery.attempts - _FIRST + 1
    if problem is not None and problem.code == SPENT:
        return terms.inquiry_interval
    if problem is not None and problem.code != room.WANTED:  # which ends by itself, and is told then
        return lifecycle.back_off(times, terms.retry_first, terms.retry_ceiling, node.clock.chance())
    return lifecycle.back_off(times, 2 * terms.receipt_timeout, terms.inquiry_interval, 0.0)
