"""One mailbox of a folder hub, as its consumer sees it: what waits, what is claimed, and the lock that proves we live.

    intake = LocalIntake(root, mailbox)
    intake.take(arrivals, limit)

The kernel drops a lock when its process dies in any way: whoever gets the lock of another's claims knows that their
owner is gone, and moves them back. A process id in the name would not suffice, since ids are reused.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.disk import durable, locks
from edxml_router.disk.folders import enter, names, remove_name, share, share_file
from edxml_router.ports.transport import Arrival, Message
from edxml_router.transport import topology
from edxml_router.transport.local import message_file
from edxml_router.transport.local.folders import Mailbox, folder_finding, lock_file
from edxml_router.transport.turns import weight

_LONGEST_DELAY: Final = 24 * 3600 * 10**9  # nanoseconds
_RESCUE_SECONDS: Final = 1.0  # how often the claims of dead consumers are looked for
_SHORT_SECONDS: Final = 0.005  # of a processor: a look that costs less may be repeated at once
_REST: Final = 9  # times as long as a look took that found nothing
_AGAIN: Final = ".again"  # end of the name of a message that was taken before
_PASSING: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR)  # not the fault of the file
_LATER: Final = ".later"  # … and that is hidden until the time its name begins with
_DENIED: Final = (errno.EACCES, errno.EPERM)  # a fault of the modes, not of the file
_DENIED_SECONDS: Final = 5.0  # until a file that could not be read is tried again
_KEPT_NAME: Final = 200  # bytes of a name in ``damaged`` that is there already, before what tells them apart
_NEW_LOCK: Final = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC


class TakenMessage(NamedTuple):
    """What one consumer has taken: the token of its arrival. The mailbox's folders are found anew each time."""

    mailbox: str
    claims: str
    name: str  # empty for what is in ``damaged`` already


