"""Notes of the work in hand, for whoever comes after a process that dies in the middle of it.

    notes = Notes(folder)
    notes.write(b"…"); …; notes.clear()     # at each piece of work
    notes.left()                            # what processes that are gone had in hand; each is told once

Each process has a file of its own, which it holds locked: an unlocked one has lost its process. The files are not
synced: they tell of dead processes, not of lost power. Everything here raises OSError.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.disk import locks

_NOTE: Final = ".note"
_MOST: Final = 64 * 1024  # bytes of a note that are read


class Notes:
    """The note of this process in a folder, and those that others have left there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{secrets.token_hex(8)}{_NOTE}"
        self._note = locks.open_lock(self._path)
        locks.take(self._note)

    def write(self, data: bytes) -> None:
        os.pwrite(self._note, data, 0)

    def clear(self) -> None:
        os.ftruncate(self._note, 0)

    def close(self) -> None:
        """The work in hand is done."""
        self._path.unlink(missing_ok=True)
        os.close(self._note)

    def left(self) -> list[bytes]:
        with os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries]
        found = []
        for name in names:
            if name.endswith(_NOTE) and name != self._path.name:
                with suppress(OSError):  # BlockingIOError: its owner lives
                    found.append(_bury(self.folder / name))
        return [each for each in found if each]


def _bury(path: Path) -> bytes:
    """Take over the note of a process that is gone."""
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        locks.take(handle)
        left = os.pread(handle, _MOST, 0)
        if not path.exists():  # another was quicker
            return b""
        path.unlink()
        return left
    finally:
        os.close(handle)
