"""The bells of a node. Commands and the gateway ring one after a commit, and the workers look at once; everybody rings
the other, and readers who wait at the gateway look.

    FileBell(settings.node.data / FILE).ring()     # a command
    bell = FileBell(path, listening=True)          # a worker: waits for bell.fileno(), and then
    bell.clear()                                   # looks into the ledger

A bell is a file that is touched. Ringing never blocks and never fails; where nobody listens, workers find the work at
their next look. The other machines of a database are told through it (:mod:`edxml_router.store.database.far_bell`), and
ring the file there. Rejected: a socket for each worker, which somebody would have to remove after a crash.
"""

from __future__ import annotations

import hashlib
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.disk.watch import TOUCHED, FolderWatch

FILE: Final = "bell"  # of the workers, in node.data
READERS: Final = "bell.readers"  # of the readers who wait at the gateway
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")  # of containers, which often have the same names and paths
_MADE: Final = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def place_of(folder: Path) -> str:
    """What tells a data folder from those of other machines. Two that were taken for one would not hear each other's
    bells, and a moment later look by themselves."""
    parts = [socket.gethostname(), str(folder)]
    with suppress(OSError):
        status = folder.stat()
        parts.append(f"{status.st_dev} {status.st_ino}")
    with suppress(OSError):
        parts.append(_BOOT.read_text("ascii"))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:32]


class FileBell:
    """See :class:`edxml_router.ports.bell.Bell`."""

    def __init__(self, path: Path, *, listening: bool = False) -> None:
        self._path = path
        self._watch: FolderWatch | None = None
        if listening:
            self._watch = FolderWatch()
            self.clear()

    def ring(self) -> None:
        with suppress(OSError):  # no worker has ever been here, or the disk is read-only: they look by themselves
            os.utime(self._path)

    def fileno(self) -> int:
        """Readable once somebody has rung; -1 where nobody tells."""
        return self._watch.fileno() if self._watch is not None else -1

    def clear(self) -> bool:
        """Whether somebody has rung since the last time. The file may have been removed meanwhile: it is made again."""
        if self._watch is None:
            return False
        rung = self._watch.clear()
        with suppress(OSError):
            os.close(os.open(self._path, _MADE, 0o600))  # not touched: that would ring
        self._watch.add(self._path, TOUCHED)
        return rung

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
