"""Outcomes that nobody has proven: :class:`SqlUnprovenEnds` keeps the promise of
:class:`edxml_router.ports.proofs.UnprovenEnds` in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine, and_, select, text

from edxml_router.core.delivery.views import UnprovenEnd
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.receipts.book import receipt_of, receipts


class SqlUnprovenEnds:
    """See :class:`edxml_router.ports.proofs.UnprovenEnds`."""

    engine: Engine

    def unproven_ends(
        self, since: datetime, *, peer: str = "", code: str = "", before: int = 0, limit: int = 100
    ) -> Sequence[UnprovenEnd]:
        # Of a delivery only the outcome that stands: one without a proof may have been corrected by one that has it.
        standing = and_(
            deliveries.c.digest == receipts.c.envelope,
            deliveries.c.recipient == receipts.c.recipient,
            deliveries.c.state == receipts.c.outcome,
        )
        query = (
            select(receipts, envelopes.c.sender, envelopes.c.document_id)
            .select_from(receipts.join(deliveries, standing).join(envelopes, envelopes.c.digest == receipts.c.envelope))
            .where(text("receipts.doubt <> ''"), receipts.c.taken_at >= since)  # as the index has it
            .order_by(receipts.c.id.desc())
            .limit(limit)
        )
        if peer:
            query = query.where(receipts.c.told_by == peer)
        if code:
            query = query.where(receipts.c.doubt == code)
        if before:
            query = query.where(receipts.c.id < before)
        with reading(self.engine) as connection:
            return [
                UnprovenEnd(row.id, row.document_id, row.sender, receipt_of(row)) for row in connection.execute(query)
            ]
