"""The tables of the journal's entries, of the checkpoints of its log, and of the hashes in its tree."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import BigInteger, Column, Connection, Engine, Index, Integer, Table, inspect, null

from edxml_router.core.delivery.journal import Entry, leaf_bytes, leaf_hash
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.store.database.columns import Instant, Number, Octets, metadata, partial, words

# Entries that changed rows of many envelopes at once. A literal: see ``partial``.
CHANGES: Final = "event IN ('journal.restored', 'peer.renamed')"

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
    Column("entry", Octets, nullable=False),  # canonical bytes; the columns before repeat fields of it
    Column("leaf", Octets, nullable=False),  # hash of the entry; once numbered, of the entry with its stamp
    Column("stamp", Instant),  # when it was numbered; rises strictly. Null until then, and before version 0016
    partial("journal_position", "position", where="position IS NOT NULL", unique=True),
    partial("journal_unnumbered", "id", where="position IS NULL"),
    partial("journal_envelope", "envelope", where="envelope <> ''"),
    partial("journal_changes", "id", where=CHANGES),
    Index("journal_at", "at"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", Octets, nullable=False),
    Column("peaks", Octets, nullable=False),  # lets the tree go on without its leaves
    Column("at", Instant, nullable=False),
    Column("note", Octets),  # signed with the log's key; a trigger lets it be given once
)

# Roots of complete subtrees: ``hash`` is over the 256**level leaves from place * 256**level on. Level 0 is the journal
# itself. Only complete ones are kept, so that a row never changes.
tree_nodes = Table(
    "tree_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", Octets, nullable=False),
)

def entry_of(row: Any) -> Entry:
    """The entry in a row of the journal. Raises Setback EDX605 where it is none."""
    try:
        return Entry.read(bytes(row.entry))
    except (ValueError, TypeError) as error:
        raise no_entry(row) from error


def require_leaf(row: Any) -> None:
    """Raises Setback EDX605 where the entry in a row was changed, and its leaf was not."""
    if leaf_hash(leaf_bytes(bytes(row.entry), row.stamp)) != bytes(row.leaf):
        where = Detail("entry {id}", id=row.id)
        raise Setback("EDX605", where=where, detail=Detail("the leaf is not the hash of the entry"))


def no_entry(row: Any) -> Setback:
    """What is said of a row that holds something else."""
    return Setback("EDX605", where=Detail("entry {id}", id=row.id), detail=Detail("not an entry"))


_LATER: Final = {journal.name: (journal.c.stamp,), checkpoints.name: (checkpoints.c.note,)}  # than version 0001
_THERE: Final[WeakKeyDictionary[Engine, dict[str, tuple[Any, ...]]]] = WeakKeyDictionary()


def entry_columns(connection: Connection) -> tuple[Any, ...]:
    """The journal's columns; in a copy of a database from before there were stamps, nothing stands in their place."""
    return _columns(connection, journal)


def checkpoint_columns(connection: Connection) -> tuple[Any, ...]:
    """The columns of checkpoints; in a copy of a database from before they were signed, nothing stands for the note."""
    return _columns(connection, checkpoints)


def _columns(connection: Connection, table: Table) -> tuple[Any, ...]:
    there = _THERE.setdefault(connection.engine, {})
    if table.name not in there:
        names = {column["name"] for column in inspect(connection).get_columns(table.name)}
        missing = [column for column in _LATER[table.name] if column.name not in names]
        kept = (column for column in table.c if column.name in names)
        there[table.name] = (*kept, *(null().label(column.name) for column in missing))
    return there[table.name]
