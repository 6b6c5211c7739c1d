"""The tables of what was removed on purpose, and of what is held."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Table, Text

from edxml_router.store.database.columns import Instant, Number, metadata, words

# Each column but the number is a field of core.retention.values.Removal; there is one row for each transaction.
removals = Table(
    "removals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    words("rule"),
    words("actor"),
    words("digest"),
    Column("count", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
)

# What went with each. The digest of an entry covers these rows, so none can be added or left out.
removed = Table(
    "removed",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("removal", BigInteger, primary_key=True, autoincrement=False),
    Index("removed_removal", "removal"),
    sqlite_with_rowid=False,
)

holds = Table(
    "holds",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    words("actor"),
    words("reason"),
)

ALONE: Final = 0x6564786D_0007  # an advisory lock of PostgreSQL: "edxm", 7
