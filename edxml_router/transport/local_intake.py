"""One mailbox of a hub on this disk, as its consumer sees it: what waits, what is claimed, the lock that says we live.

    intake = Intake(root / mailbox, mailbox)
    intake.take(arrivals, limit)

The kernel drops a lock when its process dies, however it dies: who gets the lock of another's claims knows that their
owner is gone, and moves them back. A process id in the name would not do: ids are used again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.core.problems import Finding
from edxml_router.ports import Arrival, Message
from edxml_router.transport import message_file, topology
from edxml_router.transport.local_folders import finding, names, sync_directory

_LONGEST_DELAY: Final = 24 * 3600 * 10**9  # nanoseconds
_RESCUE_SECONDS: Final = 1.0  # how often the claims of dead consumers are looked for
_AGAIN: Final = ".again"  # end of the name of a message that was taken before
_PASSING: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR)  # not the fault of the file
_LATER: Final = ".later"  # … and that is hidden until the time its name begins with
_MOUTHFUL: Final = 32 * 1024 * 1024  # bytes after which no more is taken at once
_DENIED: Final = (errno.EACCES, errno.EPERM)  # a fault of the modes, not of the file
_DENIED_SECONDS: Final = 5.0  # until a file that could not be read is tried again


class Intake:
    """One mailbox, consumed: what is waiting, what is claimed, and the lock that says we live."""

    def __init__(self, folder: Path, mailbox: str) -> None:
        self.folder = folder
        self.mailbox = mailbox
        self._lock = -1
        self._claims = folder / "claimed"  # and a name, once we live
        self._listed: deque[str] = deque()  # names of the last listing that were not tried yet
        self._rescued_at = -_RESCUE_SECONDS
        self._denied_until = 0.0  # monotonic; before it, the problem of a file that waits hidden stands
        self.emptied = False
        self.problem: Finding | None = None  # why nothing can be taken, though the mailbox is there

    def take(self, into: list[Arrival], limit: int) -> None:
        """Claim and read up to ``limit``. Nothing when the mailbox is away, or not ours: ``problem`` says so."""
        try:
            self._claim(into, limit)
        except OSError as error:
            told = finding(error, self.folder.parent, self.mailbox)
            self.problem = None if told.code == "EDX703" else told  # one that is not declared yet is no trouble
        else:
            if time.monotonic() >= self._denied_until:
                self.problem = None

    def _claim(self, into: list[Arrival], limit: int) -> None:
        self._live()
        self._rescue()
        if not self._listed:
            waiting = names(self.folder / "new")
            self._listed.extend(_due(waiting))
            self.emptied = self.emptied or not waiting
        held = sum(len(arrival.message.body) for arrival in into)
        while self._listed and len(into) < limit and held < _MOUTHFUL:
            name = self._listed.popleft()
            claimed = self._claims / name
            try:
                (self.folder / "new" / name).rename(claimed)
            except FileNotFoundError:  # another consumer was quicker
                continue
            arrival = self._read(claimed)
            if arrival is None:
                continue
            into.append(arrival)
            held += len(arrival.message.body)

    def release(self) -> None:
        """Give back what is claimed, and the lock."""
        if self._lock >= 0:
            with suppress(OSError):
                _return_claims(self._claims, self.folder / "new")
            os.close(self._lock)
            self._lock = -1

    def _read(self, claimed: Path) -> Arrival | None:
        """The message; None for one that was withdrawn meanwhile."""
        again = claimed.name.endswith((_AGAIN, _LATER))
        try:
            data = message_file.read(claimed)
        except OSError as error:
            if error.errno in _PASSING:
                claimed.rename(self.folder / "new" / claimed.name)
                raise
            if error.errno in _DENIED:  # set aside it would be lost, though nothing is wrong with it
                claimed.rename(self.folder / "new" / hidden(claimed.name, _DENIED_SECONDS))
                self._denied_until = time.monotonic() + 2 * _DENIED_SECONDS
                raise
            damaged = self.folder / "damaged" / claimed.name
            claimed.rename(damaged)
            note = {"error": error.strerror or os.strerror(errno.EIO)}
            message = Message(topology.DAMAGED, claimed.name, b"", headers=note)
            return Arrival(message, self.mailbox, "", claimed, again)
        if message_file.is_over(data, time.time()):
            claimed.unlink()
            return None
        try:
            message, peer = message_file.decode(data)
        except (ValueError, TypeError, KeyError, RecursionError):
            message, peer = Message(topology.DAMAGED, claimed.name, data), ""
        return Arrival(message, self.mailbox, peer, claimed, again)

    def _live(self) -> None:
        """See that our claims directory is there and locked.

        It is made aside, locked, then moved to its place, so that nobody ever sees it unlocked while we live.
        When it is gone we begin again under another name: were the mailbox only away for a while, then what we had
        claimed there is rescued like anybody's.
        """
        if self._lock >= 0:
            if self._claims.exists():
                return
            os.close(self._lock)
            self._lock = -1
        self._listed.clear()
        self._claims = self.folder / "claimed" / secrets.token_hex(8)
        aside = self.folder / "tmp" / f"{self._claims.name}.claims"
        aside.mkdir()
        lock = os.open(aside / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o660)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside.rename(self._claims)
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def _rescue(self) -> None:
        """Move the claims of dead consumers back."""
        now = time.monotonic()
        if now - self._rescued_at < _RESCUE_SECONDS:
            return
        self._rescued_at = now
        for claims in (self.folder / "claimed").iterdir():
            if claims == self._claims or claims.is_symlink():  # what a link leads to is not ours to empty
                continue
            with suppress(OSError):  # BlockingIOError: it lives
                self._rescue_one(claims)

    def _rescue_one(self, claims: Path) -> None:
        try:
            lock = os.open(claims / ".lock", os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:  # a rescuer got as far as removing the lock
            claims.rmdir()
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _return_claims(claims, self.folder / "new")
        finally:
            os.close(lock)


def hidden(name: str, delay: float) -> str:
    """The name of a message that was given back and waits hidden for ``delay`` seconds."""
    return f"{time.time_ns() + int(delay * 1e9):020d}.{_unique(name)}{_LATER}"


def _bare(name: str) -> str:
    return name.removesuffix(_AGAIN).removesuffix(_LATER)


def _unique(name: str) -> str:
    return _bare(name).partition(".")[2]


def _return_claims(claims: Path, new: Path) -> None:
    """Everything back into ``new``, then the lock and the directory away.

    The caller holds the lock. A crash in between leaves a directory that the next rescuer finishes; so does what
    cannot be moved now, and it holds up nothing else.
    """
    for name in names(claims):
        if name != ".lock":
            with suppress(OSError):
                (claims / name).rename(new / (name if message_file.is_odd(name) else f"{_bare(name)}{_AGAIN}"))
    sync_directory(new)
    if set(names(claims)) <= {".lock"}:
        (claims / ".lock").unlink(missing_ok=True)
        claims.rmdir()


def _due(waiting: list[str]) -> list[str]:
    """In order of time, without those that are hidden for now.

    Only messages that were given back are compared with the clock, and none is hidden for more than a day: a
    clock that was set back must not hide mail.
    """
    now = time.time_ns()
    first, last = f"{now:020d}", f"{now + _LONGEST_DELAY:020d}"
    return sorted(name for name in waiting if not (name.endswith(_LATER) and first < name < last))
