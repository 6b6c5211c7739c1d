"""The tables of witnesses, and of time stamps."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from edxml_router.store.database.columns import Instant, Number, Octets, Wording, metadata, words

# What was cosigned of neighbours' logs. The largest of a log is what the next has to continue.
witnessed = Table(
    "witnessed",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    words("peer"),
    Column("root", Octets, nullable=False),
    Column("note", Octets, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("at", Instant, nullable=False),
)

forks = Table(
    "forks",
    metadata,
    Column("id", Number, primary_key=True),
    words("origin"),
    words("peer"),
    words("kind"),
    Column("known_size", BigInteger, nullable=False),
    Column("known", Octets, nullable=False),
    Column("shown_size", BigInteger, nullable=False),
    Column("shown", Octets, nullable=False),
    Column("at", Instant, nullable=False),
)

cosignatures = Table(
    "cosignatures",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("peer", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    words("line"),
)

witnesses = Table(
    "witnesses",
    metadata,
    Column("peer", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("size", BigInteger, nullable=False),
    words("code"),
    words("detail", Wording),
)

# What was stamped, with its signatures, and the stamp. Both are evidence: neither is changed.
time_stamps = Table(
    "time_stamps",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("authority", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("note", Octets, nullable=False),
    Column("token", Octets, nullable=False),
)
