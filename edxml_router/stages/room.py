"""Room in the mailboxes: how much mail may wait for one neighbour or office on a hub that it shares with others.

    full, groups = fitting(node, groups, rows, now)     # before sending; ``full`` waits here instead, deferred
    made(node, book, moves, now)                        # something was taken: what waits for its room is due

What lies in a mailbox is counted in the ledger: what was handed over and is not accepted, or offered and not answered.
A broker tells no bytes to those who may not administrate it, and a limit of a queue cannot be changed while it exists.
The count errs upwards only where messages were lost, and so an empty mailbox has room whatever the ledger says. Workers
do not know of each other between two looks, so together they may go beyond the share by what they send at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move
from edxml_router.core.problems import Finding, Setback
from edxml_router.ports.ledger import Book
from edxml_router.stages.dispatch import GroupKey
from edxml_router.stages.node import Link, Node

WANTED: Final = "EDX614"
_FRESH: Final = timedelta(seconds=5)  # that a count serves while it is far below the share
_FAR: Final = 4  # … which is below this part of it

Place = tuple[str, bool]  # route and urgency: each link has a mailbox for each


def fitting(
    node: Node, groups: Mapping[GroupKey, list[Delivery]], rows: Mapping[str, EnvelopeRow], now: datetime
) -> tuple[list[Move], dict[GroupKey, list[Delivery]]]:
    """The moves of what has no room in its mailbox, and the groups that have. A letter larger than the share goes into
    a mailbox where nothing lies."""
    wanted: dict[GroupKey, Place] = {
        key: (key[0], rows[key[1]].urgent) for key in groups if not key[3] and key[0] in node.links and _is_link(key)
    }
    filled, share = _filled(node, set(wanted.values()), now), node.rules.mailbox_bytes
    before = dict(filled)  # what lies there already; the rest of ``filled`` goes there with this batch
    moves: list[Move] = []
    fit: dict[GroupKey, list[Delivery]] = {}
    looked: set[Place] = set()
    for key, group in groups.items():
        place, size = wanted.get(key), rows[key[1]].size
        if place is None:
            fit[key] = group
            continue
        lies = filled.get(place, 0)
        if not has_room(lies, size, share) and place not in looked:
            looked.add(place)
            if before.get(place) and is_empty(node.links[place[0]], urgent=place[1]):
                lies -= before[place]
        if has_room(lies, size, share):
            filled[place] = lies + size
            fit[key] = group
        else:
            moves += [_deferral(node, one, full(node, lies), now) for one in group]
    return moves, fit


def _is_link(key: GroupKey) -> bool:
    return key[0].startswith("link:")


def has_room(lying: int, size: int, share: int) -> bool:
    """Whether so much more may be laid into a mailbox in which ``lying`` bytes lie."""
    return not lying or lying + size <= share


def is_empty(link: Link, *, urgent: bool) -> bool:
    """Whether nothing lies in the mailbox, as far as its hub can be asked."""
    mailbox = link.mailbox_for(urgent=urgent)
    try:
        found = link.transport.waiting([mailbox])
    except Setback:
        return False
    return mailbox in found and not found[mailbox].messages


def full(node: Node, lying: int) -> Finding:
    """Why something waits for room."""
    return Finding(WANTED, detail=f"{lying} bytes wait in its mailbox, at most {node.rules.mailbox_bytes}")


def _filled(node: Node, places: set[Place], now: datetime) -> dict[Place, int]:
    """How much lies where. Asked of the store at most every few seconds while it is little: it is asked for each batch
    that is sent, and the more is under way, the more there is to add up."""
    if not places:
        return node.filled
    most = max((node.filled.get(place, 0) for place in places), default=0)
    old = node.filled_at is None or not node.filled_at <= now < node.filled_at + _FRESH
    if old or most * _FAR > node.rules.mailbox_bytes:
        with node.ledger.book() as book:
            node.filled = {place: lying.size for place, lying in book.lying(list(node.links)).items()}
        node.filled_at = now
    return node.filled


def _deferral(node: Node, delivery: Delivery, finding: Finding, now: datetime) -> Move:
    """It is due as soon as something is taken, so the pauses grow to the longest."""
    timing = node.rules.timing
    wait = lifecycle.back_off(
        delivery.attempts, timing.receipt_timeout, timing.inquiry_interval, node.clock.chance()
    )
    return change(delivery, Event.DEFER, due_at=now + wait, code=finding.code, detail=finding.detail)


def made(node: Node, book: Book, moves: Sequence[Move], now: datetime) -> None:
    """These moves may have made room where others wait for it: a batch of those is due now."""
    taken = {
        move.delivery.route
        for move in moves
        if move.delivery.state in (State.FORWARDED, State.AVAILABLE) and move.delivery.handed_at is not None
    }
    if taken:
        book.make_room(taken, now, node.rules.batch)
