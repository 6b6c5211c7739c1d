"""The database behind the ledger, by URL, set up so that committed means durable.

``connect("sqlite:////var/lib/edxml-router/ledger.db")`` or
``connect("postgresql+psycopg://user@host/name")``. A transaction begins with the write lock on SQLite
(``BEGIN IMMEDIATE``): begun as a reader, it would fail at its first write with "database is locked" at once,
whatever the time-out. Readers ask for ``reading(engine)``.

Every driver error is turned into a problem here, in :func:`troubles`: Setback EDX601 (disk full), EDX602 (away,
deadlock, serialization), EDX610 (no database), EDX622 (read-only, or the disk fails), EDX624 (silent, or a lock is held
for too long), Defect for anything else. After a Setback nothing of the transaction is in force, with one exception that
no database can avoid: when the connection breaks during COMMIT, the outcome is unknown. A repeat must therefore be
recognised by digest, identity or version.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect, Refusal, Setback, Trouble
from edxml_router.core.wording import in_words
from edxml_router.store.database import sqlite_reasons
from edxml_router.store.database.columns import STRICT
from edxml_router.store.database.patience import PATIENCE_SECONDS, options, patient
from edxml_router.store.database.postgres_reasons import POOLER, postgres_reason

WORKER: Final = "edxml-router worker"  # what PostgreSQL shows of a worker's connections
BUSY_MILLISECONDS: Final = 10_000  # how long a writer waits for another
WAL_BYTES: Final = 64 * 1024 * 1024  # the log file is cut back to this after a checkpoint

_SQLITE_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}",  # first: the next statement may have to wait
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL may lose the newest commits in a power failure
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 4000",  # pages; the default of 1000 is three batches with their bodies
    f"PRAGMA journal_size_limit = {WAL_BYTES}",
    "PRAGMA cache_size = -16384",  # KiB
)

_SQLITE_FULL: Final = frozenset({sqlite3.SQLITE_FULL})
_SQLITE_FAULT: Final = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM}
)
_SQLITE_HELD: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_AWAY: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_PROTOCOL,
    }
)
# Classes and codes of SQLSTATE: 08 connection, 40 rolled back (deadlock, serialization), 53 out of resources,
# 55 lock not available, 57 shut down, 58 the server's disk, 28 and 3D cannot log in, 25006 a standby.
_DIRECT: Final = "edxml_router.direct"  # one of our connection settings: is it still in force?
# XX001 and XX002 are data and indexes that are damaged.
_STATES_DAMAGED: Final = ("XX001", "XX002")
_STATES_FULL: Final = ("53100", "58030")
_LATE: Final = {
    "55P03": Detail("SQLSTATE 55P03: another session holds a lock"),
    "57014": Detail("SQLSTATE 57014: a statement took too long, and was ended"),
}
_STATES_AWAY: Final = ("08", "40", "53", "55", "57", "58", "28", "3D", "25006")


def connect(
    url: str | URL,
    password: Callable[[], str | None] = lambda: None,
    patience: int = PATIENCE_SECONDS,
    label: str = "edxml-router",
    *,
    read_only: bool = False,
) -> Engine:
    """The engine for a URL, with a password that is not written in it: ``password`` is asked before each connection,
    so that one that was changed holds from the next connection on. ``patience``: seconds for one statement;
    ``label``: what PostgreSQL shows of the connection; ``read_only``: PostgreSQL lets none of its transactions write
    (for a file of SQLite see :mod:`edxml_router.store.read_only`).

    Nothing is opened yet; raises Refusal EDX901 when the URL is not one of ours.
    """
    try:
        target = make_url(url)
    except ArgumentError as error:
        raise Refusal("EDX901", where="store.url", detail=Detail("not a database URL")) from error
    if target.get_backend_name() == "sqlite":
        engine = sqlalchemy.create_engine(target)
        be_strict(engine)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if target.get_backend_name() != "postgresql":
        raise Refusal(
            "EDX901", where="store.url", detail=Detail("{kind} is not supported", kind=target.get_backend_name())
        )
    try:
        # A commit is durable by the server's default (synchronous_commit = on); a role may not weaken that
        # for us.
        waits = options(patience)
        waits["options"] += f" -c synchronous_commit=on -c {_DIRECT}=on"
        if read_only:
            waits["options"] += " -c default_transaction_read_only=on"
        engine = sqlalchemy.create_engine(
            target.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            connect_args={**waits, "application_name": label},
        )
        event.listen(engine, "do_connect", _logging_in(password))
        event.listen(engine, "do_connect", patient(patience))  # it connects, so that those after it are not asked
    except ImportError as error:
        missing = Detail("psycopg: install edxml-router[postgresql]")
        raise Refusal("EDX904", where="store.url", detail=missing) from error
    event.listen(engine, "connect", _require_direct)
    return engine


def be_strict(engine: Engine) -> None:
    """Have a file of SQLite read as what its columns are: a value of another kind raises Setback EDX610."""
    engine.dialect.colspecs = {**engine.dialect.colspecs, **STRICT}


def _logging_in(password: Callable[[], str | None]) -> Callable[..., None]:
    """A listener that puts the password of this moment to what a connection is made with."""

    def log_in(_dialect: Any, _record: Any, _arguments: Any, named: dict[str, Any]) -> None:
        try:
            given = password()
        except Refusal as refusal:  # half replaced, perhaps: a running node waits for it
            raise Setback("EDX602", where=refusal.finding.where, detail=refusal.finding.detail) from refusal
        if given is not None:
            named["password"] = given

    return log_in


def served_elsewhere(engine: Engine) -> bool:
    """Whether workers use this database now. A file of SQLite has those of one machine only, and a lock says that."""
    return working(engine) > 0


def working(engine: Engine) -> int:
    """The connections of workers to this database, of all machines; 0 for a file of SQLite. Raises Setback EDX602."""
    if engine.dialect.name == "sqlite":
        return 0
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :label"
    )
    with reading(engine) as connection:
        return int(connection.execute(query, {"label": WORKER}).scalar_one())


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and blocks no writer. Raises Setback EDX601, EDX602."""
    with troubles(), engine.connect().execution_options(edxml_reading=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction, committed when the block ends, undone when it raises. Raises Setback EDX601, EDX602."""
    with troubles(), engine.begin() as connection:
        yield connection


def alone(connection: Connection, lock: int) -> None:
    """Wait until no other transaction has this advisory lock, which this one has until its end: what it reads from now
    on nobody changes who takes the lock, too. A writer of SQLite is alone anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})


