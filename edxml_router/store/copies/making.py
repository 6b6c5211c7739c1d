"""Copy a node's database and large bodies while the node works, and verify the copy.

    made = make_copy(ledger, data / "bodies", Path("/backup/2026-11-27"), whose, now, progress)

The database goes first, as one snapshot for which no writer waits and which waits for none: of SQLite in one statement
(``VACUUM INTO``), since its online back-up restarts with every write of another process, so on a busy node it would
never end; of PostgreSQL by one transaction, into a file of SQLite (:mod:`edxml_router.store.copies.rows`). The bodies
named by *this copy* follow: a body is written before the row that names it and never changes, so all of them exist; in
the opposite order, mail accepted in between would lack its body. Bodies are copied rather than linked, because a link
shares the same sectors. Then everything is read back, and the manifest written.

The copy says that it is one (``identity.copied_at``), so that a node which is started from it knows what it has
forgotten (:mod:`edxml_router.store.epochs.identity`). Until everything is verified and durable, the folder has another
name. Raises Refusal EDX908 when the folder cannot be made; Setback EDX601, EDX602, EDX610; what is wrong with the
copied journal, or a body that is missing, is told in :class:`Backup`.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, select

from edxml_router import __version__
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import durable
from edxml_router.store import integrity
from edxml_router.store.bodies.table import bodies
from edxml_router.store.copies.manifest import Manifest, Progress, file_digest, write_manifest
from edxml_router.store.copies.rows import dump_rows
from edxml_router.store.database import migrate, sqlite_reasons
from edxml_router.store.database.columns import microseconds
from edxml_router.store.database.engine import connect, reading
from edxml_router.store.epochs.tables import identity
from edxml_router.store.journal import verification
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.views import SqlViews

DATABASE: Final = "journal.db"
BODIES: Final = "bodies"
CONFIGURATION: Final = "configuration"
_BLOCK: Final = 1024 * 1024
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Backup:
    """What a back-up holds. ``digest`` is that of its manifest; ``damages`` are of the journal."""

    folder: Path
    manifest: Manifest
    digest: str
    damages: tuple[Damage, ...]

    @property
    def sound(self) -> bool:
        return not self.manifest.missing and not self.damages


def make_copy(
    ledger: SqlLedger,
    source: Path,
    folder: Path,
    now: datetime,
    progress: Progress | None = None,
    files: Mapping[str, Path] | None = None,
) -> Backup:
    """Make ``folder``, which must not exist; ``source`` is the folder of the bodies; ``files`` are those of the
    configuration, by the names that they get."""
    if folder.exists():
        raise Refusal("EDX908", where=str(folder), detail=Detail("it is there already"))
    unfinished = folder.with_name(folder.name + durable.TEMPORARY)
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # left by an interrupted back-up
        durable.make_folder(unfinished)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder), detail=in_words(error)) from error
    try:
        _copy_database(ledger, unfinished / DATABASE, now, progress)
        made = _Making(ledger, source, unfinished, folder, progress, files or {}).finish(now)
        durable.synchronise(unfinished)
        unfinished.rename(folder)  # from this moment there is a back-up; before it, only something unfinished
        durable.synchronise(folder.parent)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise Setback("EDX601", where=str(folder), detail=in_words(error)) from error
    return made


def _copy_database(ledger: SqlLedger, target: Path, now: datetime, progress: Progress | None) -> None:
    try:
        if ledger.engine.dialect.name == "sqlite":
            with ledger.engine.connect() as connection:
                source = connection.connection.driver_connection
                assert isinstance(source, sqlite3.Connection)  # noqa: S101  # by the dialect
                source.execute("VACUUM INTO ?", (str(target),))  # outside a transaction: nothing was begun
        else:
            dump_rows(ledger.engine, target, progress)
        with closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            copy.execute("UPDATE identity SET copied_at = ?", (microseconds(now),))
            copy.commit()
    except sqlite3.Error as error:
        damaged = sqlite_reasons.is_damaged(error)
        detail = sqlite_reasons.sqlite_reason(error)
        raise Setback("EDX610" if damaged else "EDX601", where=str(target.parent), detail=detail) from error
    target.chmod(0o600)
    durable.synchronise(target)


@dataclass(slots=True)
class _Making:
    """What follows once the database is copied."""

    ledger: SqlLedger
    source: Path
    unfinished: Path
    folder: Path
    progress: Progress | None
    files: Mapping[str, Path]

    def finish(self, now: datetime) -> Backup:
        """Copy the bodies that the copied database names, and the configuration; verify the whole, and write down what
        it is."""
        engine = connect(f"sqlite:///{self.unfinished / DATABASE}")
        try:
            if damage := integrity.database_damage(engine):
                raise Setback("EDX610", where=str(self.unfinished / DATABASE), detail=damage)
            found = verification.verify(engine)
            views = SqlViews(engine)
            signed = views.signed_checkpoint()
            lines = "".join(one.line for one in views.cosignatures(signed.size)) if signed else ""
            with reading(engine) as connection:
                row = connection.execute(select(identity)).one_or_none()
                copied, missing, size = self._copy_bodies(connection)
            schema = migrate.current(engine)
        finally:
            engine.dispose()
        for beside in ("-wal", "-shm"):
            (self.unfinished / f"{DATABASE}{beside}").unlink(missing_ok=True)
        for name, path in self.files.items():
            self._copy_file(path, self.unfinished / CONFIGURATION / name)
        manifest = Manifest(
            node=row.node if row else "",
            made_at=now,
            version=__version__,
            schema=schema,
            database=self.ledger.engine.dialect.name,
            epoch=row.epoch if row else "",
            entries=found.size + found.unnumbered,
            size=found.size,
            root=found.root,
            checkpoint=(signed.note or b"").decode() + lines if signed else "",
            bodies=copied,
            bytes=size + (self.unfinished / DATABASE).stat().st_size,
            missing=tuple(missing),
            configuration=bool(self.files),
        )
        return Backup(self.folder, manifest, write_manifest(self.unfinished, manifest, self._sums()), found.damages)

    def _copy_bodies(self, connection: Connection) -> tuple[int, list[str], int]:
        """How many, which of them were gone or damaged already, and their bytes."""
        copied, missing, size = 0, [], 0
        for digest in _filed(connection):
            path = Path(digest[:2]) / digest[2:]
            length = copy_body(self.source / path, self.unfinished / BODIES / path, digest)
            if length is not None:
                copied, size = copied + 1, size + length
            elif _is_named(self.ledger.engine, digest):  # else it was let go since the snapshot
                missing.append(digest)
            self._advance()
        return copied, missing, size

    def _copy_file(self, source: Path, target: Path) -> None:
        durable.write([(target, source.read_bytes())])

    def _sums(self) -> Mapping[str, str]:
        """The digests of what now lies on the disk, read back. Raises OSError where a body is not what it is called."""
        sums = {}
        for path in sorted(self.unfinished.rglob("*")):
            if not path.is_file():
                continue
            name = path.relative_to(self.unfinished)
            sums[name.as_posix()] = digest = file_digest(path)
            if name.parts[0] == BODIES and "".join(name.parts[1:]) != digest:
                raise OSError(Detail("{name} cannot be read back as it was written", name=name))
            self._advance()
        return sums

    def _advance(self) -> None:
        if self.progress:
            self.progress(1)


def _is_named(engine: Engine, digest: str) -> bool:
    with reading(engine) as connection:
        return connection.execute(select(bodies.c.digest).where(bodies.c.digest == digest)).one_or_none() is not None


def _filed(connection: Connection) -> Iterator[str]:
    after = ""
    while True:
        query = select(bodies.c.digest).where(bodies.c.data.is_(None), bodies.c.digest > after)
        page = connection.execute(query.order_by(bodies.c.digest).limit(_PAGE)).scalars().all()
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]


def copy_body(source: Path, target: Path, digest: str) -> int | None:
    """Copy one body durably, hashing what is written; None where the content does not match the name."""
    durable.make_folder(target.parent)
    seen = hashlib.sha256()
    try:
        with source.open("rb") as given, durable.new_file(target) as copy:
            while block := given.read(_BLOCK):
                seen.update(block)
                copy.write(block)
            size = copy.tell()
    except FileNotFoundError:
        return None
    if seen.hexdigest() != digest:
        target.unlink()
        return None
    durable.synchronise(target.parent)
    return size
