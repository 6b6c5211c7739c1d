"""Moves of deliveries, made from the life-cycle table."""

from __future__ import annotations

from typing import Any

from edxml_router.core.delivery.lifecycle import ENDS, Event, State, advance
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect


def change(delivery: Delivery, event: Event, **fields: Any) -> Move:
    """The move that ``event`` makes of ``delivery``; ``fields`` are those of :class:`Move`.

    Raises Defect where the table has no change (callers that cannot know check ``lifecycle.allowed`` first), and for an
    end without its time, which every receipt about it carries.
    """
    after = advance(delivery.state, event)
    if not isinstance(after, State):
        raise Defect(Detail("{event} changes nothing in {state}", event=event, state=delivery.state))
    if (after in ENDS) != ("ended_at" in fields):
        raise Defect(
            Detail("{event} in {state}: an end has a time, and nothing else has", event=event, state=delivery.state)
        )
    return Move(delivery, event, after, **fields)


def was_offered(delivery: Delivery) -> bool:
    """Whether it is or was in its recipient's inbox here."""
    return delivery.route.is_office and (delivery.state is State.AVAILABLE or delivery.attempts > 0)
