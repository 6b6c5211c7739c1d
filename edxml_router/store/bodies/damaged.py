"""The table of bodies that are damaged, and ``book.damages``: :class:`edxml_router.ports.bodies.Damages` in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Column, Engine, Integer, Table, Text, delete, exists, insert, select, update

from edxml_router.core.delivery.journal import BODY_DAMAGED, BODY_MENDED, Entry
from edxml_router.core.detail import Detail
from edxml_router.store.bodies.table import bodies
from edxml_router.store.database.columns import Instant, metadata
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.book import JournalledPart

CODE: Final = "EDX603"
_FIRST: Final = timedelta(minutes=1)  # between two questions; doubles each time
_LONGEST: Final = timedelta(hours=6)

damaged = Table(
    "damaged",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", Instant, nullable=False),  # when it was found
    Column("ask_at", Instant, nullable=False),
    Column("asked", Integer, nullable=False, server_default="0"),  # how often
)

_LET_GO: Final = delete(damaged).where(~exists().where(bodies.c.digest == damaged.c.digest))


class SqlDamages(JournalledPart):
    """See :class:`edxml_router.ports.bodies.Damages`."""

    def note(self, digests: Iterable[str], now: datetime) -> Sequence[str]:
        wanted = sorted(set(digests))
        known = set(self._execute(select(damaged.c.digest).where(damaged.c.digest.in_(wanted))).scalars())
        news = [digest for digest in wanted if digest not in known]
        if news:
            rows = [{"digest": digest, "at": now, "ask_at": now, "asked": 0} for digest in news]
            self._execute(insert(damaged), rows)
            told = Detail("body damaged or missing")
            self._journal.note(
                [Entry(now, BODY_DAMAGED, envelope=each, actor="node", code=CODE, detail=told) for each in news]
            )
        return news

    def claim(self, now: datetime, limit: int) -> Sequence[str]:
        self._execute(_LET_GO)  # by the rules of retention: nobody wants it any more
        due = select(damaged).where(damaged.c.ask_at <= now).order_by(damaged.c.ask_at).limit(limit)
        rows = self._execute(due.with_for_update(skip_locked=True)).all()
        for row in rows:
            pause = min(_FIRST * 2 ** min(row.asked, 20), _LONGEST)
            values = {"ask_at": now + pause, "asked": row.asked + 1}
            self._execute(update(damaged).where(damaged.c.digest == row.digest).values(values))
        return [row.digest for row in rows]

    def open(self, digest: str) -> bool:
        return self._execute(select(damaged.c.digest).where(damaged.c.digest == digest)).one_or_none() is not None

    def mend(self, digest: str, size: int, data: bytes | None, now: datetime, actor: str) -> None:
        if not self._execute(damaged.delete().where(damaged.c.digest == digest)).rowcount:
            return
        if data is not None:
            self._execute(update(bodies).where(bodies.c.digest == digest, bodies.c.data.is_not(None)).values(data=data))
        told = Detail("{size} bytes", size=size)
        self._journal.note([Entry(now, BODY_MENDED, envelope=digest, actor=actor, detail=told)])


def damaged_bodies(engine: Engine, limit: int) -> Sequence[tuple[str, datetime]]:
    """Those that are known, the oldest first, each with when it was found. Raises Setback EDX602."""
    query = select(damaged.c.digest, damaged.c.at).order_by(damaged.c.at, damaged.c.digest).limit(limit)
    with reading(engine) as connection:
        return [(row.digest, row.at) for row in connection.execute(query)]
