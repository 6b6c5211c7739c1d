"""Quarantine messages that are odd, or were never dealt with to the end.

    keep(node, [(arrival, finding)])
"""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import NewQuarantinedItem
from edxml_router.core.problems import Finding
from edxml_router.intake.speakers import storable_name
from edxml_router.ports.transport import Arrival
from edxml_router.stages.acceptance.quarantine import quarantine_items
from edxml_router.stages.node import Node


def quarantine(node: Node, items: Sequence[tuple[Arrival, Finding]]) -> None:
    """Write them to the quarantine, each with a journal entry. Raises Setback."""
    if not items:
        return
    now = node.now()
    kept = []
    for one, found in items:
        peer = storable_name(one.peer)
        told = (found.code, found.where, found.detail)
        entry = Entry(now, "input.quarantined", actor=peer, code=found.code, detail=found.detail)
        kept.append((NewQuarantinedItem(now, peer, one.mailbox, *told, MemoryBody(one.message.body)), entry))
    with node.ledger.book() as book:
        quarantine_items(node, book, kept)
