"""The tables of the journal's entries and of the checkpoints of its log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table

from edxml_router.store.database.columns import Instant, Number, metadata, partial, words

# Append-only: triggers refuse every change but the sequencer's, which gives an entry its position once.
journal = Table(
    "journal",
    metadata,
    Column("id", Number, primary_key=True),
    Column("position", BigInteger),  # 0, 1, 2, … in the order of the log; null until numbered
    Column("at", Instant, nullable=False),  # to the millisecond, like the entry's own
    words("event"),
    words("envelope"),
    words("recipient"),
    words("code"),
    words("actor"),
    Column("entry", LargeBinary, nullable=False),  # canonical bytes; the columns before repeat fields of it
    Column("leaf", LargeBinary, nullable=False),
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
