"""All rows of a database, from PostgreSQL into a file of SQLite and back.

    dump_rows(engine, Path("journal.db"))    # one snapshot of a PostgreSQL that goes on working
    load_rows(Path("journal.db"), engine)    # into a PostgreSQL that has the tables and nothing in them

Values are moved as they lie there, past the types of :mod:`edxml_router.store.database.columns`; only truth values,
which SQLite has none of, are turned back. Rejected: pg_dump, which must be there in the server's version, writes what
only a server can read, and so could be neither verified nor tried out where the copy is kept. Raises Setback EDX601,
EDX602; sqlite3.Error of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Engine, Table, text

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database import migrate
from edxml_router.store.database.columns import metadata
from edxml_router.store.database.engine import connect, troubles, writing
from edxml_router.store.database.patience import without_end
from edxml_router.store.tables import ALL

_ROWS: Final = 500  # at once: with bodies of 64 KiB in the database, 32 MiB
_NUMBER_ON: Final = """
    SELECT setval(pg_get_serial_sequence(:name, 'id'), greatest(nextval(pg_get_serial_sequence(:name, 'id')),
        (SELECT coalesce(max(id), 0) + 1 FROM {}))) WHERE pg_get_serial_sequence(:name, 'id') IS NOT NULL
"""


def dump_rows(engine: Engine, target: Path, progress: Callable[[int], None] | None = None) -> None:
    """Make the file from one snapshot, for which no writer waits; while it lasts, VACUUM leaves dead rows."""
    made = connect(f"sqlite:///{target}")
    try:
        migrate.upgrade(made)
    finally:
        made.dispose()
    snapshot = engine.connect().execution_options(isolation_level="REPEATABLE READ")
    with troubles(), snapshot as source, source.begin(), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source.execute(text("SET TRANSACTION READ ONLY"))
        _patiently(source)
        _require_newest(source)
        copy.execute("PRAGMA synchronous = OFF")  # the file is synced when it is whole
        copy.execute("BEGIN")
        for table in _tables():
            columns = ", ".join(column.name for column in table.columns)
            places = ", ".join("?" for _ in table.columns)
            query = text(f"SELECT {columns} FROM {table.name}")  # noqa: S608  # our own names
            rows = source.execute(query, execution_options={"stream_results": True})
            for page in rows.partitions(_ROWS):
                # Replaced are only the numbers that triggers have noted meanwhile.
                insert = f"INSERT OR REPLACE INTO {table.name} ({columns}) VALUES ({places})"  # noqa: S608  # as above
                copy.executemany(insert, map(tuple, page))
                if progress:
                    progress(len(page))
        copy.execute("COMMIT")


def load_rows(
    source: Path, engine: Engine, emptied: Sequence[Table] = (), progress: Callable[[int], None] | None = None
) -> None:
    """Put every row of the file into the tables, in one transaction that empties some of them first; numbers go on
    behind those that are there."""
    with writing(engine) as connection, closing(sqlite3.connect(source)) as copy:
        _patiently(connection)
        for table in emptied:
            connection.execute(table.delete())
        for table in _tables():
            columns = [column.name for column in table.columns]
            turn = _turned(table)
            read = copy.execute(f"SELECT {', '.join(columns)} FROM {table.name}")  # noqa: S608  # our own names
            places = ", ".join("%s" for _ in columns)
            insert = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608  # as above
            while page := read.fetchmany(_ROWS):
                connection.exec_driver_sql(insert, [turn(row) for row in page])
                if progress:
                    progress(len(page))
            if "id" in columns:
                connection.execute(text(_NUMBER_ON.format(table.name)), {"name": table.name})


def _tables() -> list[Table]:
    """Those that others name come first; ``numbers`` last, which triggers of SQLite write to."""
    ours = [table for table in metadata.sorted_tables if table in ALL]
    return sorted(ours, key=lambda table: table.name == "numbers")


def _turned(table: Table) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    truths = [number for number, column in enumerate(table.columns) if isinstance(column.type, Boolean)]

    def turn(row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for number in truths:
            values[number] = None if values[number] is None else bool(values[number])
        return tuple(values)

    return turn if truths else tuple


def _patiently(connection: Connection) -> None:
    """Let its statements take as long as they need."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    without_end(connection.connection.driver_connection)


def _require_newest(source: Connection) -> None:
    found = source.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""
    if found != migrate.newest():
        detail = Detail(
            "schema {schema}, needed {newest}; run `edxml-router init`", schema=found, newest=migrate.newest()
        )
        raise Setback("EDX602", where="store.url", detail=detail)
