"""Erase words of people wherever the tables have them: beside the entries, in deliveries, and in receipts.

A signed statement about a return has the words in it, and cannot be had without them: it goes as a whole. What it
proved the entries still name (``evidence``, its SHA-256).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, Text, delete, select, type_coerce, update

from edxml_router.core.delivery.entries.redaction import Redaction
from edxml_router.core.detail import Detail
from edxml_router.core.link.statement import BY_RECIPIENT
from edxml_router.store.deliveries.reasons import reasons, reasons_of
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.receipts.book import receipts

_UNTOLD: Final = select(receipts.c.envelope, receipts.c.recipient).where(
    receipts.c.sent_at.is_(None), type_coerce(receipts.c.origin, Text).startswith("link:")
)


def untold_outcomes(connection: Connection, digests: Collection[str]) -> set[tuple[str, str]]:
    """Envelopes and recipients whose outcome a neighbour has not been told yet, with the words in it."""
    return {
        (row.envelope, row.recipient) for row in connection.execute(_UNTOLD.where(receipts.c.envelope.in_(digests)))
    }


def erase(connection: Connection, redaction: Redaction) -> None:
    """Erase the words of one redaction, with their salt."""
    if connection.dialect.name == "sqlite":
        # Else SQLite only marks the room as free, and the words stay readable in the file.
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    digest, recipient = redaction.digest, redaction.recipient
    words = {one.words for one in reasons_of(connection, [digest]) if one.commitment in redaction.commitments}
    connection.execute(
        delete(reasons).where(reasons.c.digest == digest, reasons.c.commitment.in_(redaction.commitments))
    )
    rows = select(deliveries.c.id, deliveries.c.code, deliveries.c.detail)
    rows = rows.where(deliveries.c.digest == digest, deliveries.c.recipient == recipient)
    for row in connection.execute(rows).all():
        if _is_said(row.code, row.detail, words):
            connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(detail=""))
    told = select(receipts.c.id, receipts.c.code, receipts.c.detail)
    told = told.where(receipts.c.envelope == digest, receipts.c.recipient == recipient)
    for row in connection.execute(told).all():
        if _is_said(row.code, row.detail, words):
            bare = {"detail": "", "signed_end": (), "passes": ()}
            connection.execute(update(receipts).where(receipts.c.id == row.id).values(bare))


def _is_said(code: str, detail: str, words: Collection[str]) -> bool:
    """Whether this is what somebody wrote: the words themselves, or as much of them as a receipt brought."""
    return bool(detail) and not isinstance(detail, Detail) and (code == BY_RECIPIENT or detail in words)
