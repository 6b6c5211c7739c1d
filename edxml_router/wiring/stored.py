"""A node with its adapters as what they are, for those who keep them: who numbers the journal, keeps the clock's mark,
sweeps files. The story knows a :class:`~edxml_router.stages.node.Node` with ports only.
"""

from __future__ import annotations

from dataclasses import dataclass

from edxml_router.stages.node import Node
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.clocks.steady_clock import SteadyClock
from edxml_router.store.ledger import SqlLedger


class OwnLedger(SqlLedger):
    """The database of a node of this machine, which is dated by the node's clock."""

    clock: SteadyClock


@dataclass(slots=True)
class StoredNode(Node):
    """A node whose database, bodies and clock are this machine's."""

    ledger: OwnLedger
    bodies: BodyStore
    clock: SteadyClock
