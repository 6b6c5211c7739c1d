"""Whether a node could accept something now, without accepting anything."""

from __future__ import annotations

from edxml_router.services.flow import draining
from edxml_router.wiring.stored import StoredNode


def require_ready(node: StoredNode) -> None:
    """Raises Setback EDX601 or EDX622 for the disk, EDX602 and its kin for the database, EDX664
    while nothing new is taken."""
    node.bodies.require_room()
    node.ledger.views.checkpoint()
    draining.require_taking(node.ledger.views)
