"""A process beside the workers that the supervisor runs when the settings ask for it: the gateway, the folders of
offices.

    side = SideProcess("edxml_router.gateway", path, pins)
    side.look(now)          # starts it when it does not run; the exit status to end with, or 0
    side.reload(); side.end(); side.wait(seconds)

One that ends unasked is started again, after a pause that doubles up to a minute while it keeps failing. One that finds
the configuration wrong soon after the node was started ends the node, as a worker does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edxml_router.core.problems import EXIT_CONFIG
from edxml_router.observe import events

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
HEALTHY: Final = 30.0  # seconds after which earlier failures are forgotten


class SideProcess:
    """``python -m MODULE FILE SUPERVISOR PINS``."""

    def __init__(self, module: str, path: Path, pins: Mapping[str, str]) -> None:
        # S603: the command is this interpreter and our own module; the only argument of others is the operator's file.
        self._command = [sys.executable, "-m", module, str(path), str(os.getpid()), json.dumps(pins)]
        self._name = module.rpartition(".")[2]
        self._process: subprocess.Popen[bytes] | None = None
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
            self._process = None
            if process.returncode == EXIT_CONFIG and now - self._begun < HEALTHY:
                return EXIT_CONFIG
            if process.returncode != 0:  # 0: it makes room for one with new settings
                self._start_at = now + self._pause
                events.side_process_lost(self._name, process.pid, process.returncode, self._pause)
                self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if now >= self._start_at:
            self._process = subprocess.Popen(self._command)  # noqa: S603
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
