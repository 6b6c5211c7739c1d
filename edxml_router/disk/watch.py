"""Notification of changes to files, instead of polling: Linux's inotify.

    watch = FolderWatch()
    watch.add(folder, COMES)       # a file comes into it; False where the kernel will not tell
    watch.add(file, TOUCHED)       # somebody has touched it
    watch.fileno()                 # readable when something has happened; -1 where nothing is told
    watch.clear()                  # before looking: what happens after the look is told again
    watch.told()                   # the same, and by the names in the folders what happened to each
    wait([watch.fileno(), …], 0.5)

Python has no inotify, so two functions of the C library are called. Where there is none (another system, or as many
instances as one account may have), nothing is told, and whoever waits has to look. It tells that something may have
happened; what it says of a name is a hint, and no path is trusted for it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

COMES: Final = 0x100 | 0x80  # IN_CREATE, IN_MOVED_TO
TOUCHED: Final = 0x4  # IN_ATTRIB
WRITTEN: Final = 0x100 | 0x80 | 0x8  # IN_CREATE, IN_MOVED_TO, IN_CLOSE_WRITE
GONE: Final = 0x40 | 0x200  # IN_MOVED_FROM, IN_DELETE
_WHOLE: Final = 0x80 | 0x8  # who wrote it has closed it, or it came by another name
_EVENT: Final = struct.Struct("iIII")
_NO_LINK: Final = 0x02000000  # IN_DONT_FOLLOW
_AT_ONCE: Final = 64 * 1024  # bytes of events
_READS: Final = 16  # as much as the kernel holds for one who does not look
_ABSENT: Final = (errno.ENOENT, errno.ENOTDIR)


def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None, use_errno=True)
        return library if library.inotify_init1 and library.inotify_add_watch else None
    except (OSError, AttributeError, TypeError):
        return None


_LIBC: Final = _library()


class FolderWatch:
    """The watches of one process. Each call is harmless when repeated."""

    def __init__(self) -> None:
        self._descriptor = -1 if _LIBC is None else int(_LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        return self._descriptor

    def add(self, path: Path, what: int) -> bool:
        """Tell of this from now on. What is not there is told of once it was added again; so is another that has its
        name by then."""
        if self._descriptor < 0 or _LIBC is None:
            return False
        if _LIBC.inotify_add_watch(self._descriptor, os.fsencode(path), what | _NO_LINK) >= 0:
            return True
        return ctypes.get_errno() in _ABSENT

    def clear(self) -> bool:
        """Forget what has happened so far; whether anything has."""
        happened = False
        if self._descriptor >= 0:
            with suppress(BlockingIOError):
                for _ in range(_READS):  # who writes faster than this is read has us look again, and no more
                    happened |= bool(os.read(self._descriptor, _AT_ONCE))
        return happened

    def told(self) -> Mapping[str, bool]:
        """As :meth:`clear`; by name, whether the last that is known of it is that nobody writes it any more."""
        told: dict[str, bool] = {}
        if self._descriptor >= 0:
            with suppress(BlockingIOError):
                for _ in range(_READS):
                    data, at = os.read(self._descriptor, _AT_ONCE), 0
                    while at + _EVENT.size <= len(data):
                        _, mask, _, length = _EVENT.unpack_from(data, at)
                        at += _EVENT.size
                        told[os.fsdecode(data[at : at + length].rstrip(b"\0"))] = bool(mask & _WHOLE)
                        at += length
        return told

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def wait(descriptors: Iterable[int], seconds: float) -> bool:
    """Until one of these is readable, or the time is over; whether one is. -1 is none."""
    polled = select.poll()
    for descriptor in descriptors:
        if descriptor >= 0:
            polled.register(descriptor, select.POLLIN)
    return bool(polled.poll(max(0.0, seconds) * 1000))
