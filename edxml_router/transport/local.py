"""The transport over a directory of a local disk: the embedded default, nothing to install.

    declare(root, children=["h31-15"], offices=["vanphong"])        # the owner of the hub, at its start
    transport = LocalTransport(root, "province", consumes=topology.intakes(["h31-15"], ["vanphong"]))

A mailbox is a directory, a message one file, and every step is one rename: a message is always whole and in
exactly one place::

    MAILBOX/tmp/NAME                   being written; synced before it moves on
    MAILBOX/new/NAME                   waiting; promised to the publisher once this directory is synced
    MAILBOX/claimed/CONSUMER/NAME      taken by one consumer; removed when acknowledged
    MAILBOX/claimed/CONSUMER/.lock     locked (flock) for as long as that consumer lives
    MAILBOX/damaged/NAME               no file that could be read, or not a file; kept for the operator

The kernel drops a lock when its process dies, however it dies: who gets the lock of another's claims knows
that their owner is gone, and moves them back. A process id in the name would not do: ids are used again.

Who may write here is decided by the permissions of the directory, and ``Arrival.peer`` is the name the writer
gives itself, which counts in that writer's own mailbox only. Across boundaries of trust use a broker. The directory
must be on a local disk (flock and rename over network file systems promise less).

``publish`` answers EDX701 (no such root), EDX702 (disk full), EDX703 (no such mailbox) or EDX706 (not
permitted); ``depths`` and :func:`declare` raise Setback EDX701, EDX702 or EDX706. A file that does not read
as a message arrives with the kind ``damaged`` and all its bytes. What is no file (whoever may write here may
also leave a FIFO, a link or a device) is never waited for or followed: it arrives as ``damaged`` and empty.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import secrets
import shutil
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.core.problems import Finding, Setback
from edxml_router.ports import Arrival, Message, Parcel
from edxml_router.transport import message_file, topology
from edxml_router.transport.turns import Turns

RESERVE: Final = 64 * 1024 * 1024  # bytes left free on the disk, so that the databases beside can still work
_PARTS: Final = ("tmp", "new", "claimed", "damaged")
_POLL_SECONDS: Final = 0.02
_LONGEST_DELAY: Final = 24 * 3600 * 10**9  # nanoseconds
_RESCUE_SECONDS: Final = 1.0  # how often the claims of dead consumers are looked for
_ABANDONED_SECONDS: Final = 3600.0  # a file this long in tmp belongs to a writer that died
_AGAIN: Final = ".again"  # end of the name of a message that was taken before
_PASSING: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR)  # not the fault of the file
_LATER: Final = ".later"  # … and that is hidden until the time its name begins with
_MOUTHFUL: Final = 32 * 1024 * 1024  # bytes after which no more is taken at once


class LocalTransport:
    """Mailboxes below ``root`` as seen by ``user``; see :class:`edxml_router.ports.Transport`.

    Make it after forking: a child would share the locks of its parent.
    """

    def __init__(self, root: Path, user: str, consumes: Sequence[str] = (), reserve: int = RESERVE) -> None:
        self._root = root
        self._user = user
        self._reserve = reserve
        self._fresh = (f"{secrets.token_hex(6)}-{number:08d}" for number in itertools.count())
        self._intakes: list[_Intake] = []
        self._turns = Turns()
        self._closed = False
        self._missing: dict[str, Finding] = {}  # by mailbox: there was none when something was published to it last
        self.consume(consumes)

    def consume(self, mailboxes: Sequence[str]) -> None:
        known = {intake.mailbox for intake in self._intakes}
        fresh = [mailbox for mailbox in topology.urgent_first(mailboxes) if mailbox not in known]
        self._intakes += [_Intake(self._root / mailbox, mailbox) for mailbox in fresh]

    @property
    def problem(self) -> Finding | None:
        if not self._root.is_dir():
            return Finding("EDX701", str(self._root), "no such folder")
        gone = next((intake.mailbox for intake in self._intakes if not (intake.folder / "new").is_dir()), None)
        missing = Finding("EDX703", str(self._root / gone), "no such folder") if gone else None
        return missing or next(iter(self._missing.values()), None)

    @property
    def emptied(self) -> bool:
        return all(intake.emptied for intake in self._intakes)

    def take(self, limit: int, wait: float) -> Sequence[Arrival]:
        deadline = time.monotonic() + wait
        while True:
            arrivals = self._turns.take(self._intakes, limit)
            left = deadline - time.monotonic()
            if arrivals or left <= 0 or self._closed:
                return arrivals
            # Polling: an empty directory is read in microseconds, and Python has no inotify.
            time.sleep(min(left, _POLL_SECONDS))

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        for arrival in arrivals:
            with suppress(OSError):  # not found: from before a loss, and somebody else has it now
                Path(arrival.token).unlink()

    def give_back(self, arrivals: Iterable[Arrival], delay: float = 1.0) -> None:
        due = time.time_ns() + int(delay * 1e9)
        for arrival in arrivals:
            claimed = Path(arrival.token)
            name = f"{due:020d}.{_unique(claimed.name)}{_LATER}"
            with suppress(OSError):
                claimed.rename(claimed.parent.parent.parent / "new" / name)

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        answers: list[Finding | None] = [None] * len(parcels)
        written: dict[str, list[tuple[int, Path]]] = {}
        for index, parcel in enumerate(parcels):
            try:
                self._check_room(len(parcel.message.body))
                written.setdefault(parcel.mailbox, []).append((index, self._write(parcel)))
            except OSError as error:
                answers[index] = _finding(error, self._root, parcel.mailbox)
        for mailbox, files in written.items():
            new = self._root / mailbox / "new"
            try:
                for _, file in files:
                    file.rename(new / file.name)
                _sync_directory(new)  # once for all: a rename is on disk when its directory is
            except OSError as error:  # some may have arrived; the same ids come again, and are recognised
                for index, file in files:
                    answers[index] = _finding(error, self._root, mailbox)
                    _remove(file)
        for parcel, answer in zip(parcels, answers, strict=True):
            if answer is not None and answer.code == "EDX703":
                self._missing[parcel.mailbox] = answer
            elif answer is None:
                self._missing.pop(parcel.mailbox, None)
        return answers

    def declared(self) -> None:
        self._missing.clear()

    def depths(self) -> Mapping[str, int]:
        try:
            self._root.stat()
            return {
                intake.mailbox: len(_names(intake.folder / "new")) for intake in self._intakes if intake.folder.is_dir()
            }
        except OSError as error:
            raise _setback(error, self._root) from error

    def waiting(self, mailbox: str) -> int:
        try:
            return len(_names(self._root / mailbox / "new"))
        except OSError as error:
            found = _finding(error, self._root, mailbox)
            raise Setback(found.code, where=found.where, detail=found.detail) from error

    def close(self) -> None:
        self._closed = True
        for intake in self._intakes:
            intake.release()

    def _write(self, parcel: Parcel) -> Path:
        """The message as a synced file in ``tmp``, or nothing at all."""
        file = self._root / parcel.mailbox / "tmp" / f"{time.time_ns():020d}.{next(self._fresh)}"
        try:
            message_file.write(file, parcel.message, self._user)
        except OSError:
            _remove(file)
            raise
        return file

    def _check_room(self, size: int) -> None:
        if shutil.disk_usage(self._root).free < self._reserve + size:
            raise OSError(errno.ENOSPC, "reserve")


class _Intake:
    """One mailbox, consumed: what is waiting, what is claimed, and the lock that says we live."""

    def __init__(self, folder: Path, mailbox: str) -> None:
        self.folder = folder
        self.mailbox = mailbox
        self._lock = -1
        self._claims = folder / "claimed"  # and a name, once we live
        self._listed: deque[str] = deque()  # names of the last listing that were not tried yet
        self._rescued_at = -_RESCUE_SECONDS
        self.emptied = False

    def take(self, into: list[Arrival], limit: int) -> None:
        """Claim and read up to ``limit``. Nothing when the mailbox is away, or not ours to read."""
        with suppress(OSError):
            self._live()
            self._rescue()
            if not self._listed:
                names = _names(self.folder / "new")
                self._listed.extend(_due(names))
                self.emptied = self.emptied or not names
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


def declare(root: Path, children: Iterable[str], offices: Iterable[str]) -> None:
    """Make the mailboxes of a hub, and sweep what dead writers left behind; by its owner, at each start."""
    try:
        if not root.exists():
            root.mkdir(mode=0o770, parents=True)  # letters are in there: for the owner and the group of its neighbours
        for mailbox in topology.mailboxes(children, offices):
            for part in _PARTS:
                for folder in (root / mailbox, root / mailbox / part):
                    if not folder.exists():
                        folder.mkdir()
                        folder.chmod(0o700 | root.stat().st_mode & 0o2070)  # never for all, whatever the umask says
            _sync_directory(root / mailbox)
            _sweep(root / mailbox / "tmp")
        _sync_directory(root)
    except OSError as error:
        raise _setback(error, root) from error


def _sweep(tmp: Path) -> None:
    before = time.time() - _ABANDONED_SECONDS
    for file in tmp.iterdir():
        with suppress(OSError):
            if file.lstat().st_mtime >= before:
                continue
            if file.is_dir() and not file.is_symlink():
                shutil.rmtree(file, ignore_errors=True)
            else:
                file.unlink()


def _return_claims(claims: Path, new: Path) -> None:
    """Everything back into ``new``, then the lock and the directory away.

    The caller holds the lock. A crash in between leaves a directory that the next rescuer finishes; so does what
    cannot be moved now, and it holds up nothing else.
    """
    for name in _names(claims):
        if name != ".lock":
            with suppress(OSError):
                (claims / name).rename(new / (name if message_file.is_odd(name) else f"{_bare(name)}{_AGAIN}"))
    _sync_directory(new)
    if set(_names(claims)) <= {".lock"}:
        (claims / ".lock").unlink(missing_ok=True)
        claims.rmdir()


def _due(names: list[str]) -> list[str]:
    """In order of time, without those that are hidden for now.

    Only messages that were given back are compared with the clock, and none is hidden for more than a day: a
    clock that was set back must not hide mail.
    """
    now = time.time_ns()
    first, last = f"{now:020d}", f"{now + _LONGEST_DELAY:020d}"
    return sorted(name for name in names if not (name.endswith(_LATER) and first < name < last))


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _remove(file: Path) -> None:
    with suppress(OSError):
        file.unlink(missing_ok=True)


def _finding(error: OSError, root: Path, mailbox: str = "") -> Finding:
    """What an error of the file system means to who publishes."""
    detail = os.strerror(error.errno or errno.EIO)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        code = "EDX706"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        code = "EDX702"
    else:
        code = "EDX703" if error.errno == errno.ENOENT and root.is_dir() else "EDX701"
    return Finding(code, str(root / mailbox), detail)


def _setback(error: OSError, root: Path) -> Setback:
    found = _finding(error, root)
    return Setback("EDX701" if found.code == "EDX703" else found.code, where=found.where, detail=found.detail)


def _bare(name: str) -> str:
    return name.removesuffix(_AGAIN).removesuffix(_LATER)


def _unique(name: str) -> str:
    return _bare(name).partition(".")[2]


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
