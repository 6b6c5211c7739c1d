"""What neighbours want that has been damaged at theirs, and what they give of what was damaged here.

An answer is as large as a letter, so each neighbour gets a few a minute; what is more is let go, since it asks again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edxml_router.core.link.mending import FOUND, WANTED, decode_found, decode_wanted
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.transport import Arrival
from edxml_router.stages import mending
from edxml_router.stages.node import Node

KINDS: Final = (WANTED, FOUND)


def deal_with(node: Node, batch: Iterable[Arrival]) -> list[tuple[Arrival, Finding]]:
    """Give and take. Returns what cannot be read."""
    odd = []
    for arrival in batch:
        try:
            if arrival.message.kind == FOUND:
                mending.take(node, arrival.peer, *decode_found(arrival.message.body))
                continue
            digest = decode_wanted(arrival.message.body)
        except Refusal as refusal:
            odd.append((arrival, refusal.finding))
            continue
        if node.giving.allows(arrival.peer, node.now()):
            mending.give(node, arrival.peer, digest)
    return odd
