"""A database that is only read: a copy, a back-up, or a node's own while the node runs.

    with closing(open_views(read_place("backup/journal.db"))) as views: …     # or a URL

No configuration or data folder is needed, and it does not matter whose database it is: the mark that a node keeps
beside its journal (:mod:`edxml_router.store.epochs.identity`) concerns serving mail from it, not reading. Nothing is
created, upgraded or left beside it.

SQLite would leave files: a reader of a database in WAL mode makes ``-shm`` and ``-wal`` where they are missing, even
with ``mode=ro``. So the method depends on what is there:

- the file alone, as ``edxml-router backup`` makes it: ``immutable=1``. No lock, no file, and a folder that cannot be
  written to will do. SQLite then looks at nothing beside the file, so this would miss the newest entries where a log
  lies there;
- with ``-wal`` and ``-shm``, of a running node or one that was killed: ``mode=ro&readonly_shm=1``, which takes the
  locks of readers and looks at the log; where no writer is alive SQLite keeps its index of the log in memory;
- with a ``-wal`` that holds something but without ``-shm``, as ``cp`` of two files leaves it: SQLite has no way to read
  that without making ``-shm``, so it is read as a copy in a temporary folder (TMPDIR).

On PostgreSQL each transaction is read-only by the session's default.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import be_strict, connect, reading
from edxml_router.store.journal.table import journal
from edxml_router.store.views import SqlViews

_HEAD: Final = b"SQLite format 3\x00"


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """Where a database is: a file, or a server's; ``shown`` has no password."""

    shown: str
    path: Path | None = None
    url: str = ""


def read_place(text: str) -> DatabasePlace:
    """What was typed as a database: a path, or a URL. Raises ValueError with what is wrong; no password is in it."""
    if "://" not in text:
        if not text or "\0" in text:
            raise ValueError(Detail("a path is a text that is not empty"))
        return DatabasePlace(text, Path(text))
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ValueError(Detail("not a database URL")) from error
    kind = url.get_backend_name()
    if kind == "sqlite":
        if not url.database or url.database == ":memory:" or url.host or url.query or "\0" in url.database:
            raise ValueError(Detail("it names no file: sqlite:///PATH, with four slashes for a path from the root"))
        return DatabasePlace(url.database, Path(url.database))
    if kind != "postgresql":
        raise ValueError(Detail("{kind} is not supported", kind=kind))
    return DatabasePlace(url.render_as_string(hide_password=True), url=text)


class OpenedViews(SqlViews):
    """The views of such a database."""

    def __init__(self, engine: Engine, temporary: TemporaryDirectory[str] | None = None) -> None:
        super().__init__(engine)
        self._temporary = temporary

    def close(self) -> None:
        super().close()
        if self._temporary is not None:
            self._temporary.cleanup()


def open_views(place: DatabasePlace) -> OpenedViews:
    """Open it. Raises Refusal EDX902 where no such file is, EDX610 where it is another kind of file; Setback EDX601
    where the temporary folder has no room for a copy. A server is not asked before the first question."""
    if place.path is None:
        return OpenedViews(connect(place.url, read_only=True))
    _require_file(place.path)
    beside = _beside(place.path)
    if beside == {"-wal"}:
        return _open_copy(place.path)
    return OpenedViews(_engine(place.path, "readonly_shm=1" if beside else "immutable=1"))


def compare_schema(engine: Engine) -> str:
    """Whether a database has another schema than this program knows: "older", "newer", or empty for the same.

    Raises Refusal EDX610 where there is no journal in it.
    """
    with reading(engine) as connection:
        if not inspect(connection).has_table(journal.name):
            raise Refusal("EDX610", where="store.url", detail=Detail("there is no journal in it"))
    found = migrate.current(engine)
    if found == migrate.newest():
        return ""
    return "older" if migrate.is_known(found) else "newer"


def _beside(path: Path) -> set[str]:
    """What lies beside a file and matters to who reads it: a log that holds something, or that a node has open; a
    journal of a transaction that was broken off, which SQLite then refuses to overlook."""
    log, index, undo = (Path(f"{path}{end}") for end in ("-wal", "-shm", "-journal"))
    if undo.exists() and undo.stat().st_size:
        return {"-journal"}
    if not log.exists() or not (log.stat().st_size or index.exists()):
        return set()
    return {"-wal", "-shm"} if index.exists() else {"-wal"}


def _require_file(path: Path) -> None:
    try:
        if not path.is_file():
            missing = Detail("not a regular file") if path.exists() else Detail("no such file")
            raise Refusal("EDX902", where=str(path), detail=missing)
        with path.open("rb") as file:
            if file.read(len(_HEAD)) != _HEAD:
                raise Refusal("EDX610", where=str(path), detail=Detail("not a file of SQLite"))
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error


def _open_copy(path: Path) -> OpenedViews:
    temporary = TemporaryDirectory(prefix="edxml-router-")
    try:
        for end in ("", "-wal"):
            shutil.copyfile(f"{path}{end}", Path(temporary.name) / f"journal.db{end}")
    except OSError as error:
        temporary.cleanup()
        raise Setback("EDX601", where=temporary.name, detail=in_words(error)) from error
    return OpenedViews(_engine(Path(temporary.name) / "journal.db", ""), temporary)


def _engine(path: Path, how: str) -> Engine:
    engine = sqlalchemy.create_engine("sqlite://", creator=_opener(f"{path.absolute().as_uri()}?mode=ro&{how}"),
                                      poolclass=QueuePool)  # fmt: skip
    be_strict(engine)
    event.listen(engine, "begin", _begin)
    return engine


def _opener(uri: str) -> Callable[[], Any]:
    def open_file() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection

    return open_file


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