@contextmanager
def troubles() -> Iterator[None]:
    """Turn what SQLAlchemy raises inside the block into a problem."""
    try:
        yield
    except SQLAlchemyError as error:
        raise database_trouble(error) from error


def database_trouble(error: SQLAlchemyError) -> Trouble:
    """The problem behind a database error. Its text is left out, because it may quote rows."""
    if isinstance(error, PoolTimeout):
        return Setback("EDX602", detail=Detail("no free connection"))
    if not isinstance(error, DBAPIError):
        return Defect(in_words(error), where="store")
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        name, primary = sqlite_reasons.sqlite_reason(cause), sqlite_reasons.primary(cause)
        if primary in _SQLITE_FULL:
            return Setback("EDX601", detail=name)
        if primary in _SQLITE_FAULT:
            return Setback("EDX622", where="store.url", detail=name)
        if primary in _SQLITE_HELD:
            return Setback("EDX624", where="store.url", detail=name)
        if sqlite_reasons.is_damaged(cause):  # a person must mend it; until then the node takes nothing
            return Setback("EDX610", where="store.url", detail=name)
        return Setback("EDX602", detail=name) if primary in _SQLITE_AWAY else Defect(name, where="store")
    state = getattr(cause, "sqlstate", None)
    if late := Detail("the server has fallen silent") if getattr(cause, "silent", False) else _LATE.get(state or ""):
        return Setback("EDX624", where="store.url", detail=late)
    if why := postgres_reason(cause):
        return Setback("EDX602", where="store.url", detail=why)
    if state is None:  # psycopg has no code for a connection that could not be made or broke
        lost = isinstance(error, sqlalchemy.exc.OperationalError) or error.connection_invalidated
        name = in_words(cause or error)
        return Setback("EDX602", detail=Detail("no connection")) if lost else Defect(name, where="store")
    # psycopg names its classes as the manual names the states.
    told = Detail("SQLSTATE {state}: {reason}", state=state, reason=in_words(cause or error))
    for code, states in (("EDX610", _STATES_DAMAGED), ("EDX601", _STATES_FULL), ("EDX602", _STATES_AWAY)):
        if state.startswith(states):
            return Setback(code, where="store.url" if code == "EDX610" else "", detail=told)
    return Defect(told, where="store")


def probe_tables(engine: Engine, tables: Iterable[str]) -> None:
    """See that the tables could be written now; nothing is. Raises Setback with what is in the way."""
    with writing(engine) as connection:  # which takes the write lock of SQLite
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"LOCK TABLE {', '.join(tables)} IN ROW EXCLUSIVE MODE")
        connection.rollback()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    _shut(connection)
    connection.isolation_level = None  # the driver begins nothing by itself; _begin_sqlite does
    if not connection.execute("PRAGMA page_count").fetchone()[0]:  # a new file; in another it would wait for writers
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # see store.database.space
    for pragma in _SQLITE_PRAGMAS:
        connection.execute(pragma)


def _require_direct(connection: Any, _record: Any) -> None:
    """A pooler that was told to ignore what we ask for at the start ignores that a commit has to be durable, and gives
    each transaction another session: no lock of a session is ours then. Nothing else tells such a connection."""
    with connection.cursor() as cursor:
        [(shown,)] = cursor.execute("SELECT current_setting(%s, true)", (_DIRECT,)).fetchall()
    connection.rollback()
    if shown != "on":
        raise Setback("EDX602", where="store.url", detail=POOLER)


def _shut(connection: Any) -> None:
    """The database for its owner alone, whatever the umask was: mail is in it. SQLite gives the files beside it the
    mode that it has."""
    for _, name, path in connection.execute("PRAGMA database_list"):
        for each in (path, f"{path}-wal", f"{path}-shm") if name == "main" and path else ():
            with suppress(FileNotFoundError):
                status = Path(each).stat()
                if status.st_mode & 0o077 and status.st_uid == os.geteuid():
                    Path(each).chmod(0o600)


def _begin_sqlite(connection: Connection) -> None:
    reader = connection.get_execution_options().get("edxml_reading", False)
    connection.exec_driver_sql("BEGIN" if reader else "BEGIN IMMEDIATE")
