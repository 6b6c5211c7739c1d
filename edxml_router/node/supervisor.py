"""``edxml-router serve``: starts the workers, keeps them running, passes signals on.

A worker that ends unasked is started again, after a pause that doubles up to a minute while it keeps failing.
SIGTERM and SIGINT drain: every worker finishes its batch; who has not ended within DRAIN seconds is killed, which
loses nothing. SIGHUP makes the workers reload. Revocation lists are fetched and responders asked here
(:mod:`edxml_router.node.renewal`), for all workers. Workers notice by themselves when the supervisor was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from edxml_router.config import Settings
from edxml_router.core.problems import EXIT_CONFIG
from edxml_router.node.renewal import Renewal
from edxml_router.observe import events
from edxml_router.observe.logs import configure

DRAIN = 30.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds between restarts of a failing worker
HEALTHY = 30.0  # seconds after which a worker's earlier failures are forgotten
LOOK = 0.2  # seconds between looks at the workers


class Supervisor:
    """The workers by number, and when each may be started again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._count = settings.node.workers or os.cpu_count() or 1
        self._workers: dict[int, subprocess.Popen[bytes]] = {}
        self._started: dict[int, float] = {}
        self._pause = dict.fromkeys(range(self._count), FIRST_PAUSE)
        self._start_at = dict.fromkeys(range(self._count), 0.0)
        self._ending = False
        self._waking = False
        self._renewal = Renewal(settings)

    def run(self) -> int:
        configure(self._settings.log.format, self._settings.log.level, node=self._settings.node.name)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._reload)
        events.node_started(self._count)
        status = 0
        with self._renewal:
            while not self._ending and not status:
                status = self._look()
                if self._waking:  # not in the signal's handler, which may have interrupted a holder of the lock
                    self._waking = False
                    self._renewal.wake()
                time.sleep(LOOK)
            self._drain()
        events.node_ended()
        return status

    def _look(self) -> int:
        """Start what is not running; the exit status to end with when starting again is useless."""
        now = time.monotonic()
        for number in range(self._count):
            worker = self._workers.get(number)
            if worker is not None and worker.poll() is None:
                if now - self._started[number] > HEALTHY:
                    self._pause[number] = FIRST_PAUSE
                continue
            if worker is not None:
                if worker.returncode == EXIT_CONFIG:
                    return EXIT_CONFIG
                del self._workers[number]
                self._start_at[number] = now + self._pause[number]
                events.worker_lost(worker.pid, worker.returncode, self._pause[number])
                self._pause[number] = min(2 * self._pause[number], LONGEST_PAUSE)
            if now >= self._start_at[number]:
                self._workers[number] = start_worker(self._settings.path)
                self._started[number] = now
        return 0

    def _drain(self) -> None:
        for worker in self._workers.values():
            worker.terminate()
        until = time.monotonic() + DRAIN
        for worker in self._workers.values():
            try:
                worker.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self._waking = True
        for worker in self._workers.values():
            worker.send_signal(signal.SIGHUP)


def start_worker(path: Path) -> subprocess.Popen[bytes]:
    # S603: the command is this interpreter and our own module; the only argument of others is the operator's own file.
    command = [sys.executable, "-m", "edxml_router.node.worker", str(path), str(os.getpid())]
    return subprocess.Popen(command)  # noqa: S603


def serve(settings: Settings) -> int:
    """Run the node until it is told to end. Exit status 0, or 78 when a worker finds the configuration wrong."""
    return Supervisor(settings).run()