class LocalIntake:
    """A consumed mailbox: what is waiting, what is claimed, and the lock that proves we live."""

    def __init__(self, root: Path, mailbox: str) -> None:
        self._root = root
        self.mailbox = mailbox
        self._lock = -1
        self._claims = ""  # the name of our folder in ``claimed``, once we live
        self._listed: deque[str] = deque()  # names of the last listing that were not tried yet
        self._list_at = self._rescue_at = 0.0  # monotonic: when it is of use to look again
        self._denied_until = 0.0  # monotonic; before it, the problem of what waits hidden stands
        self._unmoved: dict[str, float] = {}  # folders of another account, by name, and when (monotonic) to try again
        self.emptied = False
        self.problem: Finding | None = None  # why nothing can be taken although the mailbox exists

    def take(self, into: list[Arrival], limit: int, most: int) -> None:
        """Claim and read up to ``limit``, or to ``most`` bytes with the last one. Nothing when the mailbox is away, or
        not ours: ``problem`` says so."""
        try:
            with Mailbox(self._root, self.mailbox) as box:
                self._claim(box, into, limit, most)
        except OSError as error:
            if isinstance(error, FileNotFoundError):  # when it is back, our claims are rescued like any others
                self._let_go()
            told = folder_finding(error, self._root, self.mailbox)
            self.problem = None if told.code == "EDX703" else told  # one that is not declared yet is not a problem
        else:
            if time.monotonic() >= self._denied_until:
                self.problem = None

    def _claim(self, box: Mailbox, into: list[Arrival], limit: int, most: int) -> None:
        new, began = box.folder("new"), time.thread_time()
        if not self._listed and time.monotonic() >= self._list_at:
            waiting = names(new)
            self._listed.extend(self._due(waiting))
            self.emptied = self.emptied or not waiting
            # Whoever may write here may add any number of names that are hidden until tomorrow.
            self._list_at = 0.0 if self._listed else _paused(began)
        now, began = time.monotonic(), time.thread_time()
        rescuing = now >= self._rescue_at
        if not self._listed and not rescuing and self._lock >= 0:  # most looks find nothing, at the least cost
            return
        self._live(box)
        if rescuing:
            self._rescue(box)
            self._rescue_at = max(now + _RESCUE_SECONDS, _paused(began))
        claims = box.folder("claimed", self._claims)
        held = weight(into)
        while self._listed and len(into) < limit and held < most:
            name = self._listed.popleft()
            try:
                if name.startswith("."):  # one of them would replace our lock
                    into.append(self._move_to_damaged(box, new, name, Detail("not a name of ours")))
                    continue
                os.rename(name, name, src_dir_fd=new, dst_dir_fd=claims)
            except FileNotFoundError:  # another consumer was quicker
                continue
            except PermissionError as error:
                self._leave(new, name, error)
                continue
            arrival = self._read(box, name)
            if arrival is None:
                continue
            into.append(arrival)
            held += len(arrival.message.body)

    def release(self) -> None:
        """Give back what is claimed, and the lock."""
        if self._lock >= 0:
            with suppress(OSError), Mailbox(self._root, self.mailbox) as box:
                _return_claims(box, self._claims)
            self._let_go()

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _due(self, waiting: list[str]) -> list[str]:
        now = time.monotonic()
        self._unmoved = {name: until for name in waiting if (until := self._unmoved.get(name, 0.0)) > now}
        return [name for name in _due(waiting) if name not in self._unmoved]

    def _leave(self, new: int, name: str, error: PermissionError) -> None:
        """A folder of another account cannot be moved; it stays and holds up nothing else."""
        if not stat.S_ISDIR(os.stat(name, dir_fd=new, follow_symlinks=False).st_mode):
            raise error
        self._unmoved[name] = time.monotonic() + _DENIED_SECONDS
        self._denied_until = time.monotonic() + 2 * _DENIED_SECONDS
        self.problem = folder_finding(error, self._root, f"{self.mailbox}/new/{name}")

    def _read(self, box: Mailbox, name: str) -> Arrival | None:
        """The message; None for one that was withdrawn meanwhile."""
        again = name.endswith((_AGAIN, _LATER))
        claims = box.folder("claimed", self._claims)
        try:
            data = message_file.read(claims, name)
        except OSError as error:
            if error.errno in _PASSING:
                os.rename(name, name, src_dir_fd=claims, dst_dir_fd=box.folder("new"))
                raise
            if error.errno in _DENIED:  # moved to the damaged ones it would be lost, although nothing is wrong with it
                later = hidden(name, _DENIED_SECONDS)
                os.rename(name, later, src_dir_fd=claims, dst_dir_fd=box.folder("new"))
                self._denied_until = time.monotonic() + 2 * _DENIED_SECONDS
                raise
            return self._move_to_damaged(box, claims, name, in_words(error))
        if message_file.is_over(data, self._age(claims, name)):
            os.unlink(name, dir_fd=claims)
            return None
        try:
            message, peer = message_file.unpack_message(data)
        except (ValueError, TypeError, KeyError, RecursionError):
            message, peer = Message(topology.DAMAGED, name, data), ""
        return Arrival(message, self.mailbox, peer, TakenMessage(self.mailbox, self._claims, name), again)

    def _move_to_damaged(self, box: Mailbox, folder: int, name: str, why: str) -> Arrival:
        """Move what is not a message to where the operator finds it, and report it."""
        damaged, kept = box.folder("damaged"), name
        with suppress(FileNotFoundError):
            os.stat(name, dir_fd=damaged, follow_symlinks=False)
            kept = f"{os.fsdecode(os.fsencode(name)[:_KEPT_NAME])}.{secrets.token_hex(4)}"
        os.rename(name, kept, src_dir_fd=folder, dst_dir_fd=damaged)
        message = Message(topology.DAMAGED, name, b"", headers={"error": why})
        again = name.endswith((_AGAIN, _LATER))
        return Arrival(message, self.mailbox, "", TakenMessage(self.mailbox, self._claims, ""), again)

    def _age(self, claims: int, name: str) -> float:
        """Seconds since the message was written, by the clock of the file system that wrote the time of both."""
        return message_file.present(self._lock) - os.stat(name, dir_fd=claims, follow_symlinks=False).st_mtime

    def _live(self, box: Mailbox) -> None:
        """See that our claims folder is there and locked.

        It is made elsewhere, locked, then moved to its place, so that nobody ever sees it unlocked while we live. When
        it is gone, or its name is taken, we begin again under another name: if the mailbox was only away for a while,
        what we had claimed is rescued like any other claims.
        """
        if self._lock >= 0 and self._is_ours(box):
            return
        self._let_go()
        self._claims = secrets.token_hex(8)
        aside, given = f"{self._claims}.claims", os.fstat(box.folder())
        os.mkdir(aside, 0o700, dir_fd=box.folder("tmp"))
        folder = box.folder("tmp", aside)
        share(folder, given)
        lock = os.open(".lock", _NEW_LOCK, 0o600, dir_fd=folder)
        try:
            with suppress(PermissionError):  # not a group of this account: then for this account alone
                share_file(lock, given)
            locks.take(lock)
            os.rename(aside, self._claims, src_dir_fd=box.folder("tmp"), dst_dir_fd=box.folder("claimed"))
        except OSError:
            os.close(lock)
            raise
        self._lock = lock

    def _is_ours(self, box: Mailbox) -> bool:
        """Whether the lock in the folder of our name is the one we hold."""
        try:
            there = os.stat(".lock", dir_fd=box.folder("claimed", self._claims), follow_symlinks=False)
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(self._lock))

    def _rescue(self, box: Mailbox) -> None:
        """Move the claims of dead consumers back."""
        for claims in names(box.folder("claimed")):
            if claims != self._claims:
                with suppress(OSError):  # BlockingIOError: it lives. The target of a link is not ours to empty.
                    _rescue_one(box, claims)


