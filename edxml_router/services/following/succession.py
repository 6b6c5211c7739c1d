"""Who took over from an agency, and where its mail goes from here.

    for depth, code, name, verified in successor_chain(registry, "H61"): …
    for step in route_steps(node, "H53.31.22"): …
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.detail import Detail
from edxml_router.stages.node import Node

MOST_SUCCESSORS: Final = 100
_DEPTH: Final = 10


def successor_chain(registry: Registry, code: str) -> Sequence[tuple[int, str, str, bool]]:
    """Those that took over, and those that took over from them: depth, code, name, and whether a primary source says
    so. Each agency once, so that a circle in a catalogue ends."""
    seen, rows = {code}, list[tuple[int, str, str, bool]]()

    def follow(one: str, depth: int) -> None:
        for taken in registry.successions(one):
            if taken.successor in seen or depth >= _DEPTH or len(rows) >= MOST_SUCCESSORS:
                continue
            seen.add(taken.successor)
            agency = registry.get(taken.successor)
            rows.append((depth, taken.successor, agency.name if agency else "", taken.verified))
            follow(taken.successor, depth + 1)

    follow(code, 0)
    return rows


def route_steps(node: Node, code: str) -> Sequence[Detail]:
    """How this node decides where the agency's mail goes, a step each."""
    return node.rules.routes.explain(code)
