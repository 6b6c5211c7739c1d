"""Jobs that act upon many deliveries: what was chosen, by whom, and how far each has come.

The numbers are kept when the job is prepared, so that what a person saw is what is acted upon. Each step is written in
the transaction of the act itself: after a crash a job goes on behind the last delivery that was dealt with, and deals
with none twice. One job runs at a time; whoever runs it has to give a sign of life, or another takes it over.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from sys import byteorder
from typing import Final

from sqlalchemy import Column, Connection, Engine, Integer, Table, bindparam, delete, func, insert, select, update

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.store.database.columns import Instant, Number, Octets, metadata, words
from edxml_router.store.database.engine import alone, reading

JOBS_LOCK: Final = 0x6564786D_0010  # an advisory lock of PostgreSQL: "edxm", 16
SILENT: Final = timedelta(seconds=60)  # without a sign of life: whoever ran it is gone
PREPARED_AGE: Final = timedelta(hours=1)  # then what was chosen is forgotten
KEPT: Final = 200  # jobs that have ended


class JobState(StrEnum):
    """Where a job stands."""

    PREPARED = "prepared"  # chosen and shown, and not begun
    BEGUN = "begun"  # waits for its turn, or runs
    DONE = "done"
    STOPPED = "stopped"  # by a person, before its end


bulk_jobs = Table(
    "bulk_jobs",
    metadata,
    Column("id", Number, primary_key=True),
    words("act"),
    words("state"),
    words("person"),
    words("approver"),
    words("reason"),
    words("wish"),  # how it was chosen, as the page wrote it
    Column("total", Integer, nullable=False),
    Column("place", Integer, nullable=False),  # of the next one
    Column("done", Integer, nullable=False),
    Column("numbers", Octets, nullable=False),  # eight bytes each, the highest first; none once it has ended
    words("runner"),  # a sign of the process; of a job that was stopped, who stopped it
    Column("made_at", Instant, nullable=False),
    Column("begun_at", Instant),
    Column("beat_at", Instant),
    Column("ended_at", Instant),
)


@dataclass(frozen=True, slots=True)
class BulkJob:
    """One job. ``place``: how many have been dealt with; of these ``done`` were possible still."""

    id: int
    act: Event
    state: JobState
    person: str
    approver: str
    reason: str
    wish: str
    total: int
    place: int
    done: int
    runner: str
    made_at: datetime
    begun_at: datetime | None
    beat_at: datetime | None
    ended_at: datetime | None

    @property
    def failed(self) -> int:
        """How many had changed since they were shown, and were left as they are."""
        return self.place - self.done

    def broken_off(self, now: datetime) -> bool:
        """Whether nobody runs it, though it has begun."""
        last = self.beat_at or self.begun_at
        return self.state is JobState.BEGUN and last is not None and now - last > SILENT


_SHOWN: Final = [column for column in bulk_jobs.c if column.name != "numbers"]
_ID: Final = bulk_jobs.c.id == bindparam("which")
_BEGUN: Final = bulk_jobs.c.state == JobState.BEGUN


def add_job(
    connection: Connection,
    act: Event,
    person: str,
    reason: str,
    wish: str,
    numbers: Sequence[int],
    now: datetime,
    age: timedelta = PREPARED_AGE,
) -> int:
    """Keep a new one; its number. What nobody began within ``age``, and the oldest that have ended, are forgotten."""
    old = update(bulk_jobs).where(bulk_jobs.c.state == JobState.PREPARED, bulk_jobs.c.made_at < now - age)
    connection.execute(old.values(state=JobState.STOPPED.value, ended_at=now, numbers=b""))
    # Never the newest one: SQLite would give its number again, and somebody may have its page open still.
    newest = select(func.max(bulk_jobs.c.id)).scalar_subquery()
    connection.execute(delete(bulk_jobs).where(bulk_jobs.c.ended_at.is_not(None), bulk_jobs.c.id <= newest - KEPT))
    values = {
        "act": act.value,
        "state": JobState.PREPARED.value,
        "person": person,
        "approver": "",
        "reason": reason,
        "wish": wish,
        "total": len(numbers),
        "place": 0,
        "done": 0,
        "numbers": _packed(numbers),
        "runner": "",
        "made_at": now,
    }
    return int(connection.execute(insert(bulk_jobs).returning(bulk_jobs.c.id), values).scalar_one())


def begin_job(
    connection: Connection, number: int, approver: str, now: datetime, age: timedelta = PREPARED_AGE
) -> bool:
    """Let it have its turn; False where it is not there any more, or was begun before."""
    change = (
        update(bulk_jobs)
        .where(_ID, bulk_jobs.c.state == JobState.PREPARED, bulk_jobs.c.made_at >= now - age)
        .values(state=JobState.BEGUN.value, begun_at=now, approver=approver)
    )
    return bool(connection.execute(change, {"which": number}).rowcount)


def stop_job(connection: Connection, number: int, person: str, now: datetime) -> bool:
    """End it before its end, or forget what was chosen; False where it has ended."""
    change = (
        update(bulk_jobs)
        .where(_ID, bulk_jobs.c.ended_at.is_(None))
        .values(state=JobState.STOPPED.value, ended_at=now, numbers=b"", runner=person)
    )
    return bool(connection.execute(change, {"which": number}).rowcount)


def any_begun(engine: Engine) -> bool:
    """Whether a job waits for its turn, or runs."""
    with reading(engine) as connection:
        return connection.execute(select(bulk_jobs.c.id).where(_BEGUN).limit(1)).first() is not None


def take_job(connection: Connection, runner: str, now: datetime) -> BulkJob | None:
    """The job whose turn it is, for ``runner`` alone; None where there is none, or another runs one."""
    alone(connection, JOBS_LOCK)
    alive = select(bulk_jobs.c.id).where(_BEGUN, bulk_jobs.c.runner != "", bulk_jobs.c.beat_at > now - SILENT)
    if connection.execute(alive.limit(1)).first() is not None:
        return None
    first = connection.execute(select(bulk_jobs.c.id).where(_BEGUN).order_by(bulk_jobs.c.begun_at).limit(1)).scalar()
    if first is None:
        return None
    connection.execute(update(bulk_jobs).where(_ID).values(runner=runner, beat_at=now), {"which": first})
    return _job(connection.execute(select(*_SHOWN).where(_ID), {"which": first}).one())


def step_job(connection: Connection, number: int, runner: str, dealt: int, done: int, now: datetime) -> bool:
    """So many more were dealt with; False where it is no longer ours: it was stopped, or another took it over."""
    change = (
        update(bulk_jobs)
        .where(_ID, _BEGUN, bulk_jobs.c.runner == runner)
        .values(place=bulk_jobs.c.place + dealt, done=bulk_jobs.c.done + done, beat_at=now)
    )
    return bool(connection.execute(change, {"which": number}).rowcount)


def release_job(connection: Connection, number: int, runner: str) -> None:
    """Whoever looks next goes on with it."""
    change = update(bulk_jobs).where(_ID, _BEGUN, bulk_jobs.c.runner == runner).values(runner="")
    connection.execute(change, {"which": number})


def end_job(connection: Connection, number: int, runner: str, now: datetime) -> None:
    """All were dealt with."""
    change = (
        update(bulk_jobs)
        .where(_ID, _BEGUN, bulk_jobs.c.runner == runner)
        .values(state=JobState.DONE.value, ended_at=now, numbers=b"")
    )
    connection.execute(change, {"which": number})


def one_job(engine: Engine, number: int) -> BulkJob | None:
    """Raises Setback EDX602, as the next two."""
    with reading(engine) as connection:
        row = connection.execute(select(*_SHOWN).where(_ID), {"which": number}).one_or_none()
    return _job(row) if row else None


def job_numbers(engine: Engine, number: int) -> list[int]:
    """The deliveries that it is about, in their order; none once it has ended."""
    with reading(engine) as connection:
        packed = connection.execute(select(bulk_jobs.c.numbers).where(_ID), {"which": number}).scalar()
    return _unpacked(packed or b"")


def latest_jobs(engine: Engine, limit: int) -> list[BulkJob]:
    """Those that were begun, the newest first."""
    query = select(*_SHOWN).where(bulk_jobs.c.begun_at.is_not(None)).order_by(bulk_jobs.c.id.desc()).limit(limit)
    with reading(engine) as connection:
        return [_job(row) for row in connection.execute(query)]


def _job(row: object) -> BulkJob:
    values = dict(row._mapping)  # type: ignore[attr-defined]  # a row of SQLAlchemy's
    return BulkJob(**{**values, "act": Event(values["act"]), "state": JobState(values["state"])})


def _packed(numbers: Sequence[int]) -> bytes:
    kept = array("q", numbers)
    if byteorder == "little":
        kept.byteswap()
    return kept.tobytes()


def _unpacked(packed: bytes) -> list[int]:
    kept = array("q", packed)
    if byteorder == "little":
        kept.byteswap()
    return kept.tolist()
