"""A part beside the workers that the supervisor runs when the settings ask for it: the gateway, the folders of offices.

    side = SidePart("edxml_router.gateway", parts)
    side.look(now)          # starts it when it does not run; the exit status to end with, or 0
    side.reload(); side.end(); side.wait(seconds)

One that ends unasked is started again, after a pause that doubles up to a minute while it keeps failing. One that finds
the configuration wrong soon after the node was started ends the node, as a worker does.
"""

from __future__ import annotations

import signal
import subprocess
import time
from typing import Final

from edxml_router.core.problems import EXIT_CONFIG
from edxml_router.node.parts.launching import NodeParts
from edxml_router.node.parts.part import NodePart
from edxml_router.observe import events

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
HEALTHY: Final = 30.0  # seconds after which earlier failures are forgotten


class SidePart:
    """``python -m MODULE FILE SUPERVISOR PINS``, or the same in a thread."""

    def __init__(self, module: str, parts: NodeParts) -> None:
        self._module, self._parts = module, parts
        self._name = module.rpartition(".")[2]
        self._process: NodePart | None = None
        self._begun = time.monotonic()
        self._started = 0.0
        self._start_at = 0.0
        self._pause = FIRST_PAUSE

    def look(self, now: float) -> int:
        """Start it when it does not run; the exit status to end with when starting again is useless."""
        process = self._process
        if process is not None and process.poll() is None:
            if now - self._started > HEALTHY:
                self._pause = FIRST_PAUSE
            return 0
        if process is not None:
            self._process, status = None, process.returncode or 0
            if status == EXIT_CONFIG and now - self._begun < HEALTHY:
                return EXIT_CONFIG
            if status != 0:  # 0: it makes room for one with new settings
                self._start_at = now + self._pause
                events.side_process_lost(self._name, process.pid, status, self._pause)
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if now >= self._start_at:
            self._process = self._parts.beside(self._module)
            self._started = now
        return 0

    def reload(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def end(self) -> None:
        """Tell it to finish what it has in hand and end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Until it has ended; who has not within so long is killed, which loses nothing."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
