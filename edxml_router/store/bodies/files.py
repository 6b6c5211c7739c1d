"""The bytes of accepted envelopes by digest: small ones in the database, large ones in files.

    bodies = BodyStore(engine, folder, reserve_bytes=512 * 1024**2)
    bodies.stage({digest: data})          # files first …
    with ledger.book() as book:
        book.bodies.add({digest: data})   # … then the row that refers to them

A file ``ab/cdef…`` never changes; what no row refers to (a crash between the two steps) goes with the sweep. Pieces of
bodies that arrive in chunks wait in ``chunks/PEER/DIGEST.SIZE.COUNT/``: no peer can add to what another has begun, and
the total begun by each can be computed from the names. Raises Setback EDX601 when the disk is full or holds less than
the reserve, EDX622 when it fails; EDX602 when the database is away.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, bindparam, select

from edxml_router.core.body import Body, MemoryBody
from edxml_router.core.detail import Detail
from edxml_router.core.link.wire import Chunk, Transfer
from edxml_router.core.problems import Defect, Setback
from edxml_router.core.xml.skeleton import LARGE_BYTES
from edxml_router.disk import durable, locks
from edxml_router.store.bodies import spool
from edxml_router.store.bodies.spool import FileBody, Spool, disk_setback
from edxml_router.store.bodies.table import INLINE_LIMIT, bodies
from edxml_router.store.database.engine import reading

RESERVE_BYTES: Final = 512 * 1024 * 1024
KEYS_MAX: Final = 500  # keys in one IN list

BLOCK_BYTES: Final = 4096  # bytes that a small file takes
LEAST_BYTES: Final = 1024 * 1024  # least bytes that a body arriving in chunks counts for

_DIGEST: Final = re.compile("[0-9a-f]{64}")
_PEER: Final = re.compile("[a-z0-9][a-z0-9_-]*")
_KEYS: Final[Any] = bindparam("keys", expanding=True)
_BODIES: Final = select(bodies.c.digest, bodies.c.data).where(bodies.c.digest.in_(_KEYS))
_FILED: Final = select(bodies.c.digest).where(bodies.c.digest.in_(_KEYS), bodies.c.data.is_(None))


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep has removed."""

    files: int = 0
    unfinished: int = 0
    chunks: int = 0  # incomplete bodies, with all their pieces


