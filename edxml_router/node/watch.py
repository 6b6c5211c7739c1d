"""Whether a worker still makes turns, seen by its supervisor.

    watch = WorkerWatch()                           # before the worker is started with watch.end
    watch.began(process)
    if watch.over(now): …                           # it is to be ended

A worker writes a byte into a pipe at each turn, so a full disk plays no part. A worker that makes no turn may be busy
with one large envelope, and then uses the processor; one that waits for something that never comes does not. The former
is given half an hour, the latter two minutes, which is longer than any bounded wait: a silent hub (2 s), a database (25
s per statement). Killing it loses nothing: what it had in hand comes again.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

TOLD: Final = 60.0  # seconds without a turn after which it is reported
STILL: Final = 120.0  # … after which one that uses no processor is killed
BUSY: Final = 1800.0  # … and one that does
IDLE_SHARE: Final = 0.05  # of one processor: the heartbeats of its connections take less


class WorkerWatch:
    """One worker, from its start to its end."""

    def __init__(self) -> None:
        self._read, self.end = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self.end, False)
        self.turned = False  # whether it ever made one
        self._figures = Path()
        self._turn_at = 0.0
        self._used = 0.0

    def began(self, process: int, thread: int = 0) -> None:
        """It runs, as a process or as a thread of one, and has the pipe's end now."""
        os.close(self.end)
        self._figures = Path(f"/proc/{process}/task/{thread}/stat" if thread else f"/proc/{process}/stat")
        self._turn_at, self._used = time.monotonic(), _used(self._figures)

    def still(self, now: float) -> float:
        """Seconds since the last turn."""
        turned = False
        with suppress(BlockingIOError):
            while os.read(self._read, 4096):
                turned = True
        if turned:
            self.turned, self._turn_at, self._used = True, now, _used(self._figures)
        return now - self._turn_at

    def over(self, now: float) -> bool:
        """Whether it has made no turn for longer than anything may take."""
        still = self.still(now)
        busy = _used(self._figures) - self._used > IDLE_SHARE * still
        return still > (BUSY if busy else STILL)

    def close(self) -> None:
        os.close(self._read)


def _used(figures: Path) -> float:
    """Seconds of processor that its file in /proc says it has used; 0 where the system does not tell."""
    try:
        fields = figures.read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0
