"""Ledgers of both kinds for the tests of the store, each test with an empty database of its own."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, NewDelivery, identity
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.document_id import comparable
from edxml_router.store.database.columns import metadata
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import upgrade
from edxml_router.store.ledger import SqlLedger

NOW = datetime(2026, 11, 22, 1, 2, 3, 456_789, tzinfo=UTC)
LIFETIME = timedelta(days=5)
LEASE = timedelta(seconds=60)


class SetClock:
    """Stands still until somebody moves it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def chance(self) -> float:
        return 0.5


class Database:
    """One empty database, migrated; hands out ledgers on it and ends what it opened."""

    def __init__(self, url: str, clock: SetClock) -> None:
        self.url = url
        self.clock = clock
        self._opened: list[Engine] = []

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def ledger(self, **options: Any) -> SqlLedger:
        ledger = SqlLedger(connect(self.url), self.clock, **options)
        self._opened.append(ledger.engine)
        return ledger

    def rows(self, query: str, **values: Any) -> list[Any]:
        """What the database holds, past all our code."""
        return self.run(query, **values)

    def run(self, *statements: str, **values: Any) -> list[Any]:
        """Statements in one transaction, as somebody with the database's password could run them."""
        engine = create_engine(self.url)
        rows: list[Any] = []
        with engine.begin() as connection:
            for statement in statements:
                query = text(statement)
                result = connection.execute(query, {key: values[key] for key in query.compile().params})
                rows = list(result.all()) if result.returns_rows else []
        engine.dispose()
        return rows

    def count(self, table: str, where: str = "1 = 1") -> int:
        number: int = self.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]  # noqa: S608  # ours
        return number

    def finish(self) -> None:
        for engine in self._opened:
            engine.dispose()


def sqlite_databases(folder: Path) -> Iterator[Database]:
    """Databases as copies of a migrated file, one per ``next``."""
    model = folder / "model.db"
    engine = connect(f"sqlite:///{model}")
    upgrade(engine)
    engine.dispose()  # the last connection brings the log back into the file
    for number in itertools.count():
        path = folder / f"ledger-{number}.db"
        shutil.copyfile(model, path)
        yield Database(f"sqlite:///{path}", SetClock())


def postgresql_databases(url: str) -> Iterator[Database]:
    """One database, migrated once and emptied at each ``next``: many would keep the server busy for long."""
    name = "edx_contract"
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    server.dispose()
    made = Database(make_url(url).set(database=name).render_as_string(hide_password=False), SetClock())
    upgrade(made.ledger().engine)
    made.finish()
    # Plans must not hang on whether the server has counted the rows of some test before.
    made.run(*(f"ALTER TABLE {table} SET (autovacuum_enabled = false)" for table in metadata.tables))
    tables = ", ".join(metadata.tables)
    while True:
        made.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()",
            "SET LOCAL session_replication_role = replica",  # or the triggers refuse
            f"TRUNCATE {tables} RESTART IDENTITY",
        )
        yield Database(made.url, SetClock())


def body(number: int = 1, size: int = 40) -> bytes:
    return (b"<edXML>%d</edXML>" % number).ljust(size)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def envelope(number: int = 1, **changes: Any) -> EnvelopeRow:
    digest = digest_of(body(number))
    row = EnvelopeRow(
        digest=digest,
        identity="",
        kind="document",
        business=0,
        sender="H53.31.22",
        document_id=f"H53.31.22,2026/11/22,{number}/UBND-VP",
        refers_to=("H53.01,2026/11/01,7/SNV-VP",),
        status_code="",
        size=40,
        attachments=2,
        urgent=False,
        accepted_at=NOW,
        expires_at=NOW + LIFETIME,
        peer="van-phong-xa",
        channel="amqp",
        indication="passed",
        reason="",
        signer="ab" * 32,
        remarks=("EDX205", "EDX210"),
        hops=(Hop("tay-ninh", NOW), Hop("hoa-thanh", NOW + timedelta(seconds=1))),
    )
    made = replace(row, **{"document_key": comparable(str(changes.get("document_id", row.document_id))), **changes})
    if "identity" in changes:
        return made
    return replace(made, identity=identity(made.sender, made.kind, made.business, made.digest, made.document_key))


def delivery(number: int = 1, recipient: str = "H53.01", **changes: Any) -> NewDelivery:
    row = NewDelivery(
        digest=digest_of(body(number)),
        recipient=recipient,
        route=Route.link("tay-ninh"),
        origin=Route.office("van-phong-xa"),
        generation=1,
        urgent=False,
        due_at=NOW,
        expires_at=NOW + LIFETIME,
    )
    return replace(row, **changes)


def add(ledger: SqlLedger, *rows: NewDelivery, **changes: Any) -> list[Delivery]:
    """Accept what these deliveries need, and make them; as they stand then, in the order given."""
    numbers = {digest_of(body(number)): number for number in range(1, 400)}
    digests = {row.digest for row in rows}
    with ledger.book() as book:
        book.envelopes.add([envelope(numbers[digest], **changes) for digest in digests])
        book.bodies.add({digest: MemoryBody(body(numbers[digest])) for digest in digests})
        book.deliveries.add(rows)
        standing = {(one.digest, one.recipient): one for one in book.deliveries.of(digests)}
    return [standing[row.digest, row.recipient] for row in rows]
