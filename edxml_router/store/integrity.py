"""Whether the database's own pages are whole, as far as the database can tell.

``database_damage(engine)`` says what is wrong in a few words, or nothing; ``misfits(engine)`` names the columns with
values that are of another kind than the column, which SQLite allows. The journal's hashes protect what its
entries say, not the tables beside it, nor the pages that all of them lie in. SQLite reads every page and compares
indexes with tables. PostgreSQL reads every row, which its checksums must allow (``initdb --data-checksums``), and
tells of checksums that failed before; where the extension ``amcheck`` is installed it compares the indexes as well.
Reads the whole database: seconds for a gigabyte. Raises Setback EDX601, EDX602, and EDX610 where reading alone fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, Table, Text, TypeDecorator, func, inspect, select, text
from sqlalchemy.types import Boolean, Integer, LargeBinary

from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.columns import Instant, microseconds
from edxml_router.store.database.engine import reading
from edxml_router.store.tables import ALL

_SHOWN: Final = 3  # complaints
_LONGEST: Final = 300  # characters of them
_FIRST, _LAST = (microseconds(each.replace(tzinfo=UTC)) for each in (datetime.min, datetime.max))
_FAILED: Final = "SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database WHERE datname = current_database()"
_INDEXES: Final = """
    SELECT bt_index_check(i.indexrelid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relnamespace = 'public'::regnamespace
"""


def database_damage(engine: Engine, *, quick: bool = False) -> str:
    """What is damaged, in the database's words; empty when nothing is. ``quick`` does not compare indexes."""
    try:
        with reading(engine) as connection:
            return _sqlite(connection, quick) if engine.dialect.name == "sqlite" else _postgresql(connection, quick)
    except Setback as setback:
        if setback.code != "EDX610":
            raise
        return setback.finding.detail


def _sqlite(connection: Connection, quick: bool) -> str:
    pragma = "quick_check" if quick else "integrity_check"
    rows = [str(row[0]) for row in connection.exec_driver_sql(f"PRAGMA {pragma}({_SHOWN})")]
    return "" if rows == ["ok"] else "; ".join(" ".join(row.split()) for row in rows)[:_LONGEST]


def _postgresql(connection: Connection, quick: bool) -> str:
    failed = connection.execute(text(_FAILED)).scalar_one()
    if failed:
        return Detail("{failed} checksums of pages failed (pg_stat_database)", failed=failed)
    if quick:
        return ""
    for table in ALL:
        connection.execute(select(func.count()).select_from(table))
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'")).scalar_one_or_none():
        connection.execute(text(_INDEXES)).all()
    return ""


def misfits(engine: Engine) -> tuple[Damage, ...]:
    """Each column with values of another kind: text where bytes belong, a moment beyond all calendars. PostgreSQL takes
    none, and is not asked. A copy of an earlier version may lack tables and columns."""
    if engine.dialect.name != "sqlite":
        return ()
    with reading(engine) as connection:
        there = inspect(connection)
        return tuple(
            damage
            for table in sorted(ALL, key=lambda one: one.name)
            if there.has_table(table.name)
            for damage in _misfits(connection, table, {one["name"] for one in there.get_columns(table.name)})
        )


def _misfits(connection: Connection, table: Table, names: set[str]) -> Iterator[Damage]:
    columns = [column for column in table.columns if column.name in names]
    counts = connection.exec_driver_sql(
        f"SELECT {', '.join(f'total(NOT ({_fits(column)}))' for column in columns)} FROM {table.name}"  # noqa: S608  # names of ours
    ).one()
    for column, count in zip(columns, counts, strict=True):
        if count:
            where = Detail("column {column}", column=f"{table.name}.{column.name}")
            yield Damage(where, Detail("{count} values of another kind than the column's", count=int(count)))


def _fits(column: Column[Any]) -> str:
    """A condition on a value of the column, in the words of SQLite."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    name = f'"{column.name}"'
    for known, kept in ((LargeBinary, "blob"), (Boolean, "integer"), (Integer, "integer"), (Text, "text")):
        if isinstance(kind, known):
            fits = f"typeof({name}) = '{kept}'"
            if isinstance(column.type, Instant):
                fits += f" AND {name} BETWEEN {_FIRST} AND {_LAST}"
            return f"{name} IS NULL OR {fits}" if column.nullable else f"{name} IS NOT NULL AND {fits}"
    raise TypeError(column.type)  # of a kind that has been added
