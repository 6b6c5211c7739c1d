"""Remove what is over, at an operator's command. The node does the same by itself, a portion at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.problems import Refusal
from edxml_router.core.retention.values import Removal
from edxml_router.ports.retention import Key
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.erasing import erase_portion
from edxml_router.stages.outcomes.removing import remove_portion


def require_rule(node: Node) -> None:
    """Refuse (EDX672) where no rule lets anything go."""
    if node.rules.retention.empty:
        raise Refusal("EDX672", where="retention")


def remove_all(node: Node, operator: str) -> Iterator[Sequence[Removal]]:
    """Go through everything once; the removals of each portion. What was removed stays so when it is broken off.
    Raises Refusal EDX672, Setback."""
    require_rule(node)
    after: Key | None = None
    while True:
        portion = remove_portion(node, after, f"operator:{operator}")
        yield portion.removals
        after = portion.next
        if after is None:
            return


def erase_all(node: Node, operator: str) -> Iterator[Sequence[Redaction]]:
    """The same of what people wrote; what was erased of each portion. Raises Refusal EDX672, Setback."""
    require_rule(node)
    after, more = "", True
    while more:
        portion = erase_portion(node, after, f"operator:{operator}")
        yield portion.redactions
        after, more = portion.next, bool(portion.next)
