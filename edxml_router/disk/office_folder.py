"""The folder of an office that is attached by it (``attach = "folder"``): its parts, and how files move between them.

    with OfficeFolder(root) as place:             # nobody else serves it meanwhile
        place.names(OUTBOX)
        place.move("a.edxml", (OUTBOX,), CLAIMED)
        place.write((FAILED,), "a.edxml.txt", [b"…"])

The office, and whoever else may write there, is a stranger: every part is entered by its descriptor, what lies in it is
looked at before it is opened (:mod:`edxml_router.disk.folders`), and a file appears under its name whole, by a rename.
The folder itself is the operator's and is never made: a share that is not mounted would be hidden by it. Its parts are
made, for the group that it is for. Everything here raises OSError; BlockingIOError where another process serves it.
"""

from __future__ import annotations

import os
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePath
from types import TracebackType
from typing import Final

from edxml_router.disk import durable, folders, locks

OUTBOX: Final = "outbox"  # the office lays here what is to be sent
SENT: Final = "sent"  # … and finds here what was accepted, by months, with the verdict beside it
FAILED: Final = "failed"  # … and here what was refused, with the verdict and a text for people
INBOX: Final = "inbox"  # letters for the office
DONE: Final = "done"  # the office moves a letter here: it has it
RETURNED: Final = "returned"  # … or here: it goes back, for the reason in the text beside it
WITHDRAWN: Final = "withdrawn"  # letters that ended before the office had them
RECEIPTS: Final = "receipts"  # what became of what was sent
PARTS: Final = (OUTBOX, SENT, FAILED, INBOX, DONE, RETURNED, WITHDRAWN, RECEIPTS)

_WORK: Final = ".work"  # for this account alone
CLAIMED: Final = (_WORK, "claimed")  # taken from the outbox, and not answered yet
UNDER_WAY: Final = (_WORK, "new")

Parts = Sequence[str]

