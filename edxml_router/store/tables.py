"""The ledger's tables, as SQLAlchemy Core describes them, and how our values become columns.

Queries are written against these; the schema itself is made by :mod:`edxml_router.store.database.migrate`, and a test
holds the two equal on both databases. Column types convert: an :class:`Instant` goes in and comes out as an
aware datetime, so that ``Delivery(*row)`` is all that reading takes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.wire import Hop

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(at: datetime) -> int:
    """Since 1970 in UTC: what the databases hold, because their own types disagree about zones."""
    return (at - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The instant that :func:`microseconds` gave."""
    return _EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002  # fixed
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # fixed
        return None if value is None else moment(value)


class Named(TypeDecorator[State]):
    """A delivery's state by its name."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: State | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # fixed
        return None if value is None else value.value  # a driver might write an enumeration's name instead

    def process_result_value(self, value: str | None, dialect: Dialect) -> State | None:  # noqa: ARG002  # fixed
        return None if value is None else State(value)


class Texts(TypeDecorator[tuple[Any, ...]]):
    """A tuple of strings or numbers, as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002  # fixed
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else "[]"

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Any, ...]:  # noqa: ARG002  # fixed
        return () if value == "[]" else tuple(json.loads(value))


class Hops(TypeDecorator[tuple[Hop, ...]]):
    """The nodes passed, as JSON ``[[name, microseconds], …]``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002  # fixed
        return json.dumps([[hop.node, microseconds(hop.at)] for hop in value], ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[Hop, ...]:  # noqa: ARG002  # fixed
        return tuple(Hop(node, moment(at)) for node, at in json.loads(value))


# SQLite numbers rows by itself only in a column declared INTEGER, which holds 64 bits there all the same.
Number = BigInteger().with_variant(Integer, "sqlite")

# States in partial indexes stand as literals: with bound parameters SQLite would not see that the index
# applies.
CLAIMABLE: Final = "state IN ('queued', 'forwarding', 'deferred')"
CHANGES: Final = "business <> 0"  # recalls, updates, replacements
OPEN: Final = "state NOT IN ('confirmed', 'returned', 'expired', 'cancelled')"

metadata = MetaData()


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


# Append-only: triggers refuse every change but the sequencer's, which gives an entry its position once.
journal = Table(
    "journal",
    metadata,
    Column("id", Number, primary_key=True),
    Column("position", BigInteger),  # 0, 1, 2, … in the order of the log; null until numbered
    Column("at", Instant, nullable=False),  # to the millisecond, like the entry's own
    _text("event"),
    _text("envelope"),
    _text("recipient"),
    _text("code"),
    _text("actor"),
    Column("entry", LargeBinary, nullable=False),  # canonical bytes; the columns before repeat fields of it
    Column("leaf", LargeBinary, nullable=False),
    _partial("journal_position", "position", where="position IS NOT NULL", unique=True),
    _partial("journal_unnumbered", "id", where="position IS NULL"),
    _partial("journal_envelope", "envelope", where="envelope <> ''"),
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

# In the order of ports.EnvelopeRow.
envelopes = Table(
    "envelopes",
    metadata,
    Column("digest", Text, primary_key=True),
    _text("identity"),
    _text("kind"),
    Column("business", Integer, nullable=False),
    _text("sender"),
    _text("document_id"),
    Column("refers_to", Texts, nullable=False),
    _text("status_code"),
    Column("size", BigInteger, nullable=False),
    Column("attachments", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    _text("peer"),
    _text("channel"),
    _text("indication"),
    _text("reason"),
    _text("signer"),
    Column("remarks", Texts, nullable=False),
    Column("hops", Hops, nullable=False),
    _text("document_key", server_default=""),
    Column("chains", Texts, nullable=False, server_default="[]"),  # numbers
    UniqueConstraint("identity", name="envelopes_identity"),
    Index("envelopes_document_key", "document_key"),
    Index("envelopes_accepted_at", "accepted_at", "digest"),
    Index("envelopes_sender", "sender", "accepted_at"),
    _partial("envelopes_changes", "sender", "accepted_at", where=CHANGES),
)

# In the order of ports.Delivery.
deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Number, primary_key=True),
    Column("digest", Text, ForeignKey("envelopes.digest", name="deliveries_digest"), nullable=False),
    _text("recipient"),
    Column("state", Named, nullable=False),
    _text("route"),
    _text("origin"),
    Column("generation", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("far_accepted", Boolean, nullable=False),
    _text("code"),
    _text("detail"),
    Column("updated_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("lapses", Integer, nullable=False, server_default="0"),
    Column("ended_at", Instant),
    Column("handed_at", Instant),
    Column("asked_at", Instant),
    Column("chain", BigInteger, nullable=False, server_default="0"),  # 0: of none
    UniqueConstraint("digest", "recipient", name="deliveries_pair"),
    _partial("deliveries_due", "urgent", "due_at", where=CLAIMABLE),
    _partial("deliveries_expiry", "expires_at", where=OPEN),
    # What no next node has accepted is little while all goes well, and is counted often: hence far_accepted.
    _partial("deliveries_open", "route", "state", "far_accepted", "due_at", where=OPEN),
    # Whether something earlier of its document is on the way to the recipient is asked for each that is claimed.
    Index("deliveries_recipient", "recipient", "state", "chain", "far_accepted"),
)

# Of a delivery that is of several documents, the chains beside the one in its row.
crossings = Table(
    "crossings",
    metadata,
    Column("chain", BigInteger, primary_key=True, autoincrement=False),
    Column("recipient", Text, primary_key=True),
    Column("delivery", BigInteger, primary_key=True, autoincrement=False),
    Index("crossings_delivery", "delivery"),
)

# Kept here up to a size; above it ``data`` is null and the bytes are in a file (store.bodies.files), because databases
# hold large values badly: a megabyte per row brings SQLite from thousands of commits a second to some hundred.
INLINE_LIMIT: Final = 64 * 1024  # bytes
bodies = Table(
    "bodies",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary),
)

# After ``origin`` in the order of transfer.Receipt.
receipts = Table(
    "receipts",
    metadata,
    Column("id", Number, primary_key=True),
    _text("origin"),
    _text("envelope"),
    _text("recipient"),
    Column("generation", Integer, nullable=False),
    _text("outcome"),
    Column("at", Instant, nullable=False),
    _text("code"),
    _text("detail"),
    Column("hops", Hops, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("sent_at", Instant),
    _partial("receipts_unsent", "origin", "id", where="sent_at IS NULL"),
    # A fact has one row, however often it is asked for; the index also finds the receipts of an envelope.
    Index("receipts_fact", "envelope", "recipient", "origin", "generation", "outcome", unique=True),
)

aside = Table(
    "aside",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    _text("peer"),
    _text("channel"),
    _text("code"),
    _text("place"),  # Aside.where: a word SQL has taken
    _text("detail"),
    _text("digest"),
    Column("size", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("data", LargeBinary),  # null when the quota was used up
    _text("document_id", server_default=""),  # as far as it could be read
    UniqueConstraint("digest", "peer", "code", name="aside_fault"),
    _partial("aside_kept", "peer", "size", where="data IS NOT NULL"),
    Index("aside_peer", "peer"),
    _partial("aside_document_id", "document_id", where="document_id <> ''"),
)

# How many entries about its refused and odd input each peer has had in the journal within the hour that began at
# ``since``, and how many were only counted.
noted = Table(
    "noted",
    metadata,
    Column("peer", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("entries", BigInteger, nullable=False),
    Column("counted", BigInteger, nullable=False),
)

# The highest number of deliveries and of what is set aside that must not be given again (store.epochs.numbers).
numbers = Table(
    "numbers",
    metadata,
    Column("name", Text, primary_key=True),  # of the table
    Column("last", BigInteger, nullable=False),
)

# What a batch writes, all in one transaction.
_WRITTEN: Final = (journal, envelopes, deliveries, crossings, bodies, receipts, aside, noted)
WRITTEN: Final = tuple(each.name for each in _WRITTEN)

# --- whose database this is, and what follows from a restored back-up (store.epochs) ---

identity = Table(
    "identity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1, the only row
    _text("node"),
    _text("epoch"),  # random; another one since the journal was found shorter than it had been
    Column("copied_at", Instant),  # set in a back-up and nowhere else
)

epochs = Table(
    "epochs",
    metadata,
    Column("epoch", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("since", Instant, nullable=False),  # the newest entry that was left when it began
    _text("reason"),
)

# Who is asked to repeat, or told to send again, what was handed in since the back-up: one row for each neighbour
# and office, whatever happens how often.
recoveries = Table(
    "recoveries",
    metadata,
    Column("party", Text, primary_key=True),  # "link:NAME" or "office:NAME"
    _text("epoch"),
    Column("since", Instant, nullable=False),
    Column("ask_at", Instant, nullable=False),
    Column("done_at", Instant),
)

# The last such question of each neighbour.
resyncs = Table(
    "resyncs",
    metadata,
    Column("peer", Text, primary_key=True),
    _text("epoch"),
    Column("at", Instant, nullable=False),
)

# Renames of neighbours and offices that the deliveries have followed already.
renames = Table(
    "renames",
    metadata,
    Column("party", Text, primary_key=True),  # the former one
    _text("now"),
    Column("at", Instant, nullable=False),
)
