"""Whether the database's own pages are whole, as far as the database can tell.

``database_damage(engine)`` says what is wrong in a few words, or nothing. The journal's hashes protect what its
entries say, not the tables beside it, nor the pages that all of them lie in. SQLite reads every page and compares
indexes with tables. PostgreSQL reads every row, which its checksums must allow (``initdb --data-checksums``), and
tells of checksums that failed before; where the extension ``amcheck`` is installed it compares the indexes as well.
Reads the whole database: seconds for a gigabyte. Raises Setback EDX601, EDX602, and EDX610 where reading alone fails.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, func, select, text

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.engine import reading
from edxml_router.store.tables import ALL

_SHOWN: Final = 3  # complaints
_LONGEST: Final = 300  # characters of them
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
