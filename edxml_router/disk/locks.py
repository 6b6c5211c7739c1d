"""Advisory locks between processes, by ``flock``: the kernel releases them with their holder, however that ends.

    with locked(path) as descriptor: …          # a file for the purpose, made if need be
    with folder_locked(folder) as descriptor: … # for files that are replaced: a lock on one would go with it
    take(descriptor)                            # until that is closed; BlockingIOError when somebody holds it
    is_held(descriptor)

A lock file is never removed: it could then be locked twice under the same name. Everything here raises OSError.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_lock(path: Path) -> int:
    """The descriptor of a file to lock, for this account alone; a link in its place is not followed."""
    return os.open(path, _FILE, 0o600)


def take(descriptor: int, *, shared: bool = False, wait: bool = False) -> None:
    """Lock what is open, until its descriptor is closed. Raises BlockingIOError unless told to wait for the holder.
    ``shared``: others may share it, and keep out who wants it alone."""
    fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))


def is_held(descriptor: int) -> bool:
    """Whether another holds it alone. To look shares the lock until the descriptor is closed; two who look at once do
    not see each other."""
    try:
        take(descriptor, shared=True)
    except BlockingIOError:
        return True
    return False


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock of a file while the block runs; waits for it."""
    with _held(open_lock(path), shared=shared) as descriptor:
        yield descriptor


@contextmanager
def folder_locked(folder: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold the lock of a folder while the block runs."""
    with _held(os.open(folder, _FOLDER), wait=wait) as descriptor:
        yield descriptor


@contextmanager
def _held(descriptor: int, *, shared: bool = False, wait: bool = True) -> Iterator[int]:
    try:
        take(descriptor, shared=shared, wait=wait)
        yield descriptor
    finally:
        os.close(descriptor)
