"""All that is asked of a node's database: :class:`SqlViews` keeps the promises of
:class:`edxml_router.ports.views.Views` on SQLite and PostgreSQL.

    ledger.views.counts()                                # of a node
    with closing(read_only.open_views(place)) as views: …    # of a copy
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import SystemRandom

from sqlalchemy import Engine, func, select

from edxml_router.core.delivery.views import Damage, Verification
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.core.proof.note import VerifierKey
from edxml_router.store import integrity
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.chains import SqlOrder
from edxml_router.store.deliveries.queries import SqlDeliveryQueries
from edxml_router.store.deliveries.received import SqlReceived
from edxml_router.store.deliveries.silences import SqlSilences
from edxml_router.store.envelopes.queries import SqlEnvelopeQueries
from edxml_router.store.envelopes.sent import SqlSentDeliveries
from edxml_router.store.flow.drain import SqlDrainQueries
from edxml_router.store.flow.halts import SqlHaltQueries
from edxml_router.store.inventory.queries import SqlInventoryQueries
from edxml_router.store.journal import verification
from edxml_router.store.journal.feed import SqlFeed
from edxml_router.store.journal.history import SqlHistory
from edxml_router.store.journal.proofs import SqlProofs
from edxml_router.store.quarantine.queries import SqlQuarantineQueries
from edxml_router.store.receipts.unproven import SqlUnprovenEnds
from edxml_router.store.retention.queries import SqlRetentionQueries
from edxml_router.store.rulesets.queries import SqlRuleSetQueries
from edxml_router.store.search.comparing import compare_index
from edxml_router.store.search.entries import SqlSearch
from edxml_router.store.webhooks import SqlWebhookQueries
from edxml_router.store.witness.queries import SqlWitnessQueries


class SqlViews(
    SqlSilences,
    SqlDrainQueries,
    SqlHaltQueries,
    SqlEnvelopeQueries,
    SqlDeliveryQueries,
    SqlSentDeliveries,
    SqlReceived,
    SqlOrder,
    SqlHistory,
    SqlSearch,
    SqlFeed,
    SqlProofs,
    SqlUnprovenEnds,
    SqlWitnessQueries,
    SqlRetentionQueries,
    SqlRuleSetQueries,
    SqlInventoryQueries,
    SqlQuarantineQueries,
    SqlWebhookQueries,
):
    """See :class:`edxml_router.ports.views.Views`. Safe to share between threads; never carried over a fork."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def verify(
        self,
        known: Mapping[int, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        keys: Sequence[VerifierKey] = (),
        files: Path | None = None,
    ) -> Verification:
        if damages := integrity.misfits(self.engine):  # what they mean nobody can tell
            return verification.unreadable(damages)
        try:
            found = verification.verify(self.engine, known, progress, keys, files)
            index = compare_index(self.engine, SystemRandom())
        except Setback as setback:
            if setback.code != "EDX610":
                raise
            return verification.unreadable([Damage(Detail("the tables"), setback.finding.detail)])
        return replace(
            found,
            indexed=index.of,
            index_compared=index.entries,
            damages=(*found.damages, *index.damages)[: verification.DAMAGES],
            damage_count=found.damage_count + len(index.damages),
        )

    def damage(self, *, quick: bool = False) -> str:
        return integrity.database_damage(self.engine, quick=quick)

    def filed_bodies(self) -> int:
        query = select(func.count()).select_from(bodies).where(bodies.c.data.is_(None))
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one())

    def close(self) -> None:
        """Let go of all connections. Idempotent."""
        self.engine.dispose()
