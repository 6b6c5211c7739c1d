"""The node's database: :class:`SqlLedger` keeps the promises of ``ports.Ledger`` on SQLite and PostgreSQL.

    engine = connect("sqlite:///ledger.db")
    upgrade(engine)
    ledger = SqlLedger(engine, clock)
    with ledger.book() as book:
        book.deliveries.claim(now, until, 100)

Raises Setback EDX601 (disk full) and EDX602 (away, locked, deadlock) from any call, also from the end of the block.
Nothing is retried here: the pipeline decides what to do meanwhile. When the connection breaks during COMMIT, it is
unknown whether the transaction is in force. Repeating it is safe, because envelopes are recognised by digest and
identity, moves are guarded by version, and leases end by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from edxml_router.ports.clock import Clock
from edxml_router.store.bodies.table import INLINE_LIMIT
from edxml_router.store.book import SqlBook
from edxml_router.store.database.engine import writing
from edxml_router.store.views import SqlViews


class SqlLedger:
    """``clock`` dates what the calls themselves do not date: deliveries made and moved.

    May be shared between threads; each process makes its own, and none survives a fork.
    """

    def __init__(self, engine: Engine, clock: Clock, inline_limit: int = INLINE_LIMIT) -> None:
        self.engine = engine
        self.clock = clock
        self.views = SqlViews(engine)
        self._inline_limit = inline_limit

    @contextmanager
    def book(self) -> Iterator[SqlBook]:
        """A transaction: committed and durable when the block ends, undone when it raises."""
        with writing(self.engine) as connection:
            book = SqlBook(connection, self.clock.now(), self._inline_limit)
            yield book
            book.journal.write()

    def close(self) -> None:
        """Close all connections. Idempotent; a later call opens new ones."""
        self.engine.dispose()
