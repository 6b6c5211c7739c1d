"""The tables of inventories."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, UniqueConstraint

from edxml_router.store.database.columns import Instant, Number, Octets, metadata, words

# One row for each neighbour, direction and reason: it takes the same room however long a link is compared.
inventories = Table(
    "inventories",
    metadata,
    Column("peer", Text, primary_key=True),
    Column("direction", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("begun_at", Instant, nullable=False),
    Column("since", Instant, nullable=False),
    Column("reached", Instant, nullable=False),
    words("digest"),
    words("recipient"),
    Column("goal", Instant, nullable=False),
    words("question"),
    Column("asked_at", Instant),
    Column("answered_at", Instant),
    Column("compared", Integer, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("turned_at", Instant),
    Column("next_reached", Instant),
    words("next_digest"),
    words("next_recipient"),
)

gaps = Table(
    "gaps",
    metadata,
    Column("id", Number, primary_key=True),
    words("peer"),
    words("direction"),
    words("lacking"),
    words("digest"),
    words("recipient"),
    words("named"),
    Column("at", Instant, nullable=False),
    Column("found_at", Instant, nullable=False),
    words("other"),
    Column("excused", Boolean, nullable=False),
    words("evidence"),
    Column("ended_at", Instant),
    words("outcome_here", server_default=""),
    words("outcome_there", server_default=""),
    UniqueConstraint("peer", "direction", "lacking", "digest", "recipient", name="gaps_delivery"),
    Index("gaps_peer", "peer", "ended_at"),
)

# What neighbours signed: one note may show many gaps.
gap_notes = Table(
    "gap_notes",
    metadata,
    Column("evidence", Text, primary_key=True),
    Column("note", Octets, nullable=False),
)
