"""Queries about what goes and what stays: :class:`SqlRetentionQueries` keeps the promises of
:class:`edxml_router.ports.retention.RetentionViews` in SQL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, exists, func, inspect, select, tuple_

from edxml_router.core.delivery.entries.reasons import CommittedReason
from edxml_router.core.retention.judging import KeptBody, KeptWords
from edxml_router.core.retention.values import Hold, RemovedBody
from edxml_router.ports.retention import Key
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.columns import Instant
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.reasons import reasons, reasons_of
from edxml_router.store.envelopes.table import envelope_rows, envelopes, envelopes_of
from edxml_router.store.retention.rows import entry_place, kept_bodies, last_removals, removal_of_row
from edxml_router.store.retention.tables import holds, removals

_IS_HERE: Final = exists().where(bodies.c.digest == envelopes.c.digest)


class SqlRetentionQueries:
    """See :class:`edxml_router.ports.retention.RetentionViews`."""

    engine: Engine

    def kept_bodies(
        self, before: datetime, after: Key | None = None, limit: int = 1000
    ) -> tuple[Sequence[KeptBody], Key | None]:
        key = tuple_(envelopes.c.accepted_at, envelopes.c.digest)
        query = select(envelopes.c.accepted_at, envelopes.c.digest, _IS_HERE.label("here"))
        query = query.where(envelopes.c.accepted_at < before)
        if after is not None:
            query = query.where(key > tuple_(*after, types=[Instant(), envelopes.c.digest.type]))
        with reading(self.engine) as connection:
            # By the index alone, and the bodies' key: envelopes whose bodies have gone are passed quickly.
            page = connection.execute(query.order_by(envelopes.c.accepted_at, envelopes.c.digest).limit(limit)).all()
            here = [row.digest for row in page if row.here]
            rows = [
                row
                for part in chunks(here)
                for row in envelope_rows(connection.execute(select(envelopes).where(envelopes.c.digest.in_(part))))
            ]
            rows.sort(key=lambda row: (row.accepted_at, row.digest))
            found = kept_bodies(connection, rows)
        return found, (page[-1].accepted_at, page[-1].digest) if len(page) == limit else None

    def kept_words(self, after: str = "", limit: int = 1000) -> tuple[Sequence[KeptWords], str]:
        # By the reasons' own index: of most letters nobody has written anything.
        query = select(reasons.c.digest).where(reasons.c.digest > after).distinct().order_by(reasons.c.digest)
        words: dict[str, list[CommittedReason]] = defaultdict(list)
        with reading(self.engine) as connection:
            if not inspect(connection).has_table(reasons.name):  # a copy of a database of an earlier version
                return (), ""
            page = connection.execute(query.limit(limit)).scalars().all()
            for one in reasons_of(connection, page):
                if one.holds:
                    words[one.digest].append(one)
            rows = sorted(envelopes_of(connection, words).values(), key=lambda row: row.digest)
            found = [KeptWords(one, words[one.envelope.digest]) for one in kept_bodies(connection, rows)]
        return found, page[-1] if len(page) == limit else ""

    def bodies_kept(self) -> tuple[int, int]:
        query = select(func.count(), func.coalesce(func.sum(bodies.c.size), 0))
        with reading(self.engine) as connection:
            count, size = connection.execute(query).one()
        return int(count), int(size)

    def removed_bodies(self, digests: Iterable[str]) -> Mapping[str, RemovedBody]:
        found: dict[str, RemovedBody] = {}
        with reading(self.engine) as connection:
            if not inspect(connection).has_table(removals.name):  # a copy of a database of an earlier version
                return found
            for part in chunks(sorted(set(digests))):
                here = set(connection.execute(select(bodies.c.digest).where(bodies.c.digest.in_(part))).scalars())
                for row in last_removals(connection, [one for one in part if one not in here]):
                    removal = removal_of_row(row)
                    found[row.body] = RemovedBody(removal, *entry_place(connection, removal))
        return found

    def removals(self) -> tuple[int, int]:
        query = select(func.coalesce(func.sum(removals.c.count), 0), func.coalesce(func.sum(removals.c.size), 0))
        with reading(self.engine) as connection:
            count, size = connection.execute(query).one()
        return int(count), int(size)

    def holds(self, after: str = "", limit: int = 100) -> Sequence[Hold]:
        query = select(holds).where(holds.c.subject > after).order_by(holds.c.subject).limit(limit)
        with reading(self.engine) as connection:
            return [Hold(**row._mapping) for row in connection.execute(query)]
