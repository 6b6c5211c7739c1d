"""Folders that others may write into: entered by descriptor, listed within bounds, shared with a group.

    inner = enter(folder, "new")        # never through a link; raises Diverted
    names(inner)                        # not of more than MOST_NAMES
    share(inner, os.fstat(folder))      # for the group that the folder above is for

Whoever may write there may replace any folder by a link, and the node would empty the link's target. So only the first
folder, the operator's, is opened by path: each other is entered from the one above it, and everything in it is done
through its descriptor. Everything here raises OSError.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Final

from edxml_router.core.detail import Detail

MOST_NAMES: Final = 100_000  # of one listing; whoever may write into a folder may fill it without end

_LIST: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# To go on from, which needs no leave to list; Linux alone has it.
PASS: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC

_NO_FILE: Final = Detail("not a file")
_TWO_NAMES: Final = Detail("a file with a second name")


class Diverted(OSError):  # noqa: N818  # what somebody did, not a mistake
    """In the place of a folder there is a link, or something else."""


def enter(folder: int, name: str, place: str = "", flags: int = _LIST) -> int:
    """The descriptor of a folder in ``folder``; ``place`` is its path, to be told."""
    try:
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise Diverted(error.errno, _instead(folder, name), place or name) from error
        raise


def _instead(folder: int, name: str) -> str:
    with suppress(OSError):  # it may be gone by now
        kind = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        return Detail("it is a link") if stat.S_ISLNK(kind) else Detail("it is a file")
    return Detail("it is no folder")


def names(folder: int) -> list[str]:
    """Of what is in it, in no order, and not of more than MOST_NAMES. Raises OSError."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(entry.name)
            if len(found) == MOST_NAMES:
                break
    return found


def remove_name(folder: int, name: str) -> None:
    """If it is there and can be removed."""
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def share(descriptor: int, given: os.stat_result) -> None:
    """A new folder for the account and for the group that ``given``, a folder of the hub, is for, whatever the umask;
    never for all. What is made in it stays with that group."""
    try:
        os.fchown(descriptor, -1, given.st_gid)
    except PermissionError:  # not a group of this account
        os.fchmod(descriptor, 0o700)
    else:
        os.fchmod(descriptor, 0o700 | given.st_mode & 0o070 | (stat.S_ISGID if given.st_mode & 0o070 else 0))


def share_file(descriptor: int, folder: os.stat_result) -> None:
    """Who may enter the folder may read the file, and nobody else, whatever the umask says: the account, and a
    group where the operator gave that folder to one. Raises PermissionError when the folder's owner could not."""
    try:
        os.fchown(descriptor, -1, folder.st_gid)
    except PermissionError:
        if folder.st_uid != os.geteuid():
            raise
        os.fchmod(descriptor, 0o600)
    else:
        os.fchmod(descriptor, 0o600 | folder.st_mode & 0o060)


def open_plain(folder: int, name: str) -> int:
    """The descriptor of a plain file with one name, to read from, whatever somebody may put in its place.

    What it is, is asked before it is opened: with the closing of a file, every lock that this process has on it goes,
    and a second name may be that of our database. It is asked again of what was opened, because the name may stand for
    something else a moment later. Nothing is waited for or followed.
    """
    require_plain(os.stat(name, dir_fd=folder, follow_symlinks=False))
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, or a socket
            raise OSError(error.errno, _NO_FILE) from error
        raise
    try:
        require_plain(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def require_plain(status: os.stat_result) -> None:
    """Raise OSError for what is no plain file, or has a second name."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, _NO_FILE)
    if status.st_nlink > 1:
        raise OSError(errno.EMLINK, _TWO_NAMES)
