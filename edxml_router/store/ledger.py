"""The node's database: :class:`SqlLedger` keeps the promises of ``ports.Ledger`` on SQLite and PostgreSQL.

    engine = connect("sqlite:///ledger.db")
    upgrade(engine)
    ledger = SqlLedger(engine, clock)
    with ledger.book() as book:
        book.claim(now, until, 100)

Raises Setback EDX601 (disk full) and EDX602 (away, locked, deadlock) from any call, also from the end of the
block. Nothing is tried again here: the pipeline knows what to do meanwhile. When the connection breaks during
COMMIT it is unknown whether the transaction is in force; repeating is safe, because envelopes are recognised
by digest and identity, moves are guarded by version, and leases end by themselves.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from edxml_router.core.problems import Refusal, Setback
from edxml_router.ports import Clock
from edxml_router.store import durable
from edxml_router.store.book import SqlBook
from edxml_router.store.engine import writing
from edxml_router.store.tables import INLINE_LIMIT


class SqlLedger:
    """``clock`` dates what the calls themselves do not date: deliveries made and moved.

    Safe to share between threads and to make anew in each process; never carried over a fork.
    """

    def __init__(self, engine: Engine, clock: Clock, inline_limit: int = INLINE_LIMIT) -> None:
        self.engine = engine
        self.clock = clock
        self._inline_limit = inline_limit

    @contextmanager
    def book(self) -> Iterator[SqlBook]:
        """A transaction: committed and durable when the block ends, undone when it raises."""
        with writing(self.engine) as connection:
            book = SqlBook(connection, self.clock.now(), self._inline_limit)
            yield book
            book.write_journal()

    def close(self) -> None:
        """Let go of all connections. Idempotent; a later call opens new ones."""
        self.engine.dispose()

    def backup(self, target: Path) -> None:
        """Copy a SQLite ledger to ``target`` while the node runs; a finished copy is whole and durable.

        Raises Refusal EDX608 on PostgreSQL, whose own tools do this better; Setback EDX601, EDX602. Bodies
        kept as files are copied with any tool, *after* the database: files never change, and none is missing
        then.
        """
        if self.engine.dialect.name != "sqlite":
            raise Refusal("EDX608", where="store.url", detail=self.engine.dialect.name)
        unfinished = target.with_name(target.name + durable.TEMPORARY)
        unfinished.unlink(missing_ok=True)
        try:
            with (
                self.engine.connect() as connection,
                contextlib.closing(sqlite3.connect(unfinished)) as copy,
            ):
                source = connection.connection.driver_connection
                assert isinstance(source, sqlite3.Connection)  # noqa: S101  # by the dialect
                source.backup(copy, pages=1024)  # in steps, so that writers are let in between
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            durable.synchronise(unfinished)
            unfinished.replace(target)
            durable.synchronise(target.parent)
        except (sqlite3.Error, OSError) as error:
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            raise Setback("EDX601", where="backup", detail=name) from error
