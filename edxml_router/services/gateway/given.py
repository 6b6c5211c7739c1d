"""What services are given and what they answer, for a face that hands it on."""

from __future__ import annotations

from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.store.bodies.spool import Spool
from edxml_router.store.tokens import TokenRow
from edxml_router.wiring.stored import StoredNode

__all__ = ["Acceptance", "Spool", "StoredNode", "Submission", "TokenRow", "begin_body"]


def begin_body(node: StoredNode) -> Spool:
    """Where a large envelope is set down while it comes. Raises Setback EDX601, EDX622."""
    return node.bodies.begin()
