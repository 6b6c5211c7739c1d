"""A part of a node while it runs, as its supervisor sees it: a child process (``subprocess.Popen``) or a thread.

    part = PartThread("worker", lambda orders: run(path, pins, orders))
    part.poll(); part.returncode            # None while it runs; 0, or an exit status as a process would have it
    part.send_signal(SIGHUP); part.terminate(); part.wait(seconds)
    part.kill()

A thread cannot be killed alone: ``kill`` does what the supervisor gave for it, which ends the process or begins it anew
(:mod:`edxml_router.node.parts.launching`).
"""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from typing import Protocol

from edxml_router.core.problems import EXIT_SOFTWARE
from edxml_router.observe import events
from edxml_router.observe.orders import Orders


class NodePart(Protocol):
    """What the supervisor needs of a worker, a gateway, and so on."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def send_signal(self, sig: int, /) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class PartThread:
    """A part in a thread of this process, running from its construction on."""

    def __init__(self, name: str, work: Callable[[Orders], int], kill: Callable[[], None]) -> None:
        """``work`` returns the part's exit status and does not raise."""
        self.pid = os.getpid()
        self.returncode: int | None = None
        self.kill = kill
        self._work = work
        self._orders = Orders()
        # A daemon: one that waits for something silent must not hold up the end of the node.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def native_id(self) -> int:
        """The system's number of the thread."""
        return self._thread.native_id or 0

    def poll(self) -> int | None:
        if self.returncode is None and not self._thread.is_alive():
            self.returncode = self._status
            self._orders.close()  # here, where nobody else tells it anything
        return self.returncode

    def send_signal(self, _number: int, /) -> None:
        """SIGHUP, which is the only one that is sent."""
        if self.poll() is None:
            self._orders.reload()

    def terminate(self) -> None:
        if self.poll() is None:
            self._orders.end()

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired, as a process does."""
        self._thread.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired(self._thread.name, timeout or 0.0)
        return status

    def _run(self) -> None:
        self._status = EXIT_SOFTWARE
        try:
            self._status = self._work(self._orders)
        except Exception as error:  # noqa: BLE001  # as a process would end; the supervisor starts it anew
            events.defect(self._thread.name, error)