class BodyStore:
    """``ports.Bodies`` on a database and a folder, which workers of one machine share."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        inline_limit: int = INLINE_LIMIT,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._inline_limit = inline_limit
        self._reserve = reserve_bytes

    def receive(self, pieces: Iterable[bytes]) -> Body:
        with _disk():
            self._reserve_room(0)
            body = spool.set_down(self._folder / "incoming", pieces)
            try:
                self._reserve_room(0)  # its size was not known before
            except Setback:
                body.discard()
                raise
            return body

    def require_room(self) -> None:
        """Raises Setback EDX601 when nothing would be accepted, EDX622."""
        with _disk():
            self._reserve_room(0)

    def begin(self) -> Spool:
        """Like :meth:`receive`, for pieces that arrive at the sender's pace."""
        with _disk():
            self._reserve_room(0)
        return Spool(self._folder / "incoming")

    def stage(self, bodies: Mapping[str, Body]) -> None:
        held = {digest: body.held for digest, body in bodies.items() if body.held is not None}
        large = {digest: data for digest, data in held.items() if len(data) > self._inline_limit}
        received = {digest: body for digest, body in bodies.items() if isinstance(body, FileBody)}
        with _disk():
            # Small ones need room too, in a database that is usually on the same disk; received ones have it already.
            self._reserve_room(sum(map(len, held.values())))
            if not large and not received:
                return
            # Written even if the file exists: it may be damaged or left by a crash, and a fresh modification time keeps
            # the sweep away until the row is committed.
            with self._lock(shared=True):
                durable.write((self._path(digest), data) for digest, data in large.items())
                for digest, body in received.items():
                    os.utime(body.path)
                    durable.link(self._path(digest), body.path)

    def read(self, digests: Iterable[str]) -> Mapping[str, bytes]:
        found = self.open(digests)
        return {digest: body.whole() for digest, body in found.items()}

    def open(self, digests: Iterable[str]) -> Mapping[str, Body]:
        wanted = sorted(set(digests))
        found: dict[str, Body] = {}
        for start in range(0, len(wanted), KEYS_MAX):
            with reading(self._engine) as connection:
                rows = connection.execute(_BODIES, {"keys": wanted[start : start + KEYS_MAX]}).all()
            for digest, kept in rows:
                body = self._open_file(digest) if kept is None else MemoryBody(bytes(kept))
                if body is not None and body.digest == digest:
                    found[digest] = body
        return found

    def keep_chunk(self, peer: str, chunk: Chunk, piece: bytes, quota: int) -> bool:
        if not 0 <= chunk.number < chunk.count or len(piece) > chunk.size:
            detail = Detail(
                "chunk {number} of {count}, {length} of {size} bytes",
                number=chunk.number,
                count=chunk.count,
                length=len(piece),
                size=chunk.size,
            )
            raise Defect(detail, where="keep_chunk")
        folder = self._chunks(peer, chunk.envelope, chunk.size, chunk.count)
        with _disk():
            begun = {path.name for path in _entries(folder.parent)}
            if begun and folder.name not in begun and sum(map(_cost, (folder.name, *begun))) > quota:
                return False
            # Room for the whole body, so that one that cannot fit is put off at its first chunk.
            self._reserve_room(chunk.size)
            with self._lock(shared=True):
                durable.write([(folder / str(chunk.number), piece)])
        return True

    def assembled(self, peer: str, transfer: Transfer) -> Body | None:
        folder = self._chunks(peer, transfer.envelope, transfer.size, transfer.chunks)
        try:
            present = {path.name for path in folder.iterdir()}
            names = [str(number) for number in range(transfer.chunks)]
            if not present.issuperset(names):
                return None
            size = sum((folder / name).stat().st_size for name in names)
            pieces = (piece for name in names for piece in spool.read(folder / name))
            # A large body is copied, because different chunks could be sent while it is judged.
            whole = self.receive(pieces) if size > LARGE_BYTES else MemoryBody(b"".join(pieces))
        except FileNotFoundError:  # no piece yet, or swept just now
            return None
        except OSError as error:
            raise disk_setback(error) from error
        if whole.digest == transfer.envelope:
            return whole
        whole.discard()
        self.drop_chunks(peer, transfer.envelope)
        return None

    def drop_chunks(self, peer: str, envelope: str) -> None:
        _check(envelope)
        with _disk():
            for folder in _entries(self._begun_by(peer)):
                if folder.name.startswith(envelope):
                    _remove(folder)

    def remove(self, digests: Iterable[str], older_than: timedelta, now: datetime) -> None:
        with _disk():
            paths = [path for path in map(self._path, digests) if path.exists()]
            self._remove_old(self._unreferenced(paths), (now - older_than).timestamp())

    def sweep(self, older_than: timedelta, now: datetime) -> SweepResult:
        """Remove files and pieces that nothing refers to and nobody has touched for ``older_than``.

        It must exceed any time between :meth:`stage` and the following commit.
        """
        before = (now - older_than).timestamp()
        with _disk():
            files, unfinished = 0, 0
            for folder in _entries(self._folder):
                if len(folder.name) != 2:
                    continue
                paths = _entries(folder)
                parts = [path for path in paths if path.name.endswith(durable.TEMPORARY)]
                unfinished += self._remove_old(parts, before)
                whole = [path for path in paths if _DIGEST.fullmatch(folder.name + path.name)]
                files += self._remove_old(self._unreferenced(whole), before)
            unfinished += self._remove_old(_entries(self._folder / "incoming"), before)
            aside = [path for path in _entries(self._folder / "damaged") if not self.is_named(path.name)]
            unfinished += self._remove_old(aside, before)  # what is kept of a letter goes with the letter
            chunks = 0
            for peer in _entries(self._folder / "chunks"):
                for folder in _entries(peer):
                    chunks += self._remove_old_chunks(folder, before)
        return SweepResult(files, unfinished, chunks)

    def is_named(self, digest: str) -> bool:
        """Whether a row names this body."""
        with reading(self._engine) as connection:
            return connection.execute(select(bodies.c.digest).where(bodies.c.digest == digest)).first() is not None

    def set_aside(self, digest: str) -> None:
        """Keep what is left of a damaged body under ``damaged/``, for whoever wants to know what became of it."""
        aside = self._folder / "damaged" / digest
        with _disk():
            durable.make_folder(aside.parent)
            try:
                self._path(digest).rename(aside)
                durable.synchronise(aside.parent)
            except FileNotFoundError:
                with reading(self._engine) as connection:
                    query = select(bodies.c.data).where(bodies.c.digest == digest)
                    kept = connection.execute(query).scalar_one_or_none()
                if kept is not None:
                    durable.write([(aside, bytes(kept))])

    def _unreferenced(self, paths: list[Path]) -> list[Path]:
        loose = []
        for start in range(0, len(paths), KEYS_MAX):
            named = {path.parent.name + path.name: path for path in paths[start : start + KEYS_MAX]}
            with reading(self._engine) as connection:
                kept = set(connection.execute(_FILED, {"keys": list(named)}).scalars())
            loose += [path for digest, path in named.items() if digest not in kept]
        return loose

    def _remove_old(self, paths: Iterable[Path], before: float) -> int:
        removed = 0
        for path in paths:
            with self._lock():  # or a stage could refresh the file between look and removal
                try:
                    if path.stat().st_mtime < before:
                        path.unlink()
                        removed += 1
                except FileNotFoundError:
                    continue
        return removed

    def _remove_old_chunks(self, folder: Path, before: float) -> int:
        with self._lock():
            newest = max((path.stat().st_mtime for path in (folder, *_entries(folder))), default=0.0)
            if newest < before:
                _remove(folder)
                return 1
        return 0

    def _open_file(self, digest: str) -> Body | None:
        path = self._path(digest)
        try:
            size = path.stat().st_size
            if size <= LARGE_BYTES:
                return MemoryBody(path.read_bytes())
            # Read through once here, although it is read again when sent: sending a damaged body must not even begin.
            found = hashlib.sha256()
            for piece in spool.read(path):
                found.update(piece)
            return FileBody(path, size, digest, kept=True) if found.hexdigest() == digest else None
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.EIO:  # a bad sector: damaged like any other
                return None
            raise disk_setback(error) from error

    def _reserve_room(self, size: int) -> None:
        durable.make_folder(self._folder)
        state = os.statvfs(self._folder)
        free = state.f_bavail * state.f_frsize
        if free < self._reserve + size:
            raise Setback(
                "EDX601",
                where="bodies",
                detail=Detail("{free} bytes free, {reserve} in reserve", free=free, reserve=self._reserve),
            )

    @contextmanager
    def _lock(self, *, shared: bool = False) -> Iterator[None]:
        durable.make_folder(self._folder)
        with locks.locked(self._folder / ".lock", shared=shared):
            yield

    def _path(self, digest: str) -> Path:
        _check(digest)
        return self._folder / digest[:2] / digest[2:]

    def _begun_by(self, peer: str) -> Path:
        if not _PEER.fullmatch(peer):
            raise Defect(Detail("not a peer's name"), where="bodies")
        return self._folder / "chunks" / peer

    def _chunks(self, peer: str, envelope: str, size: int, count: int) -> Path:
        _check(envelope)
        # Another count means other cuts; its chunks do not fit.
        return self._begun_by(peer) / f"{envelope}.{size}.{count}"


def _cost(name: str) -> int:
    """Bytes on disk of a body that has been begun, once it is complete; small files take a block each."""
    _, size, count = name.split(".")
    return max(int(size), int(count) * BLOCK_BYTES, LEAST_BYTES)


def _check(digest: str) -> None:
    if not _DIGEST.fullmatch(digest):
        raise Defect(Detail("not a digest"), where="bodies")  # it would become a path


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, onerror=_unless_gone)


def _unless_gone(_call: Any, _path: str, info: Any) -> None:
    if not isinstance(info[1], FileNotFoundError):
        raise info[1]


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_setback(error) from error
