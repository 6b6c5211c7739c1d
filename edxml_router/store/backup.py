"""Copy a node's SQLite database and large bodies while the node works, and verify the copy.

    kept = backup(ledger, data / "bodies", Path("/backup/2026-11-27"), now, progress)

The database goes first, in one statement (``VACUUM INTO``): a snapshot for which writers do not wait, and which does
not wait for them. SQLite's online back-up restarts with every write of another process, so on a busy node it would
never end. The bodies named by *this copy* follow: a body is written before the row that names it and never changes, so
all of them exist; in the opposite order, mail accepted in between would lack its body. Bodies are copied rather than
linked, because a link shares the same sectors.

The copy says that it is one (``identity.copied_at``), so that a node which is started from it knows what it has
forgotten (:mod:`edxml_router.store.epochs.identity`). Until everything is verified and durable, the folder has another
name. Raises Refusal EDX608 on PostgreSQL, EDX908 when the folder cannot be made; Setback EDX601, EDX610; what is wrong
with the copied journal, or a body that is missing, is told in :class:`Kept`.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.disk import durable
from edxml_router.store import integrity
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database import sqlite_reasons
from edxml_router.store.database.columns import microseconds
from edxml_router.store.database.engine import connect, reading
from edxml_router.store.journal import verification
from edxml_router.store.ledger import SqlLedger

DATABASE: Final = "journal.db"
BODIES: Final = "bodies"
_BLOCK: Final = 1024 * 1024
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Backup:
    """What a back-up holds. ``missing`` are bodies that were gone or damaged already, ``damages`` of the journal."""

    folder: Path
    entries: int
    root: str
    bodies: int
    size: int  # bytes of the whole
    missing: tuple[str, ...]
    damages: tuple[Damage, ...]

    @property
    def sound(self) -> bool:
        return not self.missing and not self.damages


Progress = Callable[[int, int], None]  # bodies done, of the total


def backup(ledger: SqlLedger, source: Path, folder: Path, now: datetime, progress: Progress | None = None) -> Backup:
    """Make ``folder``, which must not exist; ``source`` is the folder of the bodies."""
    if ledger.engine.dialect.name != "sqlite":
        raise Refusal("EDX608", where="store.url", detail=ledger.engine.dialect.name)
    if folder.exists():
        raise Refusal("EDX908", where=str(folder), detail=Detail("it is there already"))
    unfinished = folder.with_name(folder.name + durable.TEMPORARY)
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # left by an interrupted back-up
        durable.make_folder(unfinished)
    except OSError as error:
        raise Refusal("EDX908", where=str(folder), detail=in_words(error)) from error
    try:
        _copy_database(ledger, unfinished / DATABASE, now)
        kept = _copy_bodies(source, unfinished, folder, progress)
        durable.synchronise(unfinished)
        unfinished.rename(folder)  # from this moment there is a back-up; before it, only something unfinished
        durable.synchronise(folder.parent)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise Setback("EDX601", where=str(folder), detail=in_words(error)) from error
    return kept


def _copy_database(ledger: SqlLedger, target: Path, now: datetime) -> None:
    try:
        with ledger.engine.connect() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101  # by the dialect
            source.execute("VACUUM INTO ?", (str(target),))  # outside a transaction: nothing was begun
        with closing(sqlite3.connect(target)) as copy:
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            copy.execute("UPDATE identity SET copied_at = ?", (microseconds(now),))
            copy.commit()
    except sqlite3.Error as error:
        damaged = sqlite_reasons.primary(error) in sqlite_reasons.DAMAGED
        detail = sqlite_reasons.sqlite_reason(error)
        raise Setback("EDX610" if damaged else "EDX601", where=str(target.parent), detail=detail) from error
    target.chmod(0o600)
    durable.synchronise(target)


def _copy_bodies(source: Path, unfinished: Path, folder: Path, progress: Progress | None) -> Backup:
    """Copy the bodies that the copied database names, and verify the whole copy."""
    engine = connect(f"sqlite:///{unfinished / DATABASE}")
    try:
        if damage := integrity.database_damage(engine):
            raise Setback("EDX610", where=str(unfinished / DATABASE), detail=damage)
        found = verification.verify(engine)
        with reading(engine) as connection:
            filed = select(func.count()).select_from(bodies).where(bodies.c.data.is_(None))
            count = connection.execute(filed).scalar_one()
            digests = _filed(connection)
            size, done, missing = 0, 0, []
            for digest in digests:
                path = Path(digest[:2]) / digest[2:]
                copied = _copy_body(source / path, unfinished / BODIES / path, digest)
                missing += [] if copied is not None else [digest]
                size, done = size + (copied or 0), done + 1
                if progress:
                    progress(done, count)
    finally:
        engine.dispose()
    (unfinished / f"{DATABASE}-wal").unlink(missing_ok=True)
    (unfinished / f"{DATABASE}-shm").unlink(missing_ok=True)
    size += (unfinished / DATABASE).stat().st_size
    return Backup(folder, found.size + found.unnumbered, found.root, done, size, tuple(missing), found.damages)


def _filed(connection: object) -> Iterator[str]:
    after = ""
    while True:
        query = select(bodies.c.digest).where(bodies.c.data.is_(None), bodies.c.digest > after)
        page = connection.execute(query.order_by(bodies.c.digest).limit(_PAGE)).scalars().all()  # type: ignore[attr-defined]
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1]


def _copy_body(source: Path, target: Path, digest: str) -> int | None:
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
