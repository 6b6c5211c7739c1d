"""Ask the next node about deliveries that were handed over and have not ended, instead of sending their body again.

One copy waits in the next node's mailbox, however long that node is away. A body is sent again only when the next node
answers that it does not know it, to an inquiry that followed the body through the same mailbox: then the body was taken
and lost, or the hub has lost it. The pauses grow with the time since the hand-over. Nothing is asked while messages lie
in the mailbox and nobody takes them (EDX709), and while anything lies there, a second inquiry waits for the longest
pause: questions must not pile up either.

The deliveries stay FORWARDED: an inquiry changes no state. After a crash the lease runs out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.terms import DeliveryTerms
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.ports.transport import MailboxDepth, Parcel, Transport
from edxml_router.stages.acceptance.admission import route
from edxml_router.stages.forwarding import sending
from edxml_router.stages.forwarding.dispatch import inquiry_parcel
from edxml_router.stages.node import Link, Node

ABSENT: Final = "EDX709"
_SEARCH: Final = timedelta(minutes=1)  # between searches for what went over a link that is gone
_AWAY: Final = ("EDX701", "EDX707")  # problems of a hub that would take seconds to run into again


Alarm = Callable[[str, Finding | None], None]  # called with each route that was looked at and its problem


def nobody(_route: str, _finding: Finding | None) -> None:
    """An alarm that nobody listens to."""


def inquire(node: Node, alarm: Alarm = nobody) -> int:
    """Ask about what is due, or find out why asking is of no use. Returns how many deliveries were looked at."""
    now, links = node.now(), [each for each in node.links if each.is_link]
    search = node.searched is None or node.searched[1] != links or not now - node.searched[0] < _SEARCH
    with node.ledger.book() as book:
        silent = sending.silent(node)
        answering = [each for each in links if (each, False) not in silent or (each, True) not in silent]
        due = book.mailboxes.overdue(now, now + node.rules.delivery.lease, node.rules.delivery.batch, answering)
        astray = [one for one in due if not _stays(node, one)]
        lost = book.mailboxes.strays(now, node.rules.delivery.batch, links) if search else ()
        # What now goes another way, or no way at all, is left to forward, which sends it anew or tells its sender.
        book.deliveries.move([change(one, Event.RETRY, due_at=now) for one in (*astray, *lost)])
        rows = book.envelopes.known({one.digest for one in due})
    if search and len(lost) < node.rules.delivery.batch:
        node.searched = (now, links)
    if not due:
        return len(lost)
    looked_at = [one for one in due if one not in astray]
    seen = _look(node, looked_at)
    _tell(alarm, seen)
    problems: dict[int, Finding | None] = {}
    asked: list[Delivery] = []
    for one in looked_at:
        problem = _hindrance(one, seen[_place(node, one)])
        if problem is not None:
            problems[one.id] = problem
        elif not _asked_enough(one, seen[_place(node, one)], node.rules.delivery, now):
            asked.append(one)
    problems |= _ask(node, asked, rows, now)
    pauses: dict[tuple[datetime, Finding | None], list[int]] = defaultdict(list)
    for one in looked_at:
        problem = problems.get(one.id)
        pauses[now + _pause(node.rules.delivery, one, problem, now), problem].append(one.id)
    with node.ledger.book() as book:
        for (at, problem), numbers in pauses.items():
            book.mailboxes.look_again(numbers, at, problem)
        if unasked := [one.id for one in asked if problems.get(one.id) is not None]:
            book.mailboxes.asked_about(unasked, None)
    return len(due) + len(lost)


def hurry(node: Node, routes: Collection[Route]) -> None:
    """The hub has lost the contents of these mailboxes: ask now about everything that went there."""
    now = node.now()
    with node.ledger.book() as book:
        for each in sorted(routes):
            book.recoveries.hurry(each, now)


def _stays(node: Node, delivery: Delivery) -> bool:
    """Whether it still belongs on the link it was sent over. What the far side has committed stays there."""
    try:
        return delivery.far_accepted or route(node.rules, delivery.recipient) == delivery.route
    except Refusal:
        return False


Place = tuple[Route, str]  # route and mailbox


def _place(node: Node, delivery: Delivery) -> Place:
    return delivery.route, node.links[delivery.route].mailbox_for(urgent=delivery.urgent)


def _look(node: Node, deliveries: Sequence[Delivery]) -> Mapping[Place, MailboxDepth | Finding | None]:
    """The state of these mailboxes, or the finding why it is unknown; None where we may not see it and must ask
    blindly. Each hub is asked once."""
    of_hub: dict[int, set[Place]] = defaultdict(set)
    hubs: dict[int, Transport] = {}
    seen: dict[Place, MailboxDepth | Finding | None] = {}
    for one in deliveries:
        transport, place = node.links[one.route].transport, _place(node, one)
        hubs[id(transport)] = transport
        why = transport.silence(place[1])
        if why is None:
            of_hub[id(transport)].add(place)
        else:
            seen[place] = why
    for key, places in of_hub.items():
        known = hubs[key].problem
        try:
            if known is not None and known.code in _AWAY:
                raise Setback(known.code, where=known.where, detail=known.detail)
            found = hubs[key].waiting({mailbox for _, mailbox in places})
        except Setback as setback:
            answer = None if setback.code == "EDX706" else setback.finding
            seen |= dict.fromkeys(places, answer)
        else:
            for place in places:
                seen[place] = found.get(place[1]) or Finding("EDX703", place[1])
    return seen


def _tell(alarm: Alarm, seen: Mapping[Place, MailboxDepth | Finding | None]) -> None:
    """Report for each route whether nobody takes its mail; without the amount, which changes from look to look."""
    absent: dict[Route, Finding | None] = {}
    for (each, mailbox), found in seen.items():
        if isinstance(found, MailboxDepth):
            absent.setdefault(each, None)
            if found.messages and not found.takers:
                absent[each] = Finding(ABSENT, mailbox)
    for each, finding in absent.items():
        alarm(each, finding)


def _hindrance(delivery: Delivery, seen: MailboxDepth | Finding | None) -> Finding | None:
    """Why asking is of no use: the hub is away, or nobody takes what lies in the mailbox."""
    if isinstance(seen, MailboxDepth):
        absent = seen.messages and not seen.takers
        detail = Detail(
            "{name} takes nothing; {messages} messages wait for it", name=delivery.route.name, messages=seen.messages
        )
        return Finding(ABSENT, delivery.route, detail) if absent else None
    return seen


def _asked_enough(delivery: Delivery, seen: MailboxDepth | Finding | None, terms: DeliveryTerms, now: datetime) -> bool:
    """Whether the last question may still lie there and is recent."""
    lies = isinstance(seen, MailboxDepth) and seen.messages > 0
    return lies and delivery.asked_at is not None and now - delivery.asked_at < terms.inquiry_interval


def _ask(
    node: Node, deliveries: Sequence[Delivery], rows: Mapping[str, EnvelopeRow], now: datetime
) -> Mapping[int, Finding | None]:
    """Publish one inquiry for each envelope and link. Returns the result for each delivery."""
    groups: dict[tuple[Route, str, int], list[Delivery]] = defaultdict(list)
    for one in deliveries:
        groups[one.route, one.digest, one.generation].append(one)
    windows: dict[int, list[tuple[Link, Parcel, list[Delivery]]]] = defaultdict(list)
    for (each, digest, _), group in groups.items():
        link = node.links[each]
        windows[id(link.transport)].append((link, inquiry_parcel(link, rows[digest], group), group))
    if not windows:
        return {}
    with node.ledger.book() as book:  # committed before publishing: the answer may be quicker than a commit afterwards
        book.mailboxes.asked_about([one.id for one in deliveries], now)
    problems: dict[int, Finding | None] = {}
    for window in windows.values():
        answers = window[0][0].transport.publish([parcel for _, parcel, _ in window])
        for (_, _, group), answer in zip(window, answers, strict=True):
            problems |= dict.fromkeys((one.id for one in group), answer)
    return problems


def _pause(terms: DeliveryTerms, delivery: Delivery, problem: Finding | None, now: datetime) -> timedelta:
    """As long as it has been away, within bounds; if only the hub was away, no longer than between attempts."""
    pause = terms.inquiry_interval
    if not delivery.far_accepted and delivery.handed_at is not None:
        pause = min(max(now - delivery.handed_at, terms.receipt_timeout), terms.inquiry_interval)
    return min(pause, terms.retry_ceiling) if problem is not None and problem.code != ABSENT else pause
