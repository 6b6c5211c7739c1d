"""What becomes of deliveries whose body is not here: removed on purpose, or damaged."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Trouble
from edxml_router.core.retention.values import RemovedBody
from edxml_router.stages.node import Node

REMOVED = "EDX670"


def bodiless(node: Node, digest: str, group: Sequence[Delivery]) -> list[Move]:
    """Hold them for the operator: nothing is sent in the place of a letter."""
    finding = missing_body(node, digest).finding
    return [change(one, Event.HOLD, code=finding.code, detail=finding.detail) for one in group]


def missing_body(node: Node, digest: str, where: str = "") -> Refusal:
    """Why a body that was accepted cannot be read: EDX670 where it was removed on purpose, else EDX603."""
    gone = node.ledger.views.removed_bodies([digest]).get(digest)
    if gone is None:
        return Refusal("EDX603", where=where or digest, detail=Detail("body damaged or missing"))
    return Refusal(REMOVED, where=where or digest, detail=told_removal(gone))


def report_missing_body(node: Node, digest: str, where: str = "") -> Refusal:
    """Why a body cannot be read, as :func:`missing_body`; from now on neighbours are asked for one that is damaged.
    Not within a transaction of the ledger."""
    refusal = missing_body(node, digest, where)
    if refusal.code != REMOVED:
        with suppress(Trouble), node.ledger.book() as book:  # whoever asks is told of the body, whatever the disk does
            book.damages.note([digest], node.now())
        # Committed, or not: then the next who reads it notes it.
    return refusal


def told_removal(gone: RemovedBody) -> Detail:
    """By which rule and when a body was removed, and where the journal says so."""
    removal = gone.removal
    if gone.position is None:
        return Detail("removed on {at:%Y-%m-%d} by rule {rule}", at=removal.at.astimezone(), rule=removal.rule)
    return Detail(
        "removed on {at:%Y-%m-%d} by rule {rule}, at position {position} of the journal",
        at=removal.at.astimezone(),
        rule=removal.rule,
        position=gone.position,
    )
