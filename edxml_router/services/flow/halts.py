"""Let mail wait on purpose, by sender, recipient, link or cause, and let it go on.

    standing = add_halt(node, halt, advance)
    standing = release_halt(node, 7, operator, reason, advance)

A halt counts from its commit on for whatever is claimed; what waits already is stopped in batches behind it, one
transaction each. A process that ends between them loses nothing: the rest is stopped when it is claimed. What a halt
has stopped is let go in batches too, by number, so in the order in which it came; interrupted, the same call goes on.
Raises Refusal EDX606, EDX663.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.halts import (
    BELOW,
    HALT_ADDED,
    HALT_RELEASED,
    HALTED,
    HALTS_MAX,
    Halt,
    StandingHalt,
)
from edxml_router.core.delivery.journal import operator_actor
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.ports.views import Views
from edxml_router.services.selection import named_route
from edxml_router.stages.forwarding import halting
from edxml_router.stages.node import Node
from edxml_router.wiring.agencies import load_registry

_BATCH: Final = 200
_REASON_LENGTH_MAX: Final = 500
Advance = Callable[[int], None]


def canonical_pattern(settings: Settings, typed: str) -> str:
    """An agency's code in its canonical form, with ``.*`` behind it where that was typed. Raises Refusal EDX606 for
    what is none: a halt that is misspelt would stop nothing."""
    if not typed:
        return ""
    whole = typed.removesuffix(BELOW)
    code = load_registry(settings).canonical_or_none(whole)
    if code is None:
        raise Refusal("EDX606", where=typed[:100], detail=Detail("`edxml-router agency list` finds codes by name"))
    return code + typed[len(whole) :]


def halted_route(node: Node, settings: Settings, typed: str) -> Route | str:
    """The route of a link or an office; empty where none was typed."""
    return named_route(node.ledger.views, settings, typed) if typed else ""


def to_be_stopped(node: Node, halt: Halt) -> int:
    """How many waiting deliveries it would stop now."""
    return sum(
        halt.stops(one, senders[one.digest], one.route) for page, senders in _waiting(node, halt) for one in page
    )


def add_halt(node: Node, halt: Halt, advance: Advance) -> StandingHalt:
    """Put it in force (its number and time are given here), and stop what waits already; ``advance`` gets how many
    more were looked at."""
    halt = replace(halt, since=node.now(), reason=halt.reason[:_REASON_LENGTH_MAX])
    with node.ledger.book() as book:
        standing = book.halts.standing()
        for one in standing:
            if one.conditions == halt.conditions:
                raise Refusal("EDX663", where=Detail("halt {number}", number=one.id), detail=one.reason)
        if len(standing) >= HALTS_MAX:
            raise Refusal("EDX663", detail=Detail("at most {most} may be in force", most=HALTS_MAX))
        halt = book.halts.add(halt)
        book.journal.note([halt.entry(HALT_ADDED, halt.since, halt.actor, halt.reason)])
    # Committed: from here on whatever is claimed and meets it is held. What is in hand at this moment still goes.
    count = 0
    for page, _ in _waiting(node, halt):
        with node.ledger.book() as book:
            if halt.id not in {one.id for one in book.halts.standing()}:
                break  # released meanwhile
            now_standing = book.deliveries.numbered([one.id for one in page])
            here = [one for one in now_standing if one.state in (State.QUEUED, State.DEFERRED)]
            rows = book.envelopes.known({one.digest for one in here})
            count += len(halting.stop(node, book, [halt], here, rows))
        advance(len(page))
    return StandingHalt(halt, count)


def release_halt(node: Node, number: int, operator: str, reason: str, advance: Advance) -> StandingHalt:
    """End it, and let go on what it has stopped, in order. What another halt names is stopped again by that."""
    actor, now = operator_actor(operator), node.now()
    with node.ledger.book() as book:
        halt = book.halts.end(number, now)
        if halt is None or halt.released_at is None:
            raise Refusal("EDX606", where=Detail("halt {number}", number=number))
        if halt.released_at == now:  # not one whose release was interrupted
            book.journal.note([halt.entry(HALT_RELEASED, now, actor, reason[:_REASON_LENGTH_MAX])])
    # Committed: nothing more is stopped by it, and what it has stopped is all known.
    count = 0
    while True:
        with node.ledger.book() as book:
            numbers = book.halts.stopped(number, _BATCH)
            held = [one for one in book.deliveries.numbered(numbers) if _is_halted(one)]
            # One time for all, so that their numbers decide the order, in which they came.
            moves = [change(one, Event.RELEASE, actor=actor, due_at=halt.released_at) for one in held]
            applied = book.deliveries.move(moves)
            undone = {one.id for one in held} - {move.delivery.id for move in applied}
            book.halts.forget_stopped(set(numbers) - undone)
            if not numbers:
                book.halts.remove(number)
        # Committed: these go on. After a crash before this line, or between two batches, the same call does the rest.
        count += len(applied)
        advance(len(applied))
        if not numbers:
            return StandingHalt(halt, count)


def standing_halts(views: Views) -> Sequence[StandingHalt]:
    """All halts, the oldest first."""
    return views.halts()


def _is_halted(delivery: Delivery) -> bool:
    return delivery.state is State.HELD and delivery.code == HALTED


def _waiting(node: Node, halt: Halt) -> Iterator[tuple[Sequence[Delivery], dict[str, str]]]:
    """What waits here and may meet its conditions, page by page, with the senders by digest."""
    recipient = "" if halt.recipient.endswith(BELOW) else halt.recipient
    after, views = 0, node.ledger.views
    while page := views.list_deliveries(
        recipient=recipient,
        route=Route(halt.route) if halt.route else None,
        code=halt.cause,
        states=(State.QUEUED, State.DEFERRED),
        after=after,
        limit=_BATCH,
    ):
        with node.ledger.book() as book:
            rows = book.envelopes.known({one.digest for one in page})
        yield page, {digest: row.sender for digest, row in rows.items()}
        after = page[-1].id
