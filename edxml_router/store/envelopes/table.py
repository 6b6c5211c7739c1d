"""The table of accepted envelopes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    select,
)

from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.store.database.columns import Hops, Instant, Texts, Wording, metadata, partial, words
from edxml_router.store.database.part import chunks

CHANGES: Final = "business <> 0"  # recalls, updates, replacements
HANDED_IN: Final = "channel <> 'link'"  # by an office of this node

# Each column is a field of EnvelopeRow.
envelopes = Table(
    "envelopes",
    metadata,
    Column("digest", Text, primary_key=True),
    words("identity"),
    words("kind"),
    Column("business", Integer, nullable=False),
    words("sender"),
    words("document_id"),
    Column("refers_to", Texts, nullable=False),
    words("status_code"),
    Column("size", BigInteger, nullable=False),
    Column("attachments", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("accepted_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    words("peer"),
    words("channel"),
    words("indication"),
    words("reason", Wording),
    words("signer"),
    Column("remarks", Texts, nullable=False),
    Column("hops", Hops, nullable=False),
    words("document_key", server_default=""),
    Column("chains", Texts, nullable=False, server_default="[]"),  # numbers
    UniqueConstraint("identity", name="envelopes_identity"),
    Index("envelopes_document_key", "document_key"),
    Index("envelopes_accepted_at", "accepted_at", "digest"),
    Index("envelopes_sender", "sender", "accepted_at"),
    partial("envelopes_changes", "sender", "accepted_at", where=CHANGES),
    # What came over a link is not in it: a node on the way pays nothing for what its offices may ask.
    partial("envelopes_handed_in", "peer", "accepted_at", "digest", where=HANDED_IN),
)


def envelope_rows(rows: Iterable[Any]) -> list[EnvelopeRow]:
    """The values of whole rows of the table."""
    return [EnvelopeRow(**row._mapping) for row in rows]


def envelopes_of(connection: Connection, digests: Iterable[str]) -> dict[str, EnvelopeRow]:
    """The envelopes of these digests."""
    found: dict[str, EnvelopeRow] = {}
    for chunk in chunks(sorted(set(digests))):
        rows = envelope_rows(connection.execute(select(envelopes).where(envelopes.c.digest.in_(chunk))))
        found.update({row.digest: row for row in rows})
    return found
