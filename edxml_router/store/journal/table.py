"""The tables of the journal's entries and of the checkpoints of its log."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, Column, Connection, Engine, Index, LargeBinary, Table, inspect, null

from edxml_router.store.database.columns import Instant, Number, metadata, partial, words

# Append-only: triggers refuse every change but the sequencer's, which gives an entry its position and stamp once.
journal = Table(
    "journal",
    metadata,
    Column("id", Number, primary_key=True),
    Column("position", BigInteger),  # 0, 1, 2, … in the order of the log; null until numbered
    Column("at", Instant, nullable=False),
    words("event"),
    words("envelope"),
    words("recipient"),
    words("code"),
    words("actor"),
    Column("entry", LargeBinary, nullable=False),  # canonical bytes; the columns before repeat fields of it
    Column("leaf", LargeBinary, nullable=False),  # hash of the entry; once numbered, of the entry with its stamp
    Column("stamp", Instant),  # when it was numbered; rises strictly. Null until then, and before version 0016
    partial("journal_position", "position", where="position IS NOT NULL", unique=True),
    partial("journal_unnumbered", "id", where="position IS NULL"),
    partial("journal_envelope", "envelope", where="envelope <> ''"),
    Index("journal_at", "at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),  # lets the tree go on without its leaves
    Column("at", Instant, nullable=False),
)

_STAMPED: Final[WeakKeyDictionary[Engine, bool]] = WeakKeyDictionary()


def entry_columns(connection: Connection) -> tuple[Any, ...]:
    """The journal's columns; in a copy of a database from before there were stamps, nothing stands in their place."""
    if connection.engine not in _STAMPED:
        names = {column["name"] for column in inspect(connection).get_columns(journal.name)}
        _STAMPED[connection.engine] = journal.c.stamp.name in names
    if _STAMPED[connection.engine]:
        return tuple(journal.c)
    return (*(column for column in journal.c if column is not journal.c.stamp), null().label("stamp"))
