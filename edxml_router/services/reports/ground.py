"""What was read from the journal, on disk while it is counted: documents, deliveries and recalls.

SQLite keeps it in a file without a name (TMPDIR), which is gone when it is closed or the process ends. A year of a
province is millions of deliveries, each of which ends long after it began: in memory that would have no bound. Nothing
is written to the node's database, which may be a copy that nobody may write to. Raises Setback EDX601.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from edxml_router.core.problems import Setback

BATCH: Final = 5000  # rows that wait in memory
_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA temp_store = FILE;
PRAGMA cache_size = -65536;
BEGIN;
CREATE TABLE documents (
    digest TEXT PRIMARY KEY, month TEXT, agency TEXT, level INTEGER, urgency TEXT, kind TEXT, signed INTEGER,
    name TEXT, position INTEGER, recall INTEGER
) WITHOUT ROWID;
CREATE TABLE deliveries (
    digest TEXT, agency TEXT, level INTEGER, begun INTEGER, due INTEGER, state TEXT, ended INTEGER, code TEXT,
    begin_position INTEGER, end_position INTEGER, entries INTEGER, PRIMARY KEY (digest, agency)
) WITHOUT ROWID;
CREATE TABLE recalls (agency TEXT, name TEXT, position INTEGER, PRIMARY KEY (agency, name)) WITHOUT ROWID;
"""
_DOCUMENT: Final = "INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
_RECALL: Final = "INSERT OR IGNORE INTO recalls VALUES (?, ?, ?)"
_DELIVERY: Final = "INSERT OR IGNORE INTO deliveries VALUES (?, ?, ?, ?, ?, 'open', NULL, '', ?, ?, 1)"
_OUTCOME: Final = """
UPDATE deliveries SET state = ?, ended = ?, code = ?, end_position = ?, entries = entries + 1
WHERE digest = ? AND agency = ?
"""
_RECALLED: Final = """
UPDATE documents SET recall = recalls.position FROM recalls
WHERE recalls.agency = documents.agency AND recalls.name = documents.name
AND documents.kind NOT IN ('recall', 'status')
"""
_ORPHANS: Final = """
DELETE FROM deliveries WHERE NOT EXISTS (SELECT 1 FROM documents WHERE documents.digest = deliveries.digest)
"""


class CountingGround:
    """Filled entry by entry, then asked."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.executescript(_SCHEMA)
        self._waiting: dict[str, list[Sequence[Any]]] = {each: [] for each in (_DOCUMENT, _RECALL, _DELIVERY, _OUTCOME)}
        self._count = 0

    def document(self, *values: Any) -> None:
        """Digest, month, sender, its level, urgency, kind, whether signed, comparable id, position."""
        self._add(_DOCUMENT, values)

    def recall(self, sender: str, name: str, position: int) -> None:
        self._add(_RECALL, (sender, name, position))

    def delivery(self, digest: str, recipient: str, level: int, begun: int, due: int, position: int) -> None:
        self._add(_DELIVERY, (digest, recipient, level, begun, due, position, position))

    def outcome(self, digest: str, recipient: str, state: str, ended: int | None, code: str, position: int) -> None:
        """A delivery has ended in this state, or is "open" again."""
        self._add(_OUTCOME, (state, ended, code, position, digest, recipient))

    def complete(self) -> int:
        """All is told. Returns how many deliveries are of a document of which nothing is known."""
        with _room():
            self._flush()
            self._connection.execute(_RECALLED)
            return self._connection.execute(_ORPHANS).rowcount

    def rows(self, query: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        with _room():
            yield from self._connection.execute(query, values)

    def close(self) -> None:
        self._connection.close()

    def _add(self, statement: str, values: Sequence[Any]) -> None:
        self._waiting[statement].append(values)
        self._count += 1
        if self._count >= BATCH:
            with _room():
                self._flush()

    def _flush(self) -> None:
        # Outcomes last, in their order: a delivery begins before it ends, and may end more than once.
        for statement, rows in self._waiting.items():
            self._connection.executemany(statement, rows)
            rows.clear()
        self._count = 0


@contextmanager
def opened_ground() -> Iterator[CountingGround]:
    """An empty one; its file is gone afterwards."""
    with _room():
        ground = CountingGround()
    try:
        yield ground
    finally:
        ground.close()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Setback("EDX601", where="TMPDIR", detail=str(error)) from error
