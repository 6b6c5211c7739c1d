"""How the parts of a node are started: as processes, or all in the supervisor's.

    parts = Processes(path, pins)               # for each worker a process, and for each part beside them
    parts = Threads(path, pins, kill)           # workers = "inline"
    worker = parts.worker(watch); side = parts.beside("edxml_router.gateway")

Threads are for a node that mostly waits, such as a commune's: what is loaded is loaded once, and takes half of the
memory. Each part has what it has as a process (its database connections, its transports, its rules) and shares nothing
but the interpreter. What that costs: whatever ends one part by force ends all of them, and the processor's time is that
of one core. So envelopes are judged in processes of their own (:mod:`edxml_router.wiring.judging`).
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from edxml_router.node.parts.part import NodePart, PartThread
from edxml_router.node.watch import WorkerWatch
from edxml_router.observe.logs import finish_log
from edxml_router.observe.orders import Orders

# For workers: bodies of megabytes are given back to the system when they are done with. By itself glibc learns from the
# first one to keep such, in pieces all over its arenas (docs/decisions.md).
_MEMORY_BYTES: Final = 1024 * 1024
MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(_MEMORY_BYTES)}
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # mallopt(3)
_ARENAS: Final = 2


class NodeParts(Protocol):
    """What the supervisor starts its parts by."""

    def worker(self, watch: WorkerWatch) -> NodePart:
        """A worker that tells ``watch`` of its turns."""

    def beside(self, module: str) -> NodePart:
        """The part that is the package ``module``."""


class Processes:
    """Each part in a process of its own."""

    def __init__(self, path: Path, pins: Mapping[str, str]) -> None:
        self._path, self._pins = path, pins

    def worker(self, watch: WorkerWatch) -> NodePart:
        worker = start_worker(self._path, self._pins, watch.end)
        watch.began(worker.pid)
        return worker

    def beside(self, module: str) -> NodePart:
        # S603: the command is this interpreter and our own module; the only argument of others is the operator's file.
        command = [sys.executable, "-m", module, str(self._path), str(os.getpid()), json.dumps(self._pins)]
        return subprocess.Popen(command)  # noqa: S603


class Threads:
    """Each part in a thread of this process; ``kill`` ends or renews the process."""

    def __init__(self, path: Path, pins: Mapping[str, str], kill: Callable[[], None]) -> None:
        self._path, self._pins, self._kill = path, pins, kill
        _give_memory_back()

    def worker(self, watch: WorkerWatch) -> NodePart:
        from edxml_router.node import worker  # noqa: PLC0415  # as heavy as a worker; other supervisors do without

        turns = os.dup(watch.end)

        def work(orders: Orders) -> int:
            try:
                return worker.run(self._path, self._pins, orders, turns)
            finally:
                os.close(turns)

        part = PartThread("worker", work, self._kill)
        watch.began(part.pid, part.native_id)
        return part

    def beside(self, module: str) -> NodePart:
        def work(orders: Orders) -> int:
            # By name, as a process is started: faces stand above the node.
            run: Callable[[Path, Mapping[str, str], Orders], int]
            run = importlib.import_module(f"{module}.__main__").run
            return run(self._path, self._pins, orders)

        return PartThread(module.rpartition(".")[2], work, self._kill)


def begin_anew() -> None:
    """Put a new run of this program in the place of this process, which keeps its number: a service manager notices
    nothing. All threads end, as by SIGKILL; what was not committed comes again."""
    finish_log()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # the command that it was started by


def end_at_once(status: int) -> None:
    """End this process though a thread does not."""
    finish_log()
    os._exit(status)


def start_worker(path: Path, pins: Mapping[str, str], turns: int) -> subprocess.Popen[bytes]:
    """A worker for the settings in ``path`` that tells of its turns on the descriptor ``turns``."""
    # S603: the command is this interpreter and our own module; the only argument of others is the operator's own file.
    arguments = [str(path), str(os.getpid()), json.dumps(pins), str(turns)]
    command = [sys.executable, "-m", "edxml_router.node.worker", *arguments]
    return subprocess.Popen(command, pass_fds=[turns], env=MEMORY | os.environ)  # noqa: S603


def _give_memory_back() -> None:
    """The same as :data:`MEMORY` for a process that runs already, and fewer arenas than eight for each core."""
    with suppress(OSError, AttributeError):  # a C library without mallopt gives back by itself
        library = ctypes.CDLL(None)
        if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
            library.mallopt(_M_MMAP_THRESHOLD, _MEMORY_BYTES)
        if "MALLOC_ARENA_MAX" not in os.environ:
            library.mallopt(_M_ARENA_MAX, _ARENAS)
