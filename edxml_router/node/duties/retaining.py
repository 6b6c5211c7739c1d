"""The worker's duty to remove what is over: a hundred bodies a turn at most, then what people wrote, and a pass every
hour.

Where several workers share a folder one of them makes the pass. A crash loses only how far it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.retention.values import Removal
from edxml_router.disk import locks
from edxml_router.ports.retention import Key
from edxml_router.stages.outcomes.erasing import erase_portion
from edxml_router.stages.outcomes.removing import remove_portion
from edxml_router.wiring.stored import StoredNode

PAUSE: Final = 3600.0  # seconds between passes
LOCK: Final = "retention.lock"
PAGES: Final = 200  # of SQLite that go back to the disk in one turn: some twenty milliseconds


class RetentionDuty:
    """One worker's share."""

    def __init__(self) -> None:
        self._lock: int | None = None
        self._after: Key | None = None
        self._words_after: str | None = None  # None while the pass is with bodies
        self._unforgotten = False  # words were erased, which the database's own log may still have
        self.erased: Sequence[Redaction] = ()  # in the last turn
        self._again_at = 0.0
        self._loose = False  # something was removed, whose pages may go back to the disk

    def turn(self, node: StoredNode, folder: Path) -> Sequence[Removal]:
        """Go on with the pass, if it is time and no other worker's; the bodies that were removed. ``folder``: the
        node's own. Raises Setback."""
        self.erased = ()
        if self._unforgotten:
            self._unforgotten = not node.forget()
        if self._loose:  # what was removed last; more is removed once that is done
            self._loose = node.give_back(PAGES) > 0
            return ()
        if node.rules.retention.empty or time.monotonic() < self._again_at or not self._begun(folder):
            return ()
        if self._words_after is not None:
            self._erase(node, self._words_after)
            return ()
        portion = remove_portion(node, self._after, "node")
        self._after, self._loose = portion.next, bool(portion.removals)
        if portion.next is None:
            self._words_after = ""
        return portion.removals

    def _erase(self, node: StoredNode, after: str) -> None:
        portion = erase_portion(node, after, "node")
        self.erased, self._words_after = portion.redactions, portion.next or None
        self._unforgotten = self._unforgotten or bool(portion.redactions)
        if not portion.next:
            self._rest()

    @property
    def under_way(self) -> bool:
        """Whether there is more to do than to wait for the next pass."""
        return self._lock is not None or self._loose

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
