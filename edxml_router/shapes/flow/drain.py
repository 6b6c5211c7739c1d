"""Whether a node takes anything new, and what it has still to do."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.core.delivery.halts import Drain, UnderWay
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Instant


class DrainShape(TypedDict):
    """A node that takes nothing new, or takes what comes again; and what it has still to do."""

    draining: bool
    since: Instant
    actor: str
    reason: str
    empty: bool
    to_send: int
    to_tell: int
    waiting: int
    answers: int


def drain_shape(drain: Drain, left: UnderWay, *, draining: bool) -> DrainShape:
    return {
        "draining": draining,
        "since": instant(drain.since),
        "actor": drain.actor,
        "reason": drain.reason,
        "empty": left.over,
        "to_send": left.deliveries,
        "to_tell": left.receipts,
        "waiting": left.waiting,
        "answers": left.answers,
    }
