"""What is offered, laid into the mailboxes of offices that are attached to the hub; again while it is not answered.

An offer is committed before it is laid there (:func:`edxml_router.pipeline.deliver`), so an answer that comes at once
is about something that is AVAILABLE. It is laid there again, under the same name, when no answer comes: a mailbox that
was deleted, or whose broker lost its data, loses nothing. The pauses double; and while as many messages lie in the
mailbox as are without an answer, the office is merely away, and the copies there suffice. Of fewer, the oldest are
missing: they were at its head.

A crash after the first commit leaves leases that run out; a crash after publishing lays it there again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.problems import Finding, Setback
from edxml_router.stages.dispatch import GroupKey, inbox_parcel, portions
from edxml_router.stages.node import Link, Node

_FIRST = 2  # attempts of a delivery that is laid into the mailbox for the first time; one was the offer


def push(node: Node) -> int:
    """Lay what is due into the mailboxes; how many deliveries were looked at."""
    now = node.now()
    links = {route: link for route, link in node.links.items() if route.startswith("office:")}
    if not links:
        return 0
    with node.ledger.book() as book:
        due = book.offered(now, now + node.rules.timing.lease, node.rules.batch, list(links))
        rows = book.envelopes({one.digest for one in due})
        laid = Counter({route: book.unanswered(route) for route in {one.route for one in due}})
    groups: dict[GroupKey, list[Delivery]] = defaultdict(list)
    absent, problems = _absent(links, due, laid)
    for one in absent:
        groups[one.route, one.digest, one.generation, False].append(one)
    for portion in portions(groups, rows) if groups else ():
        problems |= _lay(node, links, [one for group in portion.values() for one in group], rows, now)
    pauses: dict[tuple[datetime, Finding | None], list[Delivery]] = defaultdict(list)
    for one in due:
        problem = problems.get(one.id)
        pauses[now + _pause(node, one, failed=problem is not None), problem].append(one)
    if due:
        with node.ledger.book() as book:
            for (at, problem), group in pauses.items():
                book.look_again([one.id for one in group], at, problem)
    return len(due)


def _absent(
    links: Mapping[str, Link], due: Sequence[Delivery], laid: Counter[str]
) -> tuple[list[Delivery], dict[int, Finding | None]]:
    """What is not in its mailbox, as far as can be told; and what is wrong where nothing can."""
    absent = [one for one in due if one.attempts <= _FIRST]
    problems: dict[int, Finding | None] = {}
    laid.subtract(one.route for one in absent)
    repeats: dict[str, list[Delivery]] = defaultdict(list)
    for one in due:
        if one.attempts > _FIRST:
            repeats[one.route].append(one)
    for route, waiting in repeats.items():
        try:
            there = links[route].transport.waiting(links[route].mailbox)
        except Setback as setback:
            problems |= {one.id: setback.finding for one in waiting}
            continue
        absent += sorted(waiting, key=lambda one: one.id)[: max(0, laid[route] - there)]
    return absent, problems


def _lay(
    node: Node, links: Mapping[str, Link], absent: Sequence[Delivery], rows: Mapping[str, EnvelopeRow], now: datetime
) -> dict[int, Finding | None]:
    """Publish these in one window, for all offices are on the node's own hub; what became of each."""
    bodies = node.bodies.read({one.digest for one in absent})
    whole = [one for one in absent if one.digest in bodies]
    parcels = [inbox_parcel(links[one.route], rows[one.digest], one, bodies[one.digest], now) for one in whole]
    transport = links[absent[0].route].transport
    answers: dict[int, Finding | None] = {
        one.id: finding for one, finding in zip(whole, transport.publish(parcels), strict=True)
    }
    taken = [one for one in whole if answers[one.id] is None]
    damaged = [one for one in absent if one.digest not in bodies]
    with node.ledger.book() as book:
        book.note([Entry(now, "delivery.pushed", one.digest, one.recipient, actor="node") for one in taken])
        # Where the body is damaged the delivery goes back to where forward finds that, and holds it.
        book.move([change(one, Event.RETRY, due_at=now) for one in damaged])
    return answers


def _pause(node: Node, delivery: Delivery, *, failed: bool) -> timedelta:
    timing, times = node.rules.timing, delivery.attempts - _FIRST + 1
    if failed:
        return lifecycle.back_off(times, timing.retry_first, timing.retry_ceiling, node.clock.chance())
    return lifecycle.back_off(times, 2 * timing.receipt_timeout, timing.inquiry_interval, 0.0)
