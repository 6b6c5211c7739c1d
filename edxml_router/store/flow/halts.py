"""Halts in SQL: the tables, ``book.halts`` and its queries (:mod:`edxml_router.ports.flow.halts`).

Who stops deliveries by a halt locks its row, and so does who ends it: when it has ended, whatever it has stopped is
known, and nothing more is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Engine, Index, Table, bindparam, delete, func, insert, select, update

from edxml_router.core.delivery.halts import HALTED, Halt, StandingHalt
from edxml_router.core.delivery.lifecycle import State
from edxml_router.store.database.bulk import Insert
from edxml_router.store.database.columns import Instant, Number, metadata, words
from edxml_router.store.database.engine import reading
from edxml_router.store.database.part import Part, chunks
from edxml_router.store.deliveries.table import deliveries

# Each column is a field of core.delivery.halts.Halt.
halts = Table(
    "halts",
    metadata,
    Column("id", Number, primary_key=True),
    words("sender"),
    words("recipient"),
    words("route"),
    words("cause"),
    Column("since", Instant, nullable=False),
    words("actor"),
    words("reason"),
    Column("released_at", Instant),
)

# By which halt a delivery was stopped. A row may outlive that: a delivery can be cancelled, or expire.
halted = Table(
    "halted",
    metadata,
    Column("delivery", BigInteger, primary_key=True, autoincrement=False),
    Column("halt", BigInteger, nullable=False),
    Index("halted_halt", "halt", "delivery"),
)

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_NUMBER: Final[Any] = bindparam("number")
_STANDING: Final = (
    select(halts).where(halts.c.released_at.is_(None)).order_by(halts.c.id).with_for_update(read=True)
)
_ONE: Final = select(halts).where(halts.c.id == _NUMBER).with_for_update()
_END: Final = update(halts).where(halts.c.id == _NUMBER).values(released_at=bindparam("at", type_=Instant))
_STOPPED: Final = (
    select(halted.c.delivery).where(halted.c.halt == _NUMBER).order_by(halted.c.delivery).limit(bindparam("limit"))
)
_STOPPING: Final = (
    select(halted)
    .join(halts, halts.c.id == halted.c.halt)
    .where(halted.c.delivery.in_(_KEYS), halts.c.released_at.is_(None))
)
_ADD_STOPPED: Final = Insert(
    halted, ("delivery", "halt"), "ON CONFLICT (delivery) DO UPDATE SET halt = excluded.halt"
)
_FORGET: Final = delete(halted).where(halted.c.delivery.in_(_KEYS))
_HOLDING: Final = (
    select(halted.c.halt, func.count().label("count"))
    .join(deliveries, deliveries.c.id == halted.c.delivery)
    .where(deliveries.c.state == State.HELD, deliveries.c.code == HALTED)
    .group_by(halted.c.halt)
)


class SqlHalts(Part):
    """See :class:`edxml_router.ports.flow.halts.Halts`."""

    def standing(self) -> Sequence[Halt]:
        return [Halt(**row._mapping) for row in self._execute(_STANDING)]

    def add(self, halt: Halt) -> Halt:
        values = {name: value for name, value in asdict(halt).items() if name != "id"}
        number = self._execute(insert(halts).values(values).returning(halts.c.id)).scalar_one()
        return replace(halt, id=int(number))

    def note_stopped(self, stopped: Mapping[int, int]) -> None:
        self._write(_ADD_STOPPED, [{"delivery": one, "halt": halt} for one, halt in sorted(stopped.items())])

    def end(self, number: int, at: datetime) -> Halt | None:
        row = self._execute(_ONE, {"number": number}).first()
        if row is None:
            return None
        halt = Halt(**row._mapping)
        if halt.released_at is not None:
            return halt
        self._execute(_END, {"number": number, "at": at})
        return replace(halt, released_at=at)

    def stopped(self, number: int, limit: int) -> Sequence[int]:
        return list(self._execute(_STOPPED, {"number": number, "limit": limit}).scalars())

    def forget_stopped(self, deliveries: Collection[int]) -> None:
        for chunk in chunks(sorted(deliveries)):
            self._execute(_FORGET, {"keys": chunk})

    def remove(self, number: int) -> None:
        self._execute(delete(halts).where(halts.c.id == number))

    def stopping(self, deliveries: Collection[int]) -> Mapping[int, int]:
        return {row.delivery: row.halt for row in self._by_keys(_STOPPING, deliveries)}


class SqlHaltQueries:
    """See :class:`edxml_router.ports.flow.halts.HaltViews`."""

    engine: Engine

    def halts(self) -> Sequence[StandingHalt]:
        with reading(self.engine) as connection:
            rows = [Halt(**row._mapping) for row in connection.execute(select(halts).order_by(halts.c.id))]
            counts: dict[int, int] = {}
            if rows:
                counts = {row.halt: row[1] for row in connection.execute(_HOLDING)}
        return [StandingHalt(one, counts.get(one.id, 0)) for one in rows]
