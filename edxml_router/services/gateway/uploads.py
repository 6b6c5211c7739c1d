"""Uploads that go on where they broke off (draft-ietf-httpbis-resumable-upload-15): what is kept of them on disk.

    upload = begin(node, "vp", length, digest)         # a folder of its own
    upload = find(node, "vp", name)
    upload.append(pieces)                              # how far it is, is how long the file is
    body = upload.whole(); upload.finish()

The file is all there is to it, so a gateway that dies at any moment leaves an upload that goes on at its size; each
append is synced at its end. A finished upload stays for a while, so that who did not hear the answer asks again and
hears it: the envelope is recognised by its digest. What nobody goes on with is swept. Raises Refusal EDX628 for one
that is not there, EDX421 for a part that does not begin at its end, Setback EDX626 where an office has begun as many,
or as much, as it may, EDX601 and EDX622 for the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.disk import durable
from edxml_router.store.bodies import spool
from edxml_router.store.bodies.spool import FileBody
from edxml_router.wiring.stored import StoredNode

FOLDER: Final = "uploads"  # in node.data
BEGUN_SECONDS: Final = 24 * 3600.0  # since somebody last went on with it
FINISHED_SECONDS: Final = 3600.0
MOST: Final = 32  # of one office
MOST_LARGEST: Final = 4  # times the largest envelope: bytes of one office's
_NAME: Final = re.compile("[0-9a-f]{32}")
_FACTS, _DATA, _SEALED, _FINISHED = "facts.json", "data", "sealed", "finished"


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload; ``length`` and ``digest`` (hex) where they were said when it began."""

    folder: Path
    length: int | None
    digest: str | None

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def offset(self) -> int:
        """How many bytes are here."""
        try:
            return (self.folder / _DATA).stat().st_size
        except FileNotFoundError:
            raise Refusal("EDX628", where=self.name) from None

    @property
    def finished(self) -> bool:
        """Whether all has come, and was handed in."""
        return (self.folder / _FINISHED).exists()

    def append(self, pieces: Iterable[bytes], at: int, *, last: bool) -> None:
        """Add what came, which begins ``at``; ``last``: of this request, so that it outlasts a power failure."""
        if (self.folder / _SEALED).exists():
            if any(pieces):
                raise Refusal("EDX421", where=self.name, detail=Detail("it is whole"))
            return
        try:
            with (self.folder / _DATA).open("r+b") as file:
                here = file.seek(0, os.SEEK_END)
                if here != at:
                    raise Refusal("EDX421", where=self.name, detail=Detail("it is at {here}", here=here))
                for piece in pieces:
                    file.write(piece)
                if last:
                    durable.flush(file)
        except FileNotFoundError:
            raise Refusal("EDX628", where=self.name) from None
        except OSError as error:
            raise spool.disk_setback(error) from error

    def whole(self) -> Body:
        """All that has come, as a body that belongs to the upload. From now on nothing can be added: what is accepted
        may be this very file, under another name."""
        path = self.folder / _DATA
        try:
            durable.write([(self.folder / _SEALED, b"")])
            return FileBody(path, self.offset, _digest_of(path), kept=True)
        except OSError as error:
            raise spool.disk_setback(error) from error

    def finish(self) -> None:
        """It was handed in, and is kept for those who ask again."""
        with suppress(OSError):
            (self.folder / _FINISHED).touch()

    def remove(self) -> None:
        """Nothing is left of it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def begin(node: StoredNode, office: str, root: Path, length: int | None, digest: str | None) -> Upload:
    """A new upload of an office."""
    node.bodies.require_room()
    folder, most = root / office, MOST_LARGEST * node.rules.limits.max_bytes
    there = [one for one in _of(folder) if not one.finished]
    size = sum(one.length or one.offset for one in there)
    if len(there) >= MOST or size + (length or 0) > most:
        raise Setback("EDX626", detail=Detail("{count} uploads with {size} bytes", count=len(there), size=size))
    made = folder / secrets.token_hex(16)
    try:
        durable.make_folder(made)
        durable.create(made / _DATA, b"")
        durable.create(made / _FACTS, json.dumps({"length": length, "digest": digest}).encode())
    except OSError as error:
        raise spool.disk_setback(error) from error
    return Upload(made, length, digest)


def find(office: str, root: Path, name: str) -> Upload:
    """An upload of this office. Raises Refusal EDX628."""
    folder = root / office / name
    if not _NAME.fullmatch(name):
        raise Refusal("EDX628", where=name[:40])
    try:
        facts = json.loads((folder / _FACTS).read_bytes())
        return Upload(folder, facts["length"], facts["digest"])
    except (OSError, ValueError, KeyError):
        raise Refusal("EDX628", where=name) from None


def sweep(root: Path) -> int:
    """Remove what nobody goes on with, and what was finished long enough ago; how many."""
    count, now = 0, time.time()
    for office in _folders(root):
        for folder in _folders(office):
            finished = folder / _FINISHED
            with suppress(OSError):
                if finished.exists():
                    over = now - finished.stat().st_mtime > FINISHED_SECONDS
                else:
                    data = folder / _DATA
                    over = now - (data if data.exists() else folder).stat().st_mtime > BEGUN_SECONDS
                if over:
                    shutil.rmtree(folder, ignore_errors=True)
                    count += 1
    return count


def _of(folder: Path) -> Iterator[Upload]:
    for each in _folders(folder):
        with suppress(Refusal):
            yield find(folder.name, folder.parent, each.name)


def _folders(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]
    except FileNotFoundError:
        return []


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    for piece in spool.read(path):
        digest.update(piece)
    return digest.hexdigest()
