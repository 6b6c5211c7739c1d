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

The permissions of the directory decide who may write here, and ``Arrival.peer`` is the name that the writer gives
itself, which counts only in that writer's own mailbox. Across trust boundaries use a broker. The directory must be on a
local disk (flock and rename over network file systems promise less).

``publish`` answers EDX701 (no such root), EDX702 (disk full), EDX703 (no such mailbox), EDX710 (not permitted, or
read-only) or EDX714 (a link in the place of a folder); ``depths`` and :func:`declare` raise Setback EDX701, EDX702,
EDX710, and ``declare`` EDX714 too, when it has made all others. A file that is not a message arrives with the kind
``damaged`` and all its bytes. Anything other than a file (whoever may write here may also leave a FIFO, a link or a
device) is never waited for or followed: it arrives as ``damaged`` and empty. Nor is a link followed in the place of a
folder, see :mod:`~edxml_router.transport.local.folders`: that mailbox stands still, and the others go on.
"""

from __future__ import annotations

import errno
import itertools
import os
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.disk import durable, watch
from edxml_router.disk.folders import Diverted, enter, names, remove_name, share
from edxml_router.disk.watch import FolderWatch
from edxml_router.ports.transport import Arrival, MailboxDepth, Parcel
from edxml_router.transport import topology
from edxml_router.transport.local import attendance, message_file
from edxml_router.transport.local.folders import PARTS, Mailbox, folder_finding, folder_setback, mailbox_problem
from edxml_router.transport.local.intake import LocalIntake, TakenMessage, hidden
from edxml_router.transport.turns import Turns

RESERVE: Final = 64 * 1024 * 1024  # bytes left free on the disk, so that databases on it can still work
_ONE_MAILBOX: Final = ("EDX703", "EDX714")  # problems of one mailbox, which say nothing about others
_NOT_THE_HUB: Final = (*_ONE_MAILBOX, "EDX713")  # nor of the hub
_POLL_SECONDS: Final = 0.02
_WATCH_SECONDS: Final = 0.5
_ABANDONED_SECONDS: Final = 3600.0  # a file that has been in tmp this long belongs to a dead writer


class FolderHandover:
    """Parcels that a folder has taken or refused, which it does at once."""

    def __init__(self, answers: Sequence[Finding | None]) -> None:
        self._answers = answers

    def wait(self, _seconds: float) -> Sequence[Finding | None]:
        return self._answers


class LocalTransport:
    """Mailboxes below ``root`` as seen by ``user``; see :class:`edxml_router.ports.transport.Transport`.

    Make it after forking: a child would share the locks of its parent.
    """

    def __init__(
        self,
        root: Path,
        user: str,
        consumes: Sequence[str] = (),
        reserve: int = RESERVE,
        largest: int = message_file.LARGEST_BODY,
    ) -> None:
        self.largest_message = largest
        self._root = root
        self._user = user
        self._reserve = reserve
        self._fresh = (f"{secrets.token_hex(6)}-{number:08d}" for number in itertools.count())
        self._intakes: list[LocalIntake] = []
        self._turns = Turns()
        self._watch = FolderWatch()
        self._watch_at = 0.0  # monotonic: when the folders are watched anew, since some may have been replaced
        self._told = True  # of whatever comes
        self._closed = False
        self._unsent: Finding | None = None  # what the last publishing met
        self._amiss: dict[str, Finding] = {}  # by mailbox: missing or diverted at the last publishing
        self.consume(consumes)

    def consume(self, mailboxes: Sequence[str]) -> None:
        known = {intake.mailbox for intake in self._intakes}
        fresh = [mailbox for mailbox in topology.urgent_first(mailboxes) if mailbox not in known]
        self._intakes += [LocalIntake(self._root, mailbox) for mailbox in fresh]
        self._watch_at = 0.0

    @property
    def problem(self) -> Finding | None:
        if not self._root.is_dir():
            return Finding("EDX701", str(self._root), Detail("no such folder"))
        mended = [
            name
            for name, one in self._amiss.items()
            if one.code == "EDX714" and mailbox_problem(self._root, name) is None
        ]
        for name in mended:  # it may be long before something is published to it
            del self._amiss[name]
        found = [found for intake in self._intakes if (found := mailbox_problem(self._root, intake.mailbox))]
        found += [intake.problem for intake in self._intakes if intake.problem] + [*self._amiss.values()]
        # What the owner can mend comes first: a link in one mailbox must not hide that another is missing.
        found.sort(key=lambda each: each.code != "EDX703")
        return next(iter(found), self._unsent)

    @property
    def emptied(self) -> bool:
        return all(intake.emptied for intake in self._intakes)

    def take(self, limit: int, wait: float) -> Sequence[Arrival]:
        deadline = time.monotonic() + wait
        while True:
            self._watch.clear()  # before looking: what comes after the look is signalled again
            self._listen()
            arrivals = self._turns.take(self._intakes, limit)
            left = deadline - time.monotonic()
            if arrivals or left <= 0 or self._closed:
                return arrivals
            watch.wait([self.fileno()], min(left, _POLL_SECONDS))

    def _listen(self) -> None:
        """Watch the mailboxes, and renew that periodically: one may be new, or have been replaced."""
        if time.monotonic() >= self._watch_at and not self._closed:
            self._watch_at = time.monotonic() + _WATCH_SECONDS
            added = [self._watch.add(self._root / each.mailbox / "new", watch.COMES) for each in self._intakes]
            self._told = all(added)

    def fileno(self) -> int:
        return self._watch.fileno() if self._told else -1

    def acknowledge(self, arrivals: Iterable[Arrival]) -> None:
        for box, claim in self._claimed(arrivals):
            with suppress(OSError):  # not found: it is from before a loss, and somebody else has it now
                os.unlink(claim.name, dir_fd=box.folder("claimed", claim.claims))

    def give_back(self, arrivals: Iterable[Arrival], delay: float = 1.0) -> None:
        for box, claim in self._claimed(arrivals):
            with suppress(OSError):
                claims, new = box.folder("claimed", claim.claims), box.folder("new")
                os.rename(claim.name, hidden(claim.name, delay), src_dir_fd=claims, dst_dir_fd=new)

    def _claimed(self, arrivals: Iterable[Arrival]) -> Iterator[tuple[Mailbox, TakenMessage]]:
        """Each that was taken, with its mailbox open. Where that is gone, so is what was taken from it."""
        claims: dict[str, list[TakenMessage]] = {}
        for arrival in arrivals:
            claim = arrival.token
            if isinstance(claim, TakenMessage):  # what was not taken from a mailbox need not be removed there
                claims.setdefault(claim.mailbox, []).append(claim)
        for mailbox, taken in claims.items():
            with suppress(OSError), Mailbox(self._root, mailbox) as box:
                yield from ((box, claim) for claim in taken)

    @property
    def answering(self) -> bool:
        return self._root.is_dir()

    def silence(self, _mailbox: str) -> Finding | None:
        return None if self.answering else Finding("EDX701", str(self._root), Detail("no such folder"))

    def hand_over(self, parcels: Sequence[Parcel]) -> FolderHandover:
        return FolderHandover(self.publish(parcels))

    def publish(self, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        answers: list[Finding | None] = [None] * len(parcels)
        addressed: dict[str, list[int]] = {}
        for index, parcel in enumerate(parcels):
            addressed.setdefault(parcel.mailbox, []).append(index)
        for mailbox, indexes in addressed.items():
            try:
                with Mailbox(self._root, mailbox) as box:
                    found = self._lay(box, mailbox, [parcels[index] for index in indexes])
            except OSError as error:  # some may have arrived; they are repeated under the same ids, and recognised
                found = [folder_finding(error, self._root, mailbox)] * len(indexes)
            for index, answer in zip(indexes, found, strict=True):
                answers[index] = answer
        for parcel, answer in zip(parcels, answers, strict=True):
            if answer is not None and answer.code in _ONE_MAILBOX:
                self._amiss[parcel.mailbox] = answer
            elif answer is None:
                self._amiss.pop(parcel.mailbox, None)
        if parcels:
            self._unsent = next((answer for answer in answers if answer and answer.code not in _NOT_THE_HUB), None)
        return answers

    def _lay(self, box: Mailbox, mailbox: str, parcels: Sequence[Parcel]) -> list[Finding | None]:
        """Put these into one mailbox. Raises OSError when it cannot be synced, or a folder cannot be used."""
        tmp, new = box.folder("tmp"), box.folder("new")
        answers: list[Finding | None] = []
        written: list[str] = []
        for parcel in parcels:
            size = len(parcel.message.body)
            if size > self.largest_message:
                detail = Detail(
                    "{box}: {size} bytes, at most {most}", box=mailbox, size=size, most=self.largest_message
                )
                answers.append(Finding("EDX713", str(self._root), detail))
                continue
            try:
                self._check_room(size)
                written.append(self._write(tmp, parcel))
            except OSError as error:
                answers.append(folder_finding(error, self._root, mailbox))
            else:
                answers.append(None)
        try:
            for name in written:
                os.rename(name, name, src_dir_fd=tmp, dst_dir_fd=new)
            durable.synchronise(new)  # once for all of them: a rename is on disk when its directory is synced
        except OSError:
            for name in written:
                remove_name(tmp, name)
            raise
        return answers

    def declared(self) -> None:
        self._amiss.clear()
        for intake in self._intakes:  # what an earlier look found no longer holds
            intake.problem = None

    def depths(self) -> Mapping[str, int]:
        found = {}
        try:
            self._root.stat()
            for intake in self._intakes:
                with suppress(FileNotFoundError, Diverted), Mailbox(self._root, intake.mailbox) as box:
                    found[intake.mailbox] = len(names(box.folder("new")))
        except OSError as error:
            raise folder_setback(error, self._root) from error
        return found

    def waiting(self, mailboxes: Collection[str]) -> Mapping[str, MailboxDepth]:
        return attendance.waiting(self._root, mailboxes)

    def close(self) -> None:
        self._closed = True
        self._watch.close()
        for intake in self._intakes:
            intake.release()

    def _write(self, tmp: int, parcel: Parcel) -> str:
        """The message as a synced file in ``tmp``, or nothing at all; its name."""
        name = f"{time.time_ns():020d}.{next(self._fresh)}"
        message_file.write(tmp, name, parcel.message, self._user)
        return name

    def _check_room(self, size: int) -> None:
        if shutil.disk_usage(self._root).free < self._reserve + size:
            raise OSError(errno.ENOSPC, "reserve")


def declare(root: Path, children: Iterable[str], offices: Iterable[str]) -> None:
    """Make the mailboxes of a hub, and remove what dead writers left behind; called by its owner at each start."""
    amiss: Diverted | None = None
    try:
        if not root.exists():
            root.mkdir(parents=True)
            root.chmod(0o2770)  # letters are in there: for the owner and the group of its neighbours
        hub = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for mailbox in topology.mailboxes(children, offices):
                try:
                    _make(root, hub, mailbox)
                except Diverted as error:
                    amiss = amiss or error
            durable.synchronise(hub)
        finally:
            os.close(hub)
    except OSError as error:
        raise folder_setback(error, root) from error
    if amiss is not None:
        raise folder_setback(amiss, root) from amiss


def _make(root: Path, hub: int, mailbox: str) -> None:
    given = os.fstat(hub)
    folder = _folder(hub, mailbox, given, root / mailbox)
    try:
        for part in PARTS:
            made = _folder(folder, part, given, root / mailbox / part)
            try:
                if part == "tmp":
                    _sweep(made)
            finally:
                os.close(made)
        durable.synchronise(folder)
    finally:
        os.close(folder)


def _folder(above: int, name: str, given: os.stat_result, place: Path) -> int:
    """The descriptor of a folder, made if missing. An existing one keeps the permissions that the operator gave it."""
    try:
        return enter(above, name, str(place))
    except FileNotFoundError:
        os.mkdir(name, 0o700, dir_fd=above)
    made = enter(above, name, str(place))
    share(made, given)
    return made


def _sweep(tmp: int) -> None:
    before = time.time() - _ABANDONED_SECONDS
    for name in names(tmp):
        with suppress(OSError):
            status = os.stat(name, dir_fd=tmp, follow_symlinks=False)
            if status.st_mtime >= before:
                continue
            if stat.S_ISDIR(status.st_mode):
                _sweep_claims(tmp, name)
            else:
                os.unlink(name, dir_fd=tmp)


def _sweep_claims(tmp: int, name: str) -> None:
    """Remove claims that were never moved to their place. Deeper folders are not ours and stay: they might be
    arbitrarily deep."""
    folder = enter(tmp, name)
    try:
        for inner in names(folder):
            remove_name(folder, inner)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=tmp)
