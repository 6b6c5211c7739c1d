"""Operations on the folders of mailboxes, for both ends of a hub: enter, list, sync, share, and name what went wrong.

    with Mailbox(root, "edx.up.xa") as box:
        names(box.folder("new"))

Anybody else who may write into a hub could replace a folder by a link, and the node would empty whatever it leads to,
such as its own bodies. So below the root, which is the operator's, no folder is opened by path: each is entered from
its parent, as a folder and never through a link, and used by its descriptor. Descriptors live for one step: a kept one
would still reach a hub that was removed or replaced.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

from edxml_router.core.problems import Finding, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk.folders import PASS, Diverted, enter

PARTS: Final = ("tmp", "new", "claimed", "damaged")

_MACHINE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)


class Mailbox:
    """The folders of one mailbox, open for one step. Opening one raises OSError, Diverted."""

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name
        self._opened: dict[tuple[str, ...], int] = {}

    def __enter__(self) -> Mailbox:
        hub = os.open(self._root, PASS)
        try:
            self._opened[()] = enter(hub, self._name, str(self._root / self._name), PASS)
        finally:
            os.close(hub)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._opened.clear()

    def folder(self, *parts: str) -> int:
        """A folder of it, by descriptor; of the mailbox itself without ``parts``."""
        if parts not in self._opened:
            place = str(self._root.joinpath(self._name, *parts))
            self._opened[parts] = enter(self.folder(*parts[:-1]), parts[-1], place)
        return self._opened[parts]

    def look(self) -> None:
        """Raise what prevents the use of a part of it, except permissions."""
        for part in PARTS:
            os.close(enter(self.folder(), part, str(self._root / self._name / part), PASS))


def mailbox_problem(root: Path, mailbox: str) -> Finding | None:
    """The finding if the folders of a mailbox are unusable."""
    try:
        with Mailbox(root, mailbox) as box:
            box.look()
    except OSError as error:
        return folder_finding(error, root, mailbox)
    return None


def diverted(root: Path, mailboxes: Iterable[str]) -> dict[str, Finding]:
    """Those of these mailboxes that have a link in the place of a folder."""
    found = {mailbox: mailbox_problem(root, mailbox) for mailbox in mailboxes}
    return {mailbox: one for mailbox, one in found.items() if one and one.code == "EDX714"}


def lock_file(claims: int) -> int:
    """The descriptor of the lock in a consumer's claims. Raises OSError, FileNotFoundError.

    What has a second name is not opened: it may be a file of ours, whose own locks would go when it is closed.
    """
    status = os.stat(".lock", dir_fd=claims, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise OSError(errno.EINVAL, "not a lock")
    return os.open(".lock", os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=claims)


def folder_finding(error: OSError, root: Path, mailbox: str = "") -> Finding:
    """The finding for a publisher behind an error of the file system."""
    if isinstance(error, Diverted):
        return Finding("EDX714", str(error.filename), in_words(error))
    detail = in_words(OSError(error.errno or errno.EIO, os.strerror(error.errno or errno.EIO)))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code = "EDX710"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code = "EDX702"
    elif error.errno in _MACHINE:
        code = "EDX622"
    else:
        code = "EDX703" if error.errno == errno.ENOENT and root.is_dir() else "EDX701"
    return Finding(code, str(root / mailbox), detail)


def folder_setback(error: OSError, root: Path) -> Setback:
    """The same for the hub as a whole."""
    found = folder_finding(error, root)
    return Setback("EDX701" if found.code == "EDX703" else found.code, where=found.where, detail=found.detail)
