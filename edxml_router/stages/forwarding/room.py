"""Room in the mailboxes: how much mail may wait for one neighbour or office on a hub that it shares with others.

    lying = measured(node, groups, rows, now) # before sending plan = fitting(rules, plan, rows, lying, now, chance) #
    what has no room waits here instead, deferred made(node, book, moves, now) # something was taken: what waits for
    that room is due

The ledger counts what lies in a mailbox: mail handed over and not yet accepted, or offered and not yet answered. A
broker tells sizes in bytes only to administrators, and a queue's limit cannot be changed while it exists. The count is
too high where messages were lost; therefore an empty mailbox has room whatever the ledger says. It is too low where a
neighbour answers for letters that it leaves lying; therefore the hub is asked for the number of messages each time a
part of the share has been used, and that number times our average size counts if it is more. Workers do not know of
each other between two checks, so together they may exceed the share by what they send until the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.terms import DeliveryTerms
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Setback
from edxml_router.ports.ledger import Book
from edxml_router.stages.forwarding.dispatch import Chance, DispatchPlan, GroupKey, Groups
from edxml_router.stages.forwarding.windows import MailboxFill, Place
from edxml_router.stages.node import Link, Node
from edxml_router.stages.rules import Rules

WANTED: Final = "EDX614"
_FRESH: Final = timedelta(seconds=5)  # that a count is used for while it is far below the share
_FAR: Final = 4  # "far below": less than this part; the hub is asked again after as much was put there


def measured(node: Node, groups: Groups, rows: Mapping[str, EnvelopeRow], now: datetime) -> dict[Place, int]:
    """The bytes lying in the mailboxes of these groups, according to the ledger and their hubs. Raises Setback."""
    wanted: dict[Place, int] = {}
    for key in groups:
        if (place := _place(key, rows)) is not None and place[0] in node.links:
            wanted[place] = wanted.get(place, 0) + rows[key[1]].size
    filled = _filled(node, set(wanted), now)
    lying: dict[Place, int] = {}
    for (route, urgent), size in wanted.items():
        counted, link, share = filled.get((route, urgent), 0), node.links[route], node.rules.delivery.mailbox_bytes
        laid = laid_in(node, link, urgent=urgent)
        if is_doubtful(laid, counted, size, share) and _looked(link, laid, urgent=urgent) == 0:
            counted = filled[route, urgent] = 0
        lying[route, urgent] = max(counted, laid.guess)
    return lying


def laid_in(node: Node, link: Link, *, urgent: bool) -> MailboxFill:
    """What this process has put into the mailbox."""
    return node.outgoing.ahead.laid.setdefault((id(link.transport), link.mailbox_for(urgent=urgent)), MailboxFill())


def is_doubtful(laid: MailboxFill, counted: int, size: int, share: int) -> bool:
    """Whether the hub must be asked before ``size`` more bytes are put there: they would not fit, or much was put there
    since. ``counted`` is the ledger's figure."""
    return not has_room(max(counted, laid.guess), size, share) or laid.since * _FAR > share


def fitting(
    rules: Rules,
    plan: DispatchPlan,
    rows: Mapping[str, EnvelopeRow],
    lying: Mapping[Place, int],
    now: datetime,
    chance: Chance,
) -> DispatchPlan:
    """The plan, with mail that has no room in its mailbox put off. A letter larger than the share goes into an empty
    mailbox."""
    filled = dict(lying)
    moves = list(plan.moves)
    fit: dict[GroupKey, list[Delivery]] = {}
    for key, group in plan.groups.items():
        place, size = _place(key, rows), rows[key[1]].size
        if place is None or place not in filled or has_room(filled[place], size, rules.delivery.mailbox_bytes):
            fit[key] = group
            if place is not None and place in filled:
                filled[place] += size
        else:
            finding = full(rules.delivery.mailbox_bytes, filled[place])
            moves += [_deferral(rules.delivery, one, finding, now, chance()) for one in group]
    return DispatchPlan(moves, fit)


def note_taken(node: Node, groups: Groups, rows: Mapping[str, EnvelopeRow]) -> None:
    """Remember, until the store is asked again, that these go into their mailboxes now."""
    for key in groups:
        if (place := _place(key, rows)) is not None and place[0] in node.links:
            node.filled[place] = node.filled.get(place, 0) + rows[key[1]].size


def _place(key: GroupKey, rows: Mapping[str, EnvelopeRow]) -> Place | None:
    """The mailbox where the body of a group takes room; None where no body is sent over a link."""
    route, digest, _, there = key
    return (route, rows[digest].urgent) if route.is_link and not there else None


def has_room(lying: int, size: int, share: int) -> bool:
    """Whether so much more may be laid into a mailbox in which ``lying`` bytes lie."""
    return not lying or lying + size <= share


def _looked(link: Link, laid: MailboxFill, *, urgent: bool) -> int | None:
    """Ask how many messages lie in the mailbox, and note it; None where the hub cannot tell."""
    mailbox = link.mailbox_for(urgent=urgent)
    try:
        found = link.transport.waiting([mailbox]).get(mailbox)
    except Setback:
        return None
    if found is None:
        return None
    laid.look(found.messages)
    return found.messages


def full(share: int, lying: int) -> Finding:
    """The reason for waiting, as a finding."""
    return Finding(WANTED, detail=Detail("{lying} bytes wait in its mailbox, at most {most}", lying=lying, most=share))


def _filled(node: Node, places: set[Place], now: datetime) -> dict[Place, int]:
    """How much lies where. While that is little, the store is asked only every few seconds: the sum is wanted for each
    batch, and it costs more the more is under way."""
    if not places:
        return node.filled
    most = max((node.filled.get(place, 0) for place in places), default=0)
    old = node.filled_at is None or not node.filled_at <= now < node.filled_at + _FRESH
    if old or most * _FAR > node.rules.delivery.mailbox_bytes:
        with node.ledger.book() as book:
            node.filled = {place: lying.size for place, lying in book.mailboxes.lying(list(node.links)).items()}
        node.filled_at = now
    return node.filled


def _deferral(terms: DeliveryTerms, delivery: Delivery, finding: Finding, now: datetime, chance: float) -> Move:
    """It becomes due as soon as something is taken, so the pauses may grow to the longest."""
    wait = lifecycle.back_off(delivery.attempts, terms.receipt_timeout, terms.inquiry_interval, chance)
    return change(delivery, Event.DEFER, due_at=now + wait, code=finding.code, detail=finding.detail)


def made(node: Node, book: Book, moves: Sequence[Move], now: datetime) -> None:
    """These moves may have made room: a batch of those waiting for it is due now."""
    routes = {
        move.delivery.route
        for move in moves
        if move.delivery.state in (State.FORWARDED, State.AVAILABLE) and move.delivery.handed_at is not None
    }
    if routes:
        book.mailboxes.make_room(routes, now, node.rules.delivery.batch)
