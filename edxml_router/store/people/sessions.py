"""Sessions of people at the console, by the digest of their secret id.

    begin(connection, row); found = look_up(engine, digest); seen(connection, digest, now)
    end(connection, digest, now); end_all(connection, "lan", now); active(engine, after)

The id itself is only in the browser's cookie. Ended sessions stay for a while, for whoever looks into what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, Engine, Index, Table, Text, delete, select

from edxml_router.store.database.columns import Instant, metadata, words
from edxml_router.store.database.engine import reading
from edxml_router.store.people.accounts import PersonRow, people

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the id, hex
    words("person"),
    words("address"),  # where it began
    Column("begun_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index("sessions_of_person", "person", "begun_at"),
)

_OPEN: Final = sessions.c.ended_at.is_(None)


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session."""

    digest: str
    person: str
    begun_at: datetime
    seen_at: datetime
    address: str = ""
    ended_at: datetime | None = None


def begin(connection: Connection, row: SessionRow) -> None:
    connection.execute(sessions.insert(), {name: getattr(row, name) for name in SessionRow.__slots__})


def look_up(engine: Engine, digest: str) -> tuple[SessionRow, PersonRow] | None:
    """A session that has not been ended, with its account as it is now."""
    with reading(engine) as connection:
        row = connection.execute(select(sessions).where(sessions.c.digest == digest, _OPEN)).one_or_none()
        if row is None:
            return None
        session = SessionRow(**row._mapping)
        owner = connection.execute(select(people).where(people.c.name == session.person)).one_or_none()
    return (session, PersonRow(**owner._mapping)) if owner else None


def seen(connection: Connection, digest: str, now: datetime) -> None:
    connection.execute(sessions.update().where(sessions.c.digest == digest, _OPEN).values(seen_at=now))


def end(connection: Connection, digest: str, now: datetime) -> bool:
    """Whether it was not ended before."""
    return bool(
        connection.execute(sessions.update().where(sessions.c.digest == digest, _OPEN).values(ended_at=now)).rowcount
    )


def end_all(connection: Connection, person: str, now: datetime, spared: str = "") -> int:
    """End the sessions of a person but one; how many there were."""
    which = (sessions.c.person == person, sessions.c.digest != spared, _OPEN)
    return int(connection.execute(sessions.update().where(*which).values(ended_at=now)).rowcount)


def active(engine: Engine, after: datetime) -> Sequence[SessionRow]:
    """Those that have not been ended and began later than that, the newest first."""
    query = select(sessions).where(_OPEN, sessions.c.begun_at > after)
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(sessions.c.begun_at.desc(), sessions.c.digest)).all()
    return [SessionRow(**row._mapping) for row in rows]


def open_of(connection: Connection, person: str) -> Sequence[str]:
    """Digests of a person's sessions, the newest first."""
    query = select(sessions.c.digest).where(sessions.c.person == person, _OPEN)
    return list(connection.execute(query.order_by(sessions.c.begun_at.desc())).scalars())


def forget(connection: Connection, before: datetime) -> None:
    """Delete those that began before then."""
    connection.execute(delete(sessions).where(sessions.c.begun_at < before))