_UNFINISHED: Final = (".part", ".partial", ".tmp", ".temp", ".filepart", ".crdownload", ".swp", "~")
_OF_SYSTEMS: Final = frozenset({"desktop.ini", "thumbs.db"})
_LONGEST: Final = 150  # bytes of a name: what is laid beside it has a longer one
_TRIES: Final = 1000
_MOST_OPEN: Final = 64
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class OfficeFolder:
    """The parts of an office's folder, open for one turn: descriptors that were kept would still reach a share that was
    taken away."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: dict[tuple[str, ...], int] = {}

    def __enter__(self) -> OfficeFolder:
        self._opened[()] = os.open(self.root, _OPEN)
        try:
            locks.take(self.part(_WORK))
        except BaseException:  # also a signal: no descriptor must stay open
            self.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for descriptor in self._opened.values():
            os.close(descriptor)
        self._opened.clear()

    def part(self, *parts: str) -> int:
        """The descriptor of a part, which is made where it is missing."""
        if parts not in self._opened:
            self._make_room()
            above, place = self.part(*parts[:-1]), str(self.root.joinpath(*parts))
            try:
                self._opened[parts] = folders.enter(above, parts[-1], place)
            except FileNotFoundError:
                self._make(above, parts)
                self._opened[parts] = folders.enter(above, parts[-1], place)
        return self._opened[parts]

    def _make_room(self) -> None:
        """Let go of the deepest: an office has any number of documents, with a folder each."""
        if len(self._opened) >= _MOST_OPEN:
            for parts in [each for each in self._opened if len(each) > 2]:
                os.close(self._opened.pop(parts))

    def _make(self, above: int, parts: Parts) -> None:
        """Aside first, so that nobody meets it with other permissions than it is to have."""
        if parts[0] == _WORK:
            os.mkdir(parts[-1], 0o700, dir_fd=above)
        else:
            new, aside = self.part(*UNDER_WAY), uuid.uuid4().hex
            os.mkdir(aside, 0o700, dir_fd=new)
            made = folders.enter(new, aside)
            try:
                folders.share(made, os.fstat(above))
            finally:
                os.close(made)
            os.rename(aside, parts[-1], src_dir_fd=new, dst_dir_fd=above)
        durable.synchronise(above)

    def names(self, *parts: str) -> list[str]:
        return folders.names(self.part(*parts))

    def status(self, parts: Parts, name: str) -> os.stat_result | None:
        """Of what has this name, itself and not what a link leads to; None where nothing has."""
        try:
            return os.stat(name, dir_fd=self.part(*parts), follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, parts: Parts, name: str) -> int:
        """The descriptor of a plain file, to read from."""
        return folders.open_plain(self.part(*parts), name)

    def move(self, name: str, source: Parts, target: Parts, new_name: str = "") -> None:
        """Durable when it returns. A file of that name there is replaced."""
        start, end = self.part(*source), self.part(*target)
        os.rename(name, new_name or name, src_dir_fd=start, dst_dir_fd=end)
        durable.synchronise(end)
        durable.synchronise(start)

    def write(self, parts: Parts, name: str, pieces: Iterable[bytes]) -> None:
        """A file that is there whole and for good, or not at all, for those who may enter its folder."""
        new, end = self.part(*UNDER_WAY), self.part(*parts)
        aside = f"{uuid.uuid4().hex}{durable.TEMPORARY}"
        with durable.new_file(aside, within=new) as file:
            folders.share_file(file.fileno(), os.fstat(end))
            file.writelines(pieces)
        os.rename(aside, name, src_dir_fd=new, dst_dir_fd=end)
        durable.synchronise(end)

    def gather(self, parts: Parts, name: str, files: Iterable[tuple[str, Iterable[bytes]]]) -> None:
        """A folder of files, that is there with all of them or not at all; one that is there already stays."""
        if self.status(parts, name) is not None:
            return
        end, aside = self.part(*parts), uuid.uuid4().hex
        new = (*UNDER_WAY, aside)
        folders.share(self.part(*new), os.fstat(end))
        for each, pieces in files:
            self.write(new, each, pieces)
        os.rename(aside, name, src_dir_fd=self.part(*UNDER_WAY), dst_dir_fd=end)
        os.close(self._opened.pop(new))  # opened a moment ago: whoever writes a file opens no other
        durable.synchronise(end)

    def remove(self, parts: Parts, name: str) -> None:
        folders.remove_name(self.part(*parts), name)

    def free(self, parts: Parts, name: str) -> str:
        """The name, or one like it that nothing has there."""
        path = PurePath(name)
        for number in range(1, _TRIES):
            one = name if number == 1 else f"{path.stem}~{number}{path.suffix}"
            if self.status(parts, one) is None:
                return one
        return f"{path.stem}~{uuid.uuid4().hex}{path.suffix}"

    def sweep(self) -> None:
        """Remove what a process that is gone had begun to write."""
        for name in self.names(*UNDER_WAY):
            if name.endswith(durable.TEMPORARY):
                self.remove(UNDER_WAY, name)
                continue
            with suppress(OSError):
                for inner in self.names(*UNDER_WAY, name):
                    self.remove((*UNDER_WAY, name), inner)
                os.rmdir(name, dir_fd=self.part(*UNDER_WAY))


def is_passed_over(name: str) -> bool:
    """Whether a file is by its name nothing to send: under way, hidden, or laid there by an operating system."""
    lower = name.lower()
    return name.startswith((".", "~")) or lower.endswith(_UNFINISHED) or lower in _OF_SYSTEMS


def is_plain(name: str) -> bool:
    """Whether people and programs can name it: text that can be seen, of a length that leaves room for more."""
    return plain(name) == name


def plain(name: str) -> str:
    """The name as far as it can be seen: nothing in it that turns, breaks or hides text."""
    seen = (each if unicodedata.category(each)[0] not in "CZ" or each == " " else "_" for each in name)
    return "".join(seen).encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore").strip() or "_"
