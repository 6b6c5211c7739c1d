"""Let a node take nothing new, so that it runs empty and can be worked on; and let it go on.

    drain = begin(node, operator, reason)
    left = left_under_way(node)                   # asked again until left.over
    resume(node, operator, reason)

From the commit on nothing is accepted from offices (Setback EDX664) or taken from hubs, where it waits unread; what was
accepted is sent, and inboxes stay open. It lasts over restarts, until somebody resumes it.
"""

from __future__ import annotations

from typing import Final

from edxml_router.core.delivery.halts import NODE_DRAINED, NODE_RESUMED, Drain, UnderWay
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.ports.views import Views
from edxml_router.stages.acceptance.draining import DRAINING
from edxml_router.stages.node import Node

_REASON_LENGTH_MAX: Final = 500


def begin(node: Node, operator: str, reason: str) -> Drain:
    """Take nothing new from now on; the one in force, where there is one already."""
    now = node.now()
    drain = Drain(now, f"operator:{operator}", reason[:_REASON_LENGTH_MAX])
    with node.ledger.book() as book:
        if not book.drains.begin_drain(drain):
            standing = book.drains.drain()
            assert standing is not None  # noqa: S101  # just seen, in this transaction
            return standing
        book.journal.note([drain.entry(NODE_DRAINED, now, drain.actor, drain.reason)])
    # Committed: whoever accepts now has seen it, or had begun before.
    return drain


def resume(node: Node, operator: str, reason: str) -> Drain:
    """Take what comes again. Raises Refusal EDX606 where nothing was stopped."""
    now = node.now()
    with node.ledger.book() as book:
        drain = book.drains.drain()
        if drain is None:
            raise Refusal("EDX606", detail=Detail("this node takes what comes"))
        book.drains.end_drain()
        book.journal.note([drain.entry(NODE_RESUMED, now, f"operator:{operator}", reason[:_REASON_LENGTH_MAX])])
    # Committed: what waits in the hubs is taken within a second.
    return drain


def left_under_way(node: Node) -> UnderWay:
    """What is left to do before the node is empty."""
    return node.ledger.views.under_way()


def not_empty(left: UnderWay) -> Finding | None:
    """EDX664 while something is left."""
    return None if left.over else Finding(DRAINING)


def require_taking(views: Views) -> None:
    """Raises Setback EDX664 while nothing new is taken."""
    if (drain := views.drain()) is not None:
        raise Setback(DRAINING, detail=Detail("since {at:%Y-%m-%d %H:%M}", at=drain.since.astimezone()))
