"""Moves of deliveries, made from the table of their life."""

from __future__ import annotations

from typing import Any

from edxml_router.core.delivery.lifecycle import ENDS, Event, State, advance
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect


def change(delivery: Delivery, event: Event, **fields: Any) -> Move:
    """The move that ``event`` makes of ``delivery``; ``fields`` are those of :class:`Move`.

    Raises Defect where the table has no change: callers ask ``lifecycle.allowed`` when they cannot know. Also for an
    end without its time, which all receipts about it will carry.
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
    """Whether it lies in its recipient's inbox here, or has lain there."""
    return delivery.route.is_office and (delivery.state is State.AVAILABLE or delivery.attempts > 0)
