"""Values of another kind than their column's, wherever they stand: whoever asks is told so, and never that this
program has a mistake."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from edxml_router.core.delivery.figures.values import ReportQuestion
from edxml_router.core.delivery.journal import leaf_hash
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import Refusal, Setback
from edxml_router.ports.views import Views
from edxml_router.services import auditor
from edxml_router.services.asking import questions
from edxml_router.services.asking.questions import JournalQuery
from edxml_router.services.reports import counting
from edxml_router.shapes.history import history_shape
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.search.blocks import index_blocks
from edxml_router.store.tables import ALL
from tests.contract.databases import NOW, Database, envelope
from tests.contract.test_log import tamper
from tests.contract.test_recomputing import FIRST, told
from tests.contract.test_search import fill

EXHAUSTIVE = bool(os.environ.get("EDXML_ROUTER_EXHAUSTIVE"))
VALUES = ("'x'", "x'ff'")
MORE = ("1.5", "4611686018427387904", "-1", "NULL", "'[[1,2]]'", "CAST(x'ff' AS TEXT)", "''", "x''", "'{}'", "1e300")

__all__ = ["told"]  # the fixture


def trace(views: Views) -> None:
    for document in (FIRST, envelope(1).document_id):
        past = auditor.history(views, document)
        for one in past.told:
            history_shape(one.trace, one.paths, one.proofs, one.changes, past.refused, {})


def query(views: Views) -> None:
    since = NOW - timedelta(days=1)
    for asked in ({}, {"sender": "H53.", "event": "delivery."}, {"since": since, "number": "1/"}, {"document": FIRST}):
        question = questions.made(views, JournalQuery(**asked))  # type: ignore[arg-type]
        for _ in questions.pages(views, question):
            pass
        questions.how_many(views, question)
        questions.counts_by(views, question, "sender")


def report(views: Views) -> None:
    counting.count(views, ReportQuestion("2026-10", "2026-12", NOW, groups=("month", "agency")), lambda _: None)


READ: dict[str, Sequence[Callable[[Views], None]]] = {
    "journal": (trace, query, report),
    "checkpoints": (query, report),
    "envelopes": (trace, query),
    "deliveries": (trace,),
    "bodies": (trace,),
    "receipts": (trace,),
}


def outcome(ask: Callable[[Views], None], views: Views) -> str:
    """The problem that is named. Whatever else is raised ends the test."""
    try:
        ask(views)
    except (Setback, Refusal) as trouble:
        return trouble.code
    return ""


def unprotected(database: Database) -> sqlite3.Connection:
    tamper(database)
    connection = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def test_no_value_in_any_column_is_a_defect(told: SqlLedger, database: Database) -> None:
    if not database.is_sqlite:
        return  # it refuses such values: tests/contract/test_misfits.py
    told_at: dict[str, Any] = {"at": NOW + timedelta(hours=1)}
    with told.book() as book:
        book.receipts.add([("office:xa", Receipt(FIRST, "H53.01", 1, ReceiptOutcome.CONFIRMED, **told_at))])  # type: ignore[list-item]
    with unprotected(database) as connection:
        for ask in (trace, query, report):
            assert outcome(ask, told.views) == ""
        named = set()
        for table in (one for one in ALL if one.name in READ):
            key = next(iter(table.primary_key.columns)).name
            row = connection.execute(f"SELECT {key} FROM {table.name} ORDER BY {key}").fetchone()  # noqa: S608
            for name in (each.name for each in table.columns if row is not None and each.name != key):
                where = f"FROM {table.name} WHERE {key} = ?"
                [kept] = connection.execute(f"SELECT {name} {where}", row).fetchone()
                for value in (*VALUES, *(MORE if EXHAUSTIVE else ())):
                    change = f"UPDATE {table.name} SET {name} = {{}} WHERE {key} = ?"  # noqa: S608
                    try:
                        connection.execute(change.format(value), row)
                    except sqlite3.IntegrityError:
                        continue
                    codes = {outcome(ask, told.views) for ask in READ[table.name]}
                    assert codes <= {"", "EDX605", "EDX606", "EDX610"}, (table.name, name, value)
                    if codes & {"EDX605", "EDX610"}:
                        named.add(f"{table.name}.{name}")
                    connection.execute(change.format("?"), (kept, *row))
    assert {"journal.position", "journal.entry", "journal.leaf", "envelopes.sender", "deliveries.version"} <= named
    assert told.views.verify().sound  # all was put back


ENTRIES = (b"", b"text", b"[]", b"null", b'{"event":5}', b'{"at":"soon","event":"x"}', b"[" * 100_000, b"\xff")
FACTS: tuple[dict[str, Any], ...] = (
    {"facts": 5},
    {"facts": {"recipients": 5}},
    {"facts": {"recipients": [5], "sender": "H53", "kind": "document"}},
    {"facts": {"sender": 5}},
    {"facts": {"document": []}},
    {"facts": {"business": "x"}},
    {"facts": {"hops": [1]}},
    {"facts": {"recipient_count": 2, "chains": 5}},
    {"after": []},
    {"detail": {"x": 1}},
    {"recipient": 7},
)


def test_no_entry_is_a_defect_whatever_its_bytes(told: SqlLedger, database: Database) -> None:
    """Not even where its leaf fits them."""
    tamper(database)
    [(number, kept)] = database.rows(
        "SELECT id, entry FROM journal WHERE event = 'envelope.accepted' ORDER BY id LIMIT 1"
    )
    changed = [json.dumps({**json.loads(bytes(kept)), **each}).encode() for each in FACTS]
    said = []
    for entry in (*ENTRIES, *changed):
        values = {"entry": entry, "leaf": leaf_hash(entry), "id": number}
        tamper(database, "UPDATE journal SET entry = :entry, leaf = :leaf, stamp = NULL WHERE id = :id", **values)
        codes = {outcome(ask, told.views) for ask in (trace, query, report)}
        assert codes <= {"", "EDX605", "EDX606"}, entry[:100]
        said.append("EDX605" in codes)
    assert all(said)


INDEX = (
    "UPDATE postings SET places = x'00'",
    "UPDATE postings SET places = x'ffff'",
    "UPDATE postings SET block = 17",
    "UPDATE journal_blocks SET first_at = first_at + 1 WHERE block = 17",
    "INSERT INTO journal_blocks (block, first_at, last_at) VALUES (4611686018427387904, 1, 1)",
    "UPDATE journal SET position = 4611686018427387904 WHERE position = 1100",
)


def test_an_index_that_is_none_is_a_setback_and_takes_no_time(ledger: SqlLedger, database: Database) -> None:
    fill(ledger, letters=3)
    index_blocks(ledger.engine)
    seen = set()
    for statement in INDEX:
        written = statement if database.is_sqlite else statement.replace("x'", "'\\x")
        tamper(database, written)
        seen.add(outcome(query, ledger.views))
        database.run("DELETE FROM journal_blocks", "DELETE FROM postings")
        if "journal SET" not in statement:
            index_blocks(ledger.engine)
    assert seen <= {"", "EDX605", "EDX606", "EDX610"} and {"EDX605", "EDX610"} <= seen
