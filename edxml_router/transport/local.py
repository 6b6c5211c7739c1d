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

Who may write here is decided by the permissions of the directory, and ``Arrival.peer`` is the name the writer
gives itself, which counts in that writer's own mailbox only. Across boundaries of trust use a broker. The directory
must be on a local disk (flock and rename over network file systems promise less).

``publish`` answers EDX701 (no such root), EDX702 (disk full), EDX703 (no such mailbox) or EDX710 (not
permitted, or read-only); ``depths`` and :func:`declare` raise Setback EDX701, EDX702 or EDX710. A file that does not
read as a message arrives with the kind ``damaged`` and all its bytes. What is no file (whoever may write here may
also leave a FIFO, a link or a device) is never waited for or followed: it arrives as ``damaged`` and empty.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.core.problems import Finding, Setback
from edxml_router.ports import Arrival, Parcel
from edxml_router.transport import message_file, topology
from edxml_router.transport.local_folders import finding, names, remove, setback, sync_directory
from edxml_router.transport.local_intake import Intake, hidden
from edxml_router.transport.turns import Turns

RESERVE: Final = 64 * 1024 * 1024  # bytes left free on the disk, so that the databases beside can still work
_PARTS: Final = ("tmp", "new", "claimed", "damaged")
_POLL_SECONDS: Final = 0.02
_ABANDONED_SECONDS: Final = 3600.0  # a file this long in tmp belongs to a writer that died


class LocalTransport:
    """Mailboxes below ``root`` as seen by ``user``; see :class:`edxml_router.ports.Transport`.

    Make it after forking: a child would share the locks of its parent.
    """

    def __init__(self, root: Path, user: str, consumes: Sequence[str] = (), reserve: int = RESERVE) -> None:
        self._root = root
        self._user = user
        self._reserve = reserve
        self._fresh = (f"{secrets.token_hex(6)}-{number:08d}" for number in itertools.count())
        self._intakes: list[Intake] = []
        self._turns = Turns()
        self._closed = False
        self._unsent: Finding | None = None  # what the last publishing met
        self._missing: dict[str, Finding] = {}  # by mailbox: there was none when something was published to it last
        self.consume(consumes)

    def consume(self, mailboxes: Sequence[str]) -> None:
        known = {intake.mailbox for intake in self._intakes}
        fresh = [mailbox for mailbox in topology.urgent_first(mailboxes) if mailbox not in known]
        self._intakes += [Intake(self._root / mailbox, mailbox) for mailbox in fresh]

    @property
    def problem(self) -> Finding | None:
        if not self._root.is_dir():
            return Finding("EDX701", str(self._root), "no such folder")
        gone = next((intake.mailbox for intake in self._intakes if not (intake.folder / "new").is_dir()), None)
        missing = Finding("EDX703", str(self._root / gone), "no such folder") if gone else None
        unread = next((intake.problem for intake in self._intakes if intake.problem), None)
        return missing or unread or next(iter(self._missing.values()), None) or self._unsent

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
        for arrival in arrivals:
            claimed = Path(arrival.token)
            with suppress(OSError):
                claimed.rename(claimed.parent.parent.parent / "new" / hidden(claimed.name, delay))

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        answers: list[Finding | None] = [None] * len(parcels)
        written: dict[str, list[tuple[int, Path]]] = {}
        for index, parcel in enumerate(parcels):
            try:
                self._check_room(len(parcel.message.body))
                written.setdefault(parcel.mailbox, []).append((index, self._write(parcel)))
            except OSError as error:
                answers[index] = finding(error, self._root, parcel.mailbox)
        for mailbox, files in written.items():
            new = self._root / mailbox / "new"
            try:
                for _, file in files:
                    file.rename(new / file.name)
                sync_directory(new)  # once for all: a rename is on disk when its directory is
            except OSError as error:  # some may have arrived; the same ids come again, and are recognised
                for index, file in files:
                    answers[index] = finding(error, self._root, mailbox)
                    remove(file)
        for parcel, answer in zip(parcels, answers, strict=True):
            if answer is not None and answer.code == "EDX703":
                self._missing[parcel.mailbox] = answer
            elif answer is None:
                self._missing.pop(parcel.mailbox, None)
        if parcels:
            self._unsent = next((answer for answer in answers if answer and answer.code != "EDX703"), None)
        return answers

    def declared(self) -> None:
        self._missing.clear()

    def depths(self) -> Mapping[str, int]:
        try:
            self._root.stat()
            return {
                intake.mailbox: len(names(intake.folder / "new")) for intake in self._intakes if intake.folder.is_dir()
            }
        except OSError as error:
            raise setback(error, self._root) from error

    def waiting(self, mailbox: str) -> int:
        try:
            return len(names(self._root / mailbox / "new"))
        except OSError as error:
            found = finding(error, self._root, mailbox)
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
            remove(file)
            raise
        return file

    def _check_room(self, size: int) -> None:
        if shutil.disk_usage(self._root).free < self._reserve + size:
            raise OSError(errno.ENOSPC, "reserve")


def declare(root: Path, children: Iterable[str], offices: Iterable[str]) -> None:
    """Make the mailboxes of a hub, and sweep what dead writers left behind; by its owner, at each start."""
    try:
        if not root.exists():
            root.mkdir(parents=True)
            root.chmod(0o2770)  # letters are in there: for the owner and the group of its neighbours
        given = root.stat()
        for mailbox in topology.mailboxes(children, offices):
            for part in _PARTS:
                for folder in (root / mailbox, root / mailbox / part):
                    if not folder.exists():
                        folder.mkdir()
                        _share(folder, given)
            sync_directory(root / mailbox)
            _sweep(root / mailbox / "tmp")
        sync_directory(root)
    except OSError as error:
        raise setback(error, root) from error


def _share(folder: Path, given: os.stat_result) -> None:
    """A new folder for the account and for the group that the hub's folder is given to, whatever the umask; never
    for all. What is made in it stays with that group. Folders that are there keep what the operator gave them."""
    try:
        os.chown(folder, -1, given.st_gid)
    except PermissionError:  # not a group of this account
        folder.chmod(0o700)
    else:
        folder.chmod(0o700 | given.st_mode & 0o070 | (stat.S_ISGID if given.st_mode & 0o070 else 0))


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
