"""The worker's duty to write the journal as tiles (journal.tiles), beside its turns: a few files at a time, and a look
for a new checkpoint each journal.interval.

Where several workers, or machines, share a folder one of them writes. A crash loses nothing: what is missing is written
by whoever looks next.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from edxml_router.config import Settings
from edxml_router.core.problems import Finding, Setback
from edxml_router.node.errand import Errand
from edxml_router.store.tiles.folder import TileFolder
from edxml_router.store.tiles.writing import TilesWritten, TileWriter, folder_troubles
from edxml_router.wiring.stored import StoredNode


class TilesDuty:
    """One worker's share. ``finding`` is what keeps the journal from being written, as of the last step."""

    def __init__(self) -> None:
        self.finding: Finding | None = None
        self._at = 0.0
        self._writing: Errand[TilesWritten | None] | None = None
        self._writer: TileWriter | None = None
        self._held = ExitStack()  # the folder, while there is more to write

    def turn(self, node: StoredNode, settings: Settings) -> None:
        """Begin the next step if it is due, or take up what the last one has come to."""
        folder = settings.journal.tiles
        if self._writing is None:
            if folder is None or settings.journal.key is None or time.monotonic() < self._at:
                return
            self._writing = Errand(lambda: self._step(node, folder, settings.origin), seconds=0.0)
        if not self._writing.over:
            return
        done, self._writing = self._writing, None
        self._at = time.monotonic() + settings.journal.interval.total_seconds()
        written = None
        try:
            written = done.result()
            self.finding = None
        except Setback as setback:
            self.finding = setback.finding
        if written is not None and not written.complete:
            self._at = 0.0
        else:
            self._writer = None
            self._held.close()

    def _step(self, node: StoredNode, folder: Path, origin: str) -> TilesWritten | None:
        """None while somebody else writes there."""
        if self._writer is None:
            there = TileFolder(folder)
            try:
                with folder_troubles(there):
                    self._held.enter_context(there.held())
            except BlockingIOError:
                return None
            self._writer = TileWriter(node.ledger.views, there, origin)
        return self._writer.step()
