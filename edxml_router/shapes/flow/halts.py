"""A halt, and what it holds."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.core.delivery.halts import StandingHalt
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Instant


class HaltShape(TypedDict):
    """A halt: whatever meets all its conditions that are not empty waits."""

    halt: int
    sender: str
    recipient: str
    route: str
    cause: str
    since: Instant
    actor: str
    reason: str
    released_at: Instant | None
    count: int


def halt_shape(standing: StandingHalt) -> HaltShape:
    halt = standing.halt
    return {
        "halt": halt.id,
        "sender": halt.sender,
        "recipient": halt.recipient,
        "route": halt.route,
        "cause": halt.cause,
        "since": instant(halt.since),
        "actor": halt.actor,
        "reason": halt.reason,
        "released_at": instant(halt.released_at) if halt.released_at else None,
        "count": standing.count,
    }
