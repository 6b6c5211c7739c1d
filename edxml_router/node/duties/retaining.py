"""The worker's duty to remove what is over: a look at a thousand envelopes a turn, and a pass every hour.

Where several workers share a folder one of them makes the pass. A crash loses only how far it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edxml_router.core.retention.values import Removal
from edxml_router.disk import locks
from edxml_router.ports.retention import Key
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.removing import remove_portion

PAUSE: Final = 3600.0  # seconds between passes
LOCK: Final = "retention.lock"


class RetentionDuty:
    """One worker's share."""

    def __init__(self) -> None:
        self._lock: int | None = None
        self._after: Key | None = None
        self._again_at = 0.0

    def turn(self, node: Node, folder: Path) -> Sequence[Removal]:
        """Go on with the pass, if it is time and no other worker's; what was removed. ``folder``: the node's own.
        Raises Setback."""
        if node.rules.retention.shortest is None or time.monotonic() < self._again_at or not self._begun(folder):
            return ()
        portion = remove_portion(node, self._after, "node")
        self._after = portion.next
        if portion.next is None:
            self._rest()
        return portion.removals

    def close(self) -> None:
        """Let another worker go on. Idempotent."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _begun(self, folder: Path) -> bool:
        if self._lock is not None:
            return True
        descriptor = locks.open_lock(folder / LOCK)
        try:
            locks.take(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            self._again_at = time.monotonic() + PAUSE
            return False
        self._lock = descriptor
        return True

    def _rest(self) -> None:
        self._again_at = time.monotonic() + PAUSE
        self.close()
