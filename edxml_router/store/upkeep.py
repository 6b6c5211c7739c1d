"""When this node last looked after itself: one row for each kind of upkeep, whatever happens how often.

    with ledger.book() as book:
        note(book.connection, BACKUP, now, "/backup/2026-11-27")
    done = last(ledger.engine, BACKUP)     # None: never

The journal has an entry for each as well; this is for those who ask when the last one was, at every look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Boolean, Column, Connection, Engine, Table, Text, select, true

from edxml_router.store.database.columns import Instant, metadata, words
from edxml_router.store.database.engine import reading

BACKUP: Final = "backup"
DRILL: Final = "drill"
SCRUB: Final = "scrub"

upkeep = Table(
    "upkeep",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),  # when it was done, or last went on
    words("place", server_default=""),  # the folder of a copy; the digest up to which bodies were read
    Column("due_at", Instant),  # not before then again
    Column("sound", Boolean, nullable=False, server_default=true()),
)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """One kind of upkeep, as it was done last."""

    name: str
    at: datetime
    place: str
    due_at: datetime | None
    sound: bool


def note(
    connection: Connection, name: str, at: datetime, place: str = "", due_at: datetime | None = None, *,
    sound: bool = True,
) -> None:  # fmt: skip
    """Keep that it was done, in the place of what was kept before."""
    values = {"at": at, "place": place, "due_at": due_at, "sound": sound}
    if not connection.execute(upkeep.update().where(upkeep.c.name == name).values(values)).rowcount:
        connection.execute(upkeep.insert(), {"name": name, **values})


def last(engine: Engine, name: str) -> Upkeep | None:
    """Raises Setback EDX602."""
    with reading(engine) as connection:
        row = connection.execute(select(upkeep).where(upkeep.c.name == name)).one_or_none()
    return Upkeep(**row._mapping) if row else None
