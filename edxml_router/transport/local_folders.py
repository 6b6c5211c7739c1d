"""What both ends of a hub do with the folders of its mailboxes: list, sync, remove, and say what went wrong."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from edxml_router.core.problems import Finding, Setback


def names(folder: Path) -> list[str]:
    """Of everything in it, in no order. Raises OSError."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def remove(file: Path) -> None:
    """If it is there and can be removed."""
    with suppress(OSError):
        file.unlink(missing_ok=True)


def finding(error: OSError, root: Path, mailbox: str = "") -> Finding:
    """What an error of the file system means to who publishes."""
    detail = os.strerror(error.errno or errno.EIO)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code = "EDX710"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code = "EDX702"
    else:
        code = "EDX703" if error.errno == errno.ENOENT and root.is_dir() else "EDX701"
    return Finding(code, str(root / mailbox), detail)


def setback(error: OSError, root: Path) -> Setback:
    """The same, of the hub as a whole."""
    found = finding(error, root)
    return Setback("EDX701" if found.code == "EDX703" else found.code, where=found.where, detail=found.detail)


def sync_directory(folder: Path) -> None:
    """A name is on disk when its directory is. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
