"""The folder with the journal's tiles: files that are whole or not there, readable by the folder's group.

    folder = TileFolder(path)
    folder.write({"tile/0/000": data})      # durable when it returns
    folder.read("checkpoint")               # None where there is no such file
    folder.forget_parts("tile/0/000")

The group is the operator's to choose: a web server that may read the folder, by ``chgrp`` and the set-group-ID bit on
it. Everything here raises OSError.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edxml_router.core.proof.note import NOTE_BYTES
from edxml_router.core.proof.tiles import BUNDLE_BYTES, CHECKPOINT_NAME, LONG_BYTES, WIDTH
from edxml_router.disk import durable
from edxml_router.disk.locks import folder_locked

_FILE_MODE: Final = 0o640
_FOLDER_MODE: Final = 0o750
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_MOST: Final = {CHECKPOINT_NAME: NOTE_BYTES, "tile/long/": LONG_BYTES}


class TileFolder:
    """The folder at ``path``, which need not be there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> bytes | None:
        """The file's bytes, of a damaged one that is too long a few more than it may have; None where there is no file
        of this name."""
        try:
            descriptor = os.open(self.path / name, _READ)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            most = next((most for begin, most in _MOST.items() if name.startswith(begin)), BUNDLE_BYTES)
            return file.read(most + 1)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write these, in the place of what is there; when it returns, all are durable."""
        for name in files:
            self._make((self.path / name).parent)
        durable.write([(self.path / name, data) for name, data in files.items()], mode=_FILE_MODE)

    def forget_parts(self, name: str) -> None:
        """Remove what was written of a tile, or bundle, before it was full."""
        parts = self.path / f"{name}.p"
        if not parts.is_dir():
            return
        for width in range(1, WIDTH):
            with suppress(FileNotFoundError, NotADirectoryError):
                (parts / str(width)).unlink()
        with suppress(FileNotFoundError):
            parts.rmdir()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only one who writes there. Raises BlockingIOError while somebody else is."""
        self._make(self.path)
        with folder_locked(self.path, wait=False):
            yield

    def _make(self, folder: Path) -> None:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(mode=_FOLDER_MODE, exist_ok=True)
            durable.synchronise(each.parent)
