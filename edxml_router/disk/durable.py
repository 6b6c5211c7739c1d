"""Durable files: whole and for good, or not there at all.

    write([(path, data)])                    # in the place of what was there
    create(path, data)                       # only where nothing was
    with new_file(name, within=folder) as file: …    # content in pieces; the name is for the caller to sync

A file is written under another name, synced, renamed, and its folder synced: the order that outlasts a power failure.
It is synced by the descriptor that wrote it, before that is closed: the kernel tells an error of the write-back to the
descriptors that were open then, and one that is opened later may never hear of it. After a failed sync the same file is
never tried again, because the kernel may have dropped its pages; callers write it anew. Everything here raises OSError.
"""

from __future__ import annotations

import os
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from edxml_router.observe import measures

TEMPORARY: Final = ".part"  # suffix of files under way
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def new_file(path: Path | str, mode: int = 0o600, within: int | None = None) -> Iterator[BinaryIO]:
    """A file that is not there yet, to write into. When the block ends its content is on disk; its name is once its
    folder is synced. When anything fails, nothing is left of it. ``within``: the folder's descriptor, for a bare
    name."""
    descriptor = os.open(path, _NEW, mode, dir_fd=within)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            flush(file)
    except BaseException:  # also a signal: the file is half written, and is told on
        with suppress(OSError):
            os.unlink(path, dir_fd=within)
        raise


def write(files: Iterable[tuple[Path, bytes]], like: os.stat_result | None = None, mode: int = 0o600) -> None:
    """Write these, replacing what is there; when it returns, all are durable. ``like``: mode and owner of the files;
    without it ``mode``, which is for the node's account alone whatever the umask says."""
    folders = set()
    for path, data in files:
        make_folder(path.parent)
        under_way = temporary(path.parent)
        with new_file(under_way, mode) as file:
            if like is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), like.st_uid, like.st_gid)
            file.write(data)
        _replace(under_way, path)
        folders.add(path.parent)
    for folder in folders:
        synchronise(folder)


def create(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that is not there yet; durable. Raises FileExistsError."""
    with new_file(path, mode) as file:
        file.write(data)
    synchronise(path.parent)


def link(path: Path, existing: Path) -> None:
    """Give ``existing``, a file whose content :func:`new_file` has synced, the further name ``path``, replacing what is
    there; durable."""
    make_folder(path.parent)
    under_way = temporary(path.parent)
    under_way.hardlink_to(existing)
    _replace(under_way, path)
    synchronise(path.parent)


def temporary(folder: Path) -> Path:
    """A name for a file under way; what a crash leaves under it is for whoever sweeps the folder."""
    return folder / f"{uuid.uuid4().hex}{TEMPORARY}"


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they outlast a power failure too."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        synchronise(each.parent)


def synchronise(folder: Path | int) -> None:
    """Sync a folder whose names have changed, by its path or its descriptor; or a file that another program wrote."""
    if isinstance(folder, int):
        os.fsync(folder)
        return
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush(file: BinaryIO) -> None:
    """Bring what was written to a file onto the disk. By the descriptor that wrote it: another one may not be told of
    an error of the write-back."""
    file.flush()
    began = time.perf_counter()
    os.fsync(file.fileno())
    measures.synced(time.perf_counter() - began)


def _replace(under_way: Path, path: Path) -> None:
    try:
        under_way.replace(path)
    finally:
        under_way.unlink(missing_ok=True)  # rename leaves it there where both are the same file already
