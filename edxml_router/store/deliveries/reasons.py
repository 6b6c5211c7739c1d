"""The words that entries of the journal commit to (:mod:`edxml_router.core.delivery.entries.reasons`): kept apart from
them, with their salt, so that they can be erased.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Column, Connection, Index, LargeBinary, Table, Text, bindparam, select

from edxml_router.core.delivery.entries.reasons import FACT, CommittedReason
from edxml_router.core.delivery.journal import Entry
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.columns import metadata, words
from edxml_router.store.database.part import chunks

reasons = Table(
    "reasons",
    metadata,
    Column("commitment", Text, primary_key=True),  # as the entry has it
    words("digest"),
    words("recipient"),
    Column("salt", LargeBinary, nullable=False),
    words("words"),
    Index("reasons_digest", "digest"),
)

ADD_REASONS: Final = Insert(reasons, ("commitment", "digest", "recipient", "salt", "words"), "ON CONFLICT DO NOTHING")
_OF: Final = select(reasons).where(reasons.c.digest.in_(bindparam("keys", expanding=True)))


def reasons_of(connection: Connection, digests: Collection[str]) -> list[CommittedReason]:
    """The words about these envelopes that are still kept, whether they hold or not."""
    found: list[CommittedReason] = []
    for chunk in chunks(sorted(set(digests))):
        for row in connection.execute(_OF, {"keys": chunk}).all():
            found.append(CommittedReason(row.commitment, row.digest, row.recipient, bytes(row.salt), row.words))
    return found


def words_behind(connection: Connection, entries: Iterable[Entry]) -> dict[str, str]:
    """By commitment, the words that these entries commit to, as far as they are kept and hold."""
    digests = {entry.envelope for entry in entries if FACT in entry.facts}
    return words_of(connection, digests) if digests else {}


def words_of(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """By commitment, the words about these envelopes that hold."""
    return {one.commitment: one.words for one in reasons_of(connection, digests) if one.holds}
