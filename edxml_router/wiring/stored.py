"""A node with its adapters as what they are, for those who keep them: who numbers the journal, keeps the clock's mark,
sweeps files. The story knows a :class:`~edxml_router.stages.node.Node` with ports only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from edxml_router.core.proof.checkpoint import TreeHead
from edxml_router.stages.node import Node
from edxml_router.store.bodies import scrubbing
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.clocks.steady_clock import SteadyClock
from edxml_router.store.database import space
from edxml_router.store.epochs import identity
from edxml_router.store.journal import sequencer
from edxml_router.store.search.blocks import index_blocks
from edxml_router.wiring.own_ledger import OwnLedger


@dataclass(slots=True)
class StoredNode(Node):
    """A node whose database, bodies and clock are this machine's."""

    ledger: OwnLedger
    bodies: BodyStore
    clock: SteadyClock

    def number_journal(self, stepped: Callable[[timedelta], None] | None = None) -> None:
        """Let the journal's new entries take their places in the log, under a checkpoint that is signed where the log's
        key is at hand and the log's name has not ended. ``stepped`` is told of a clock that was set. Raises Setback
        EDX601, EDX602, EDX605."""
        signer = self.log_signer
        self.log_ended = signer is not None and identity.log_ended(self.ledger.engine, signer.name) is not None
        sign = self._signed if signer and not self.log_ended else None
        sequencer.number_entries(self.ledger, sign=sign, stepped=stepped, ahead=self.clock.ahead)

    def index_journal(self) -> None:
        """Index the blocks of the journal that are full. Raises Setback EDX601, EDX602, EDX605."""
        index_blocks(self.ledger.engine)

    def scrub(self, bytes_a_second: int) -> scrubbing.Scrubbed:
        """Read the next bodies again, if it is time to. May run beside the turns. Raises Setback."""
        return scrubbing.scrub(self.ledger, self.bodies, bytes_a_second)

    def give_back(self, pages: int) -> int:
        """Give free pages of the database's file back to the disk; the bytes. Raises Setback EDX601, EDX602."""
        return space.give_back(self.ledger.engine, pages)

    def forget(self) -> bool:
        """Have the database's own log give up what was erased; False where somebody reads just now. Nobody waits.
        Raises Setback EDX601, EDX602."""
        return space.empty_log(self.ledger.engine, wait=False)

    def _signed(self, size: int, root: bytes) -> bytes:
        signer = self.log_signer
        assert signer is not None  # noqa: S101  # asked before
        return signer.sign(TreeHead(signer.name, size, root).text).data
