"""Room in the database's file that nothing uses any more, and giving it back to the disk.

SQLite keeps the pages of what was removed for what comes, and a file never becomes smaller by itself. With
``auto_vacuum = INCREMENTAL``, which databases have that this version makes, pages go back some at a time, in a few
milliseconds and without room of their own. An older file has to be written anew once (:func:`compact`), for which mail
waits. PostgreSQL does it by itself: its autovacuum lets the room be used again.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.store.database import sqlite_reasons

_INCREMENTAL: Final = 2
SPARED: Final = 10  # of so many pages one stays free for what comes: giving it back would only be undone


@dataclass(frozen=True, slots=True)
class FileSpace:
    """Of a file of SQLite: its bytes, those that are free in it, and whether they can be given back a little at a
    time."""

    size: int
    free: int
    gradual: bool


def file_space(engine: Engine) -> FileSpace | None:
    """How much is free; None for a server, which does not say."""
    if engine.dialect.name != "sqlite":
        return None
    with _raw(engine) as connection:
        page, count, free, mode = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_size", "page_count", "freelist_count", "auto_vacuum")
        )
    return FileSpace(page * count, page * free, mode == _INCREMENTAL)


def give_back(engine: Engine, pages: int) -> int:
    """Give at most so many free pages back to the disk, in one short transaction; the bytes given back, 0 when no more
    is to be given. Raises Setback."""
    space = file_space(engine)
    if space is None or not space.gradual:
        return 0
    with _raw(engine) as connection:
        page = int(connection.execute("PRAGMA page_size").fetchone()[0])
        spare = (space.free - space.size // SPARED) // page
        if spare <= 0:
            return 0
        # As a script: of a single statement that gives no rows the driver makes one step only, which is one page.
        connection.executescript(f"PRAGMA incremental_vacuum({min(pages, spare)})")
    after = file_space(engine)
    return space.size - after.size if after is not None else 0


def compact(engine: Engine) -> tuple[int, int]:
    """Write the whole file anew without what is free, after which pages can be given back; its bytes before and after.
    Writers wait meanwhile. Raises Refusal EDX673 for a server; Setback EDX601 where the disk has no room for it."""
    space = file_space(engine)
    if space is None:
        raise Refusal("EDX673", where="store.url", detail=engine.dialect.name)
    path = Path(engine.url.database or "")
    needed, free = 2 * (space.size - space.free), shutil.disk_usage(path.parent).free
    if free < needed:  # the new copy, and the log with it
        detail = Detail("{free} bytes free, {needed} needed", free=free, needed=needed)
        raise Setback("EDX601", where=str(path), detail=detail)
    with _raw(engine) as connection:
        connection.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    after = file_space(engine)
    return space.size, after.size if after is not None else 0


def empty_log(engine: Engine, *, wait: bool = True) -> bool:
    """Write what the log beside a file of SQLite has into the file, and cut the log, so that it holds nothing of
    before; False where a reader kept it from that, for whom it may ``wait`` as for any lock. Of a server nothing is
    done: its log is its own."""
    if engine.dialect.name != "sqlite":
        return True
    with _raw(engine) as connection:
        [(patience,)] = connection.execute("PRAGMA busy_timeout").fetchall()
        if not wait:
            connection.execute("PRAGMA busy_timeout = 0").fetchall()
        try:
            [(busy, _, _)] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:  # the connection goes back to the others
            connection.execute(f"PRAGMA busy_timeout = {patience}").fetchall()
    return not busy


@contextmanager
def _raw(engine: Engine) -> Iterator[sqlite3.Connection]:
    """The driver's connection outside a transaction, as these statements want it."""
    try:
        with engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)  # noqa: S101  # by the dialect
            yield raw
    except sqlite3.Error as error:
        full = sqlite_reasons.primary(error) == sqlite3.SQLITE_FULL
        detail = sqlite_reasons.sqlite_reason(error)
        raise Setback("EDX601" if full else "EDX602", where="store.url", detail=detail) from error
