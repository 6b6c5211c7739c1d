"""Queries about witnesses: :class:`SqlWitnessQueries` keeps the promises of
:class:`edxml_router.ports.witnesses.WitnessViews` in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, Table, func, inspect, select, tuple_

from edxml_router.core.proof.witness import (
    ForkKind,
    KeptCosignature,
    KeptTimeStamp,
    LogFork,
    WitnessedLog,
    WitnessStanding,
)
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.table import checkpoints
from edxml_router.store.witness.tables import cosignatures, forks, time_stamps, witnessed, witnesses

_MOST: Final = 1000
_LARGEST: Final = select(witnessed.c.origin, func.max(witnessed.c.size)).group_by(witnessed.c.origin)


class SqlWitnessQueries:
    """See :class:`edxml_router.ports.witnesses.WitnessViews`. In a copy from before there were witnesses, or time
    stamps, nothing is found."""

    engine: Engine

    def witnessed(self, origin: str = "") -> Sequence[WitnessedLog]:
        query = select(witnessed)
        if origin:
            query = query.where(witnessed.c.origin == origin).order_by(witnessed.c.size.desc()).limit(_MOST)
        else:
            largest = _LARGEST.subquery()
            pair = (witnessed.c.origin == largest.c.origin) & (witnessed.c.size == largest.c[1])
            query = query.join(largest, pair).order_by(witnessed.c.origin)
        return [WitnessedLog(**row._mapping) for row in self._found(query)]

    def forks(self) -> Sequence[LogFork]:
        query = select(*(forks.c[name] for name in LogFork.__slots__)).order_by(forks.c.id)
        return [LogFork(**{**row._mapping, "kind": ForkKind(row.kind)}) for row in self._found(query)]

    def standings(self) -> Sequence[WitnessStanding]:
        return [WitnessStanding(**row._mapping) for row in self._found(select(witnesses).order_by(witnesses.c.peer))]

    def cosignatures(self, size: int) -> Sequence[KeptCosignature]:
        query = select(cosignatures).where(cosignatures.c.size == size).order_by(cosignatures.c.peer)
        return [KeptCosignature(**row._mapping) for row in self._found(query)]

    def all_cosignatures(self, after: int = 0, limit: int = 1000) -> Sequence[KeptCosignature]:
        sizes = select(cosignatures.c.size).where(cosignatures.c.size > after).distinct()
        page = sizes.order_by(cosignatures.c.size).limit(limit).subquery()
        query = select(cosignatures).join(page, cosignatures.c.size == page.c.size)
        found = self._found(query.order_by(cosignatures.c.size, cosignatures.c.peer))
        return [KeptCosignature(**row._mapping) for row in found]

    def cosigned_size(self, least: int = 0) -> int | None:
        [row] = self._found(select(func.max(cosignatures.c.size)).where(cosignatures.c.size >= least)) or [(None,)]
        size: int | None = row[0]
        return size

    def cosigned_sizes(self, least: int, limit: int = 50) -> Sequence[int]:
        query = select(cosignatures.c.size).where(cosignatures.c.size >= least).distinct()
        return [row[0] for row in self._found(query.order_by(cosignatures.c.size.desc()).limit(limit))]

    def time_stamps(self, before: tuple[int, str] | None = None, limit: int = 50) -> Sequence[KeptTimeStamp]:
        key = (time_stamps.c.size, time_stamps.c.authority)
        query = select(time_stamps).order_by(*(each.desc() for each in key)).limit(limit)
        return self._stamps(query if before is None else query.where(tuple_(*key) < before))

    def last_time_stamp(self, authority: str) -> KeptTimeStamp | None:
        query = select(time_stamps).where(time_stamps.c.authority == authority)
        return next(iter(self._stamps(query.order_by(time_stamps.c.size.desc()).limit(1))), None)

    def first_time_stamps(self, least: int, limit: int = 50) -> Sequence[KeptTimeStamp]:
        query = select(time_stamps).where(time_stamps.c.size >= least).order_by(time_stamps.c.size, time_stamps.c.at)
        return self._stamps(query.limit(limit))

    def unstamped_since(self, size: int) -> datetime | None:
        query = select(checkpoints.c.at).where(checkpoints.c.size > size, checkpoints.c.note.is_not(None))
        [row] = self._found(query.order_by(checkpoints.c.size).limit(1), time_stamps) or [(None,)]
        at: datetime | None = row[0]
        return at

    def _stamps(self, query: Select[Any]) -> Sequence[KeptTimeStamp]:
        return [KeptTimeStamp(**row._mapping) for row in self._found(query, time_stamps)]

    def _found(self, query: Select[Any], of: Table = witnesses) -> Sequence[Any]:
        with reading(self.engine) as connection:
            if not inspect(connection).has_table(of.name):
                return ()
            return connection.execute(query).all()
