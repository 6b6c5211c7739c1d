"""``book.witnesses``: :class:`edxml_router.ports.witnesses.Witnesses` in SQL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, text, update

from edxml_router.core.proof.witness import KeptCosignature, KeptTimeStamp, LogFork, WitnessedLog, WitnessStanding
from edxml_router.store.database.columns import Instant, microseconds
from edxml_router.store.database.engine import alone, troubles
from edxml_router.store.database.part import Part, PerDialect
from edxml_router.store.witness.tables import cosignatures, forks, time_stamps, witnessed, witnesses

FORKS: Final = 16  # kept of one log: the first two notes prove all there is to prove
_LOCK: Final = 0x6564786D_0005  # an advisory lock of PostgreSQL: "edxm", 5
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)

_NEWEST: Final = (
    select(witnessed).where(witnessed.c.origin == bindparam("log")).order_by(witnessed.c.size.desc()).limit(1)
)
_SAME_FORK: Final = select(func.count()).where(
    forks.c.origin == bindparam("log"), forks.c.known == bindparam("first"), forks.c.shown == bindparam("second")
)
_FORKS_OF: Final = select(func.count()).where(forks.c.origin == bindparam("log"))
_STANDING: Final = select(witnesses).where(witnesses.c.peer == bindparam("who"))
_ASKED: Final = (
    update(witnesses)
    .where(witnesses.c.peer == bindparam("who"))
    .where(
        (witnesses.c.asked_at <= bindparam("due", type_=Instant))
        | (witnesses.c.asked_at > bindparam("now", type_=Instant))  # a clock that went back
    )
    .values(asked_at=bindparam("now", type_=Instant))
)
_THIN: Final = """
    DELETE FROM {table} WHERE ({key}) IN (
        SELECT {key} FROM (
            SELECT {key}, row_number() OVER (PARTITION BY {group}, at / :slot ORDER BY size DESC) AS place
            FROM {table} WHERE at < :before
        ) AS old WHERE place > 1
    )
"""
_THINNED: Final = tuple(
    text(_THIN.format(table=table, key=key, group=group))
    for table, key, group in (
        ("witnessed", "origin, size", "origin"),
        ("cosignatures", "size, peer", "peer"),
        ("time_stamps", "size, authority", "authority"),
    )
)


def _upsert(insert: Any, table: Any, keys: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=[table.c[key] for key in keys], set_={name: statement.excluded[name] for name in changed}
    )


_KEEP: Final = PerDialect(lambda insert: _upsert(insert, witnessed, ("origin", "size"), ("sent_at", "at")))
_COSIGN: Final = PerDialect(lambda insert: _upsert(insert, cosignatures, ("size", "peer"), ("at", "line")))
_FIRST: Final = PerDialect(lambda insert: insert(witnesses).on_conflict_do_nothing())
_STAMPED: Final = PerDialect(lambda insert: insert(time_stamps).on_conflict_do_nothing())


class SqlWitnesses(Part):
    """See :class:`edxml_router.ports.witnesses.Witnesses`."""

    def newest(self, origin: str) -> WitnessedLog | None:
        with troubles():
            alone(self._connection, _LOCK)
        row = self._execute(_NEWEST, {"log": origin}).one_or_none()
        return WitnessedLog(**row._mapping) if row else None

    def keep(self, checkpoint: WitnessedLog) -> None:
        values = {name: getattr(checkpoint, name) for name in WitnessedLog.__slots__}
        self._execute(_KEEP[self._connection.dialect.name], values)

    def catch(self, fork: LogFork) -> bool:
        about = {"log": fork.origin, "first": fork.known, "second": fork.shown}
        if self._execute(_SAME_FORK, about).scalar_one():
            return False
        if self._execute(_FORKS_OF, {"log": fork.origin}).scalar_one() >= FORKS:
            return False
        self._execute(insert(forks), {name: getattr(fork, name) for name in LogFork.__slots__})
        return True

    def ask(self, peer: str, now: datetime, pause: timedelta) -> WitnessStanding | None:
        first = {"peer": peer, "since": now, "asked_at": now, "answered_at": None, "size": 0, "code": "", "detail": ""}
        if not self._execute(_FIRST[self._connection.dialect.name], first).rowcount and not (
            self._execute(_ASKED, {"who": peer, "now": now, "due": now - pause}).rowcount
        ):
            return None
        row = self._execute(_STANDING, {"who": peer}).one()
        return WitnessStanding(**row._mapping)

    def answered(self, peer: str, now: datetime, size: int | None, code: str = "", detail: str = "") -> bool:
        row = self._execute(_STANDING, {"who": peer}).one_or_none()
        if row is None:
            return False  # it was never asked
        values = {"answered_at": now, "code": code, "detail": detail, **({} if size is None else {"size": size})}
        self._execute(update(witnesses).where(witnesses.c.peer == peer).values(values))
        return bool(row.code != code)

    def keep_cosignature(self, cosignature: KeptCosignature) -> None:
        values = {name: getattr(cosignature, name) for name in KeptCosignature.__slots__}
        self._execute(_COSIGN[self._connection.dialect.name], values)

    def keep_time_stamp(self, stamp: KeptTimeStamp) -> None:
        values = {name: getattr(stamp, name) for name in KeptTimeStamp.__slots__}
        self._execute(_STAMPED[self._connection.dialect.name], values)

    def thin(self, now: datetime, hourly: timedelta) -> None:
        for slot, age in ((_HOUR, _DAY), (_DAY, max(hourly, _DAY))):
            values = {"slot": slot // timedelta(microseconds=1), "before": microseconds(now - age)}
            for statement in _THINNED:
                self._execute(statement, values)
