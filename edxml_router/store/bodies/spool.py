"""Documents too large for memory while they are judged: private files that nobody else changes.

    body = receive(folder, pieces) # written and hashed as the pieces come … # scanned, verified, staged under its
    digest by a hard link body.discard()

Files left by a crash are removed by the sweep of :mod:`edxml_router.store.bodies.files`. Functions raise OSError; a
body's own reading raises Setback EDX601.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edxml_router.core.body import PIECE_BYTES
from edxml_router.core.problems import Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import durable

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class FileBody:
    """``ports.Body`` in a file. A ``kept`` one belongs to the store, and discarding it leaves it there."""

    path: Path
    size: int
    digest: str
    kept: bool = False

    @property
    def held(self) -> None:
        return None

    def __len__(self) -> int:
        return self.size

    def whole(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        try:
            yield from read(self.path, start, self.size if stop is None else stop)
        except OSError as error:
            raise disk_setback(error) from error

    def discard(self) -> None:
        if not self.kept:
            self.path.unlink(missing_ok=True)


def set_down(folder: Path, pieces: Iterable[bytes]) -> FileBody:
    """Write the pieces to a new file in ``folder``. Its content is synced when this returns, so accepting it only gives
    it a name; for a refused document the sync was in vain."""
    durable.make_folder(folder)
    path = durable.temporary(folder)
    digest = hashlib.sha256()
    size = 0
    with durable.new_file(path) as file:
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            file.write(piece)
    return FileBody(path, size, digest.hexdigest())


class Spool:
    """A document that somebody else's pace decides about: pieces are written as they come, by whichever thread.

        spool = Spool(folder)
        spool.write(pieces)
        body = spool.finish()       # its content is on disk; or
        spool.abandon()             # nothing is left of it

    Raises Setback EDX601, EDX622.
    """

    def __init__(self, folder: Path) -> None:
        self._digest = hashlib.sha256()
        self.size = 0
        try:
            durable.make_folder(folder)
            self._path = durable.temporary(folder)
            self._file = os.fdopen(os.open(self._path, _NEW, 0o600), "wb")
        except OSError as error:
            raise disk_setback(error) from error

    def write(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self._digest.update(piece)
                self.size += len(piece)
                self._file.write(piece)
        except OSError as error:
            raise disk_setback(error) from error

    def finish(self) -> FileBody:
        try:
            durable.flush(self._file)
            self._file.close()
        except OSError as error:
            self.abandon()
            raise disk_setback(error) from error
        return FileBody(self._path, self.size, self._digest.hexdigest())

    def abandon(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def read(path: Path, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The bytes of a file in pieces of a mebibyte."""
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        left = stop - start if stop is not None else None
        while left != 0 and (piece := file.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))):
            yield piece
            left = None if left is None else left - len(piece)


def disk_setback(error: OSError) -> Setback:
    """A failing disk as a problem: full, or something that space does not help (read-only, broken, forbidden)."""
    code = "EDX601" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "EDX622"
    return Setback(code, where="bodies", detail=in_words(error))