def _rescue_one(box: Mailbox, claims: str) -> None:
    folder = enter(box.folder("claimed"), claims)
    try:
        lock = lock_file(folder)
    except FileNotFoundError:  # a rescuer had already removed the lock
        os.rmdir(claims, dir_fd=box.folder("claimed"))
        return
    finally:
        os.close(folder)
    try:
        locks.take(lock)
        _return_claims(box, claims)
    finally:
        os.close(lock)


def _paused(began: float) -> float:
    """When (monotonic) to do again what began then (processor time of this thread) and found nothing: what takes long
    takes a tenth of our time at most. By the processor's time, for a busy machine makes no look longer."""
    taken = time.thread_time() - began
    return time.monotonic() + _REST * taken if taken > _SHORT_SECONDS else 0.0


def hidden(name: str, delay: float) -> str:
    """The name of a message that was given back and waits hidden for ``delay`` seconds."""
    return f"{time.time_ns() + int(delay * 1e9):020d}.{_unique(name)}{_LATER}"


def _bare(name: str) -> str:
    return name.removesuffix(_AGAIN).removesuffix(_LATER)


def _unique(name: str) -> str:
    return _bare(name).partition(".")[2]


def _return_claims(box: Mailbox, claims: str) -> None:
    """Everything back into ``new``, then the lock and the folder away.

    The caller holds the lock. A crash in between leaves a folder that the next rescuer finishes; so does what
    cannot be moved now, and it holds up nothing else.
    """
    new, folder = box.folder("new"), enter(box.folder("claimed"), claims)
    try:
        for name in names(folder):
            if name != ".lock":
                with suppress(OSError):
                    back = name if message_file.is_odd(name) else f"{_bare(name)}{_AGAIN}"
                    os.rename(name, back, src_dir_fd=folder, dst_dir_fd=new)
        durable.synchronise(new)
        if set(names(folder)) <= {".lock"}:
            remove_name(folder, ".lock")
            os.rmdir(claims, dir_fd=box.folder("claimed"))
    finally:
        os.close(folder)


def _due(waiting: list[str]) -> list[str]:
    """Names in order of time, without those hidden for now.

    Only messages that were given back are compared with the clock, and none is hidden for more than a day: a clock set
    back must not hide mail.
    """
    now = time.time_ns()
    first, last = f"{now:020d}", f"{now + _LONGEST_DELAY:020d}"
    return sorted(name for name in waiting if not (name.endswith(_LATER) and first < name < last))
