"""What operators do to deliveries: hold, release, retry, cancel, resend.

Each act names its operator and reason and is journalled with its effect in one transaction. One answer per delivery:
None when done, EDX606 when it does not exist, EDX607 when its state does not allow it, EDX670 when there is nothing
to send again because the body was removed on purpose. :func:`try_out` gives the same
answers without doing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from edxml_router.core.delivery import lifecycle
from edxml_router.core.delivery.halts import HALTED
from edxml_router.core.delivery.journal import operator_actor
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import DeliveryHistory, Hindrance, Shape
from edxml_router.core.detail import Detail
from edxml_router.core.link.wire import GENERATION_LIMIT
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.ledger import Book, Ledger
from edxml_router.ports.views import Views
from edxml_router.services.waiting import hindrances
from edxml_router.stages.forwarding.bodiless import REMOVED
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.receipts import final_receipts, withdrawals


def perform(
    node: Node, event: Event, numbers: Sequence[int], operator: str, reason: str, then: Then | None = None
) -> list[Finding | None]:
    """Apply ``event``, one of :data:`ACTS`, to each delivery. ``then`` is called before the commit with the book and
    the number of those for which it was done; what it writes is in force together with them, or not at all."""
    if then is not None:
        return _act(node, numbers, event, operator, reason, then)
    return ACTS[event](node, numbers, operator, reason)


def hold(node: Node, numbers: Sequence[int], operator: str, reason: str) -> list[Finding | None]:
    """Stop deliveries until they are released."""
    return _act(node, numbers, Event.HOLD, operator, reason)


def release(node: Node, numbers: Sequence[int], operator: str, reason: str) -> list[Finding | None]:
    """Let held deliveries go on at once."""
    return _act(node, numbers, Event.RELEASE, operator, reason)


def retry(node: Node, numbers: Sequence[int], operator: str, reason: str) -> list[Finding | None]:
    """Make the next attempt now, whatever the schedule says. What the next node has committed is not sent again."""
    return _act(node, numbers, Event.RETRY, operator, reason)


def cancel(node: Node, numbers: Sequence[int], operator: str, reason: str) -> list[Finding | None]:
    """Withdraw deliveries that are still here; the sender gets a notice. What has left needs a recall."""
    return _act(node, numbers, Event.CANCEL, operator, reason)


def resend(node: Node, numbers: Sequence[int], operator: str, reason: str) -> list[Finding | None]:
    """Open returned, expired or cancelled deliveries again, with a new lifetime and under a new generation."""
    return _act(node, numbers, Event.RESEND, operator, reason)


def try_out(ledger: Ledger, event: Event, numbers: Sequence[int]) -> list[Finding | None]:
    """What :func:`perform` would answer now: None where it could be done."""
    with ledger.book() as book:
        _, answers = _answers(book, event, numbers)
    return [answers[number] for number in numbers]


def one(views: Views, number: int) -> tuple[DeliveryHistory, Hindrance | None]:
    """A delivery with its whole history, and what hinders it, if anything. Raises Refusal EDX606."""
    story = views.story(number)
    if story is None:
        raise Refusal("EDX606", where=Detail("delivery {number}", number=number))
    return story, hindrances(views, [story.delivery], datetime.now(UTC)).get(number)


def piles(views: Views) -> Sequence[Shape]:
    """Where open deliveries pile up and how old they are; the longest queue first."""
    return views.shape(datetime.now(UTC))


Then = Callable[[Book, int], None]
Act = Callable[[Node, Sequence[int], str, str], list[Finding | None]]
ACTS: Final[Mapping[Event, Act]] = {
    Event.HOLD: hold,
    Event.RELEASE: release,
    Event.RETRY: retry,
    Event.CANCEL: cancel,
    Event.RESEND: resend,
}


def _act(
    node: Node, numbers: Sequence[int], event: Event, operator: str, reason: str, then: Then | None = None
) -> list[Finding | None]:
    now = node.now()
    with node.ledger.book() as book:
        if event is Event.RESEND:
            book.retention.alone()  # or a body could go between our look and the move
        possible, answers = _answers(book, event, numbers)
        actor, detail = operator_actor(operator), reason[:500]
        moves = [
            change(delivery, event, actor=actor, detail=detail, **_fields(node, delivery, event, now))
            for delivery in possible
        ]
        applied = book.deliveries.move(moves)
        book.receipts.add([*final_receipts(book, applied), *withdrawals(node, book, applied)])
        if then is not None:
            then(book, len(applied))
    done = {move.delivery.id for move in applied}
    for delivery in possible:
        if delivery.id not in done:
            place = Detail("delivery {id}", id=delivery.id)
            answers[delivery.id] = Finding("EDX607", place, Detail("changed meanwhile"))
    return [answers[number] for number in numbers]


def _answers(
    book: Book, event: Event, numbers: Sequence[int]
) -> tuple[list[Delivery], dict[int, Finding | None]]:
    """The deliveries for which the act is possible, and the answer for each number."""
    possible: list[Delivery] = []
    answers: dict[int, Finding | None] = {
        number: Finding("EDX606", Detail("delivery {number}", number=number)) for number in numbers
    }
    standing = book.deliveries.numbered(list(answers))
    halted = book.halts.stopping({one.id for one in standing if one.code == HALTED}) if event is Event.RELEASE else {}
    gone = book.retention.removed({one.digest for one in standing}) if event is Event.RESEND else set()
    for delivery in standing:
        if delivery.digest in gone and delivery.state in lifecycle.FAILED_ENDS:
            answers[delivery.id] = Finding(REMOVED, Detail("delivery {id}", id=delivery.id), delivery.digest)
        elif delivery.id in halted and delivery.state is State.HELD:
            # Released, it would be stopped again at once.
            help_ = Detail("`edxml-router halt release {number}` lets it go on", number=halted[delivery.id])
            detail = Detail("{state}; {help}", state=delivery.state.word, help=help_)
            answers[delivery.id] = Finding("EDX607", Detail("delivery {id}", id=delivery.id), detail)
        elif _possible(delivery, event):
            possible.append(delivery)
            answers[delivery.id] = None
        else:
            detail = Detail("{state}; {help}", state=delivery.state.word, help=_help(delivery, event))
            answers[delivery.id] = Finding("EDX607", Detail("delivery {id}", id=delivery.id), detail)
    return possible, answers


def _possible(delivery: Delivery, event: Event) -> bool:
    gone = delivery.state is State.FORWARDED or delivery.far_accepted
    if gone and event in (Event.CANCEL, Event.HOLD) and delivery.state not in lifecycle.ENDS:
        return (
            False  # the next node has it, or may have it: stopping it here would be an empty promise
        )
    if event is Event.RETRY and delivery.far_accepted:
        return False
    if event is Event.RESEND and delivery.generation >= GENERATION_LIMIT:
        return False  # no node accepts a higher one
    return lifecycle.allowed(delivery.state, event)


def _help(delivery: Delivery, event: Event) -> str:
    """What helps where the act is not possible; the remedy of EDX607 is the same for all."""
    if delivery.state is State.CONFIRMED:
        return Detail("the recipient has it; only a recall by the sender takes it back")
    if event is Event.RESEND and delivery.generation >= GENERATION_LIMIT:
        return Detail("it has been sent again as often as can be; its sender must hand it in anew")
    if delivery.state in lifecycle.FAILED_ENDS:
        return Detail("it has ended; `edxml-router resend` opens it again")
    if event is Event.RESEND:
        return Detail("it is still on its way and needs no new opening")
    if event is Event.RELEASE:
        return Detail("it is not held")
    if delivery.state is State.HELD:
        return Detail("`edxml-router queue release` lets it go on")
    if delivery.state is State.AVAILABLE:
        return Detail("it lies ready for its recipient; `edxml-router queue cancel` takes it away")
    told = Detail("the next node may have it already")
    if delivery.far_accepted:
        told = Detail("the next node has accepted it")
    return Detail("{what}; ask the sender for a recall, or the operator of {route}", what=told, route=delivery.route)


def _fields(node: Node, delivery: Delivery, event: Event, now: datetime) -> dict[str, Any]:
    if event is Event.CANCEL:
        return {"code": "EDX803", "ended_at": now}
    if event is Event.RESEND:
        expires_at = now + node.rules.delivery.lifetime
        return {
            "due_at": now,
            "attempts": 0,
            "generation": delivery.generation + 1,
            "far_accepted": False,
            "expires_at": expires_at,
        }
    return {"due_at": now} if event in (Event.RELEASE, Event.RETRY) else {}
