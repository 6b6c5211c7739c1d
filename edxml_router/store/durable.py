"""Files that are there whole and for good, or not at all.

A file is written under another name, synced, renamed, and its folder synced: the order that outlasts a power
failure. After a failed sync nothing is tried again on the same file, because the kernel may have dropped the
pages; writing anew is what callers do.
"""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final

TEMPORARY: Final = ".part"  # suffix of files under way


def write(files: Iterable[tuple[Path, bytes]], like: os.stat_result | None = None, mode: int = 0o600) -> None:
    """Write these, replacing what is there; when it returns, all are durable. ``like``: mode and owner of the files;
    without it ``mode``, which is for the node's account alone whatever the umask says. Raises OSError."""
    folders = set()
    for path, data in files:
        make_folder(path.parent)
        under_way = path.with_name(f"{uuid.uuid4().hex}{TEMPORARY}")
        try:
            with open(under_way, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                if like is not None:
                    os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
                    if os.geteuid() == 0:
                        os.fchown(file.fileno(), like.st_uid, like.st_gid)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            under_way.replace(path)
        except OSError:
            under_way.unlink(missing_ok=True)
            raise
        folders.add(path.parent)
    for folder in folders:
        synchronise(folder)


def link(path: Path, existing: Path) -> None:
    """Give the file ``existing`` the further name ``path``, replacing what is there; durable. Raises OSError."""
    synchronise(existing)
    make_folder(path.parent)
    under_way = path.with_name(f"{uuid.uuid4().hex}{TEMPORARY}")
    under_way.hardlink_to(existing)
    try:
        under_way.replace(path)
        under_way.unlink(missing_ok=True)  # rename leaves it there where both are the same file already
    except OSError:
        under_way.unlink(missing_ok=True)
        raise
    synchronise(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they outlast a power failure too."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        synchronise(each.parent)


def synchronise(path: Path) -> None:
    """Sync a file that is written, or a folder whose names have changed."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
