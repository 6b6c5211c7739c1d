"""What became of envelopes, recipient by recipient: :class:`SqlSentDeliveries` keeps the promise of
:meth:`edxml_router.ports.views.MailView.sent_deliveries` in SQL, in three statements whatever the number of envelopes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Engine, Select, and_, exists, func, select

from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.delivery.views import SentDelivery
from edxml_router.core.link.statement import Evidence
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.envelope import Kind
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes, envelopes_of
from edxml_router.store.receipts.book import evidence_of, receipts


class SqlSentDeliveries:
    """See :class:`edxml_router.ports.views.MailView`."""

    engine: Engine

    def sent_deliveries(self, digests: Iterable[str], after: int = 0, limit: int = 100) -> Sequence[SentDelivery]:
        found: list[SentDelivery] = []
        with reading(self.engine) as connection:
            for chunk in chunks(sorted(set(digests))):
                chosen = _chosen(chunk, after, limit)
                standing = delivery_rows(
                    connection.execute(select(deliveries).where(deliveries.c.id.in_(chosen)).order_by(deliveries.c.id))
                )
                hops: dict[tuple[str, str], tuple[Hop, ...]] = {}
                proofs: dict[tuple[str, str, str], Evidence] = {}  # by envelope, recipient and outcome
                for row in connection.execute(_receipts(chosen)):  # the latest of the farthest
                    if len(row.hops) >= len(hops.get((row.envelope, row.recipient), ())):
                        hops[row.envelope, row.recipient] = row.hops
                    proofs[row.envelope, row.recipient, row.outcome] = evidence_of(row)
                latest = {row.id: row.digest for row in connection.execute(_statuses(chosen))}
                statuses = envelopes_of(connection, latest.values())
                found += [_sent(one, hops, proofs, statuses.get(latest.get(one.id, ""))) for one in standing]
        return sorted(found, key=lambda one: one.delivery.id)


def _sent(
    delivery: Delivery,
    hops: dict[tuple[str, str], tuple[Hop, ...]],
    proofs: dict[tuple[str, str, str], Evidence],
    status: EnvelopeRow | None,
) -> SentDelivery:
    pair = (delivery.digest, delivery.recipient)
    return SentDelivery(delivery, hops.get(pair, ()), status, proofs.get((*pair, delivery.state.value)))


def _chosen(digests: Sequence[str], after: int, limit: int) -> Select[Any]:
    """The numbers of the first deliveries of each envelope."""
    place = func.row_number().over(partition_by=deliveries.c.digest, order_by=deliveries.c.id).label("place")
    placed = select(deliveries.c.id, place).where(deliveries.c.digest.in_(digests), deliveries.c.id > after).subquery()
    return select(placed.c.id).where(placed.c.place <= limit)


def _receipts(chosen: Select[Any]) -> Select[Any]:
    theirs = and_(receipts.c.envelope == deliveries.c.digest, receipts.c.recipient == deliveries.c.recipient)
    return (
        select(receipts)
        .select_from(receipts.join(deliveries, theirs))
        .where(deliveries.c.id.in_(chosen))
        .order_by(receipts.c.id)
    )


def _statuses(chosen: Select[Any]) -> Select[Any]:
    """By delivery, the digest of the latest status from its recipient to the sender. A DocumentId alone names no
    document: another agency's may have the same."""
    status, reply = envelopes.alias("status"), deliveries.alias("reply")
    back = exists().where(reply.c.digest == status.c.digest, reply.c.recipient == envelopes.c.sender)
    newest = (
        func.row_number()
        .over(partition_by=deliveries.c.id, order_by=(status.c.accepted_at.desc(), status.c.digest))
        .label("newest")
    )
    told = (
        select(deliveries.c.id, status.c.digest, newest)
        .select_from(
            deliveries.join(envelopes, envelopes.c.digest == deliveries.c.digest).join(
                status,
                and_(status.c.document_key == envelopes.c.document_key, status.c.sender == deliveries.c.recipient),
            )
        )
        .where(
            deliveries.c.id.in_(chosen),
            envelopes.c.kind == Kind.DOCUMENT.value,
            envelopes.c.document_key != "",
            status.c.kind == Kind.STATUS.value,
            back,
        )
        .subquery()
    )
    return select(told.c.id, told.c.digest).where(told.c.newest == 1)
