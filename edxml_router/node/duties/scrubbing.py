"""The worker's duty to read stored bodies again, beside its turns, and to have neighbours asked for what is damaged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from edxml_router.node.errand import Errand
from edxml_router.stages import mending
from edxml_router.store.bodies.scrubbing import SLICE_SECONDS, Scrubbed
from edxml_router.wiring.stored import StoredNode

INTERVAL_SECONDS: Final = float(SLICE_SECONDS)  # seconds between looks whether there is something to read, or to ask


class ScrubDuty:
    """One worker's share. ``mended`` are the bodies that somebody has put in place again, as of the last turn."""

    def __init__(self) -> None:
        self.mended: Sequence[str] = ()
        self._at = 0.0
        self._reading: Errand[Scrubbed] | None = None

    def turn(self, node: StoredNode, bytes_a_second: int) -> Sequence[str]:
        """Begin what is due, and tell which bodies were found damaged. Raises Setback."""
        self.mended = ()
        if self._reading is None and time.monotonic() >= self._at:
            self._at = time.monotonic() + INTERVAL_SECONDS
            self.mended = mending.ask(node)
            if bytes_a_second:
                self._reading = Errand(lambda: node.scrub(bytes_a_second))
        if self._reading is None or not self._reading.over:
            return ()
        done, self._reading = self._reading, None
        return done.result().damaged
