"""Put a copy in the place of what was lost.

    require_empty(engine)                              # Refusal EDX679: a journal is never written over
    restore_bodies(folder, data / "bodies")            # first, as when mail is accepted: then the rows that name them
    restore_database(folder / "journal.db", engine)    # into the file, or the PostgreSQL, of a node

What is copied keeps that it is a copy, so whoever opens it begins a new epoch. A crash leaves a database without
entries, or the whole one: repeat the restore. Raises Setback EDX601, EDX602, EDX610, EDX622.
"""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, inspect, select, text

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.disk import durable
from edxml_router.store.bodies.spool import disk_setback
from edxml_router.store.copies.making import BODIES, copy_body
from edxml_router.store.copies.manifest import Progress, files_of
from edxml_router.store.copies.rows import load_rows
from edxml_router.store.database import migrate, sqlite_reasons
from edxml_router.store.database.engine import connect, reading
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.epochs.tables import epochs, identity, numbers, recoveries, renames, resyncs
from edxml_router.store.journal.table import journal

_FIRST: Final = (identity, epochs, numbers, recoveries, renames, resyncs)  # what `init` and a first start leave
_BESIDE: Final = ("-wal", "-shm")


def require_empty(engine: Engine) -> None:
    """A database that has no tables yet, or nothing in its journal. Raises Refusal EDX679."""
    with reading(engine) as connection:
        if not inspect(connection).has_table(journal.name):
            return
        for table in (journal, envelopes):
            if connection.execute(select(text("1")).select_from(table).limit(1)).first() is not None:
                raise Refusal("EDX679", where="store.url", detail=Detail("{table} has rows", table=table.name))


def restore_bodies(folder: Path, target: Path, progress: Progress | None = None) -> int:
    """Copy the large bodies that are not there yet, or are there damaged; how many."""
    copied = 0
    for name in files_of(folder):
        parts = Path(name).parts
        if parts[0] != BODIES or len(parts) != 3:
            continue
        digest = "".join(parts[1:])
        try:
            under_way = durable.temporary(target / parts[1])
            if copy_body(folder / name, under_way, digest) is None:
                raise Refusal("EDX678", where=str(folder / name), detail=Detail("not what its name says"))
            under_way.replace(target / parts[1] / parts[2])
            durable.synchronise(target / parts[1])
        except OSError as error:
            raise disk_setback(error) from error
        copied += 1
        if progress:
            progress(1)
    return copied


def restore_database(copy: Path, engine: Engine, scratch: Path, progress: Progress | None = None) -> None:
    """Put the copied journal in the place of an empty one, at this version's schema. ``scratch`` is a folder for what
    is under way; it is on the disk of the database where that is a file."""
    under_way = scratch / f"restored{durable.TEMPORARY}"
    for beside in ("", *_BESIDE):
        Path(f"{under_way}{beside}").unlink(missing_ok=True)  # of an interrupted one
    try:
        shutil.copyfile(copy, under_way)
        under_way.chmod(0o600)
        brought = connect(f"sqlite:///{under_way}")
        try:
            migrate.upgrade(brought)
        finally:
            brought.dispose()  # the last connection brings the log back into the file
        if engine.dialect.name == "sqlite":
            _replace(under_way, Path(str(engine.url.database)), engine)
        else:
            _load(under_way, engine, progress)
    except OSError as error:
        raise disk_setback(error) from error
    finally:
        for beside in ("", *_BESIDE):
            Path(f"{under_way}{beside}").unlink(missing_ok=True)


def _replace(made: Path, target: Path, engine: Engine) -> None:
    require_empty(engine)
    engine.dispose()
    durable.synchronise(made)
    for beside in _BESIDE:  # of the empty one: they do not belong to what takes its place
        Path(f"{target}{beside}").unlink(missing_ok=True)
    made.replace(target)  # from this moment the node has its journal again; before it, an empty one
    durable.synchronise(target.parent)


def _load(source: Path, engine: Engine, progress: Progress | None) -> None:
    migrate.upgrade(engine)
    require_empty(engine)
    try:
        load_rows(source, engine, _FIRST, progress)
    except sqlite3.Error as error:
        raise Setback("EDX610", where=str(source), detail=sqlite_reasons.sqlite_reason(error)) from error
