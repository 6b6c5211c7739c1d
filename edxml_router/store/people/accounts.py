"""Accounts of people, and the statements about them.

    add(connection, row); alter(connection, "lan", {"disabled_at": now}); one(engine, "lan"); everybody(engine)

A password is kept as its argon2id hash, the secret of an authenticator sealed, recovery codes as digests: a copy of the
database is of no use to whoever wants to sign in. Statements raise what :mod:`edxml_router.store.database.engine` makes
of the driver's errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Engine, Integer, Table, Text, func, select

from edxml_router.store.database.columns import Instant, Texts, metadata, words
from edxml_router.store.database.engine import reading

people = Table(
    "people",
    metadata,
    Column("name", Text, primary_key=True),
    words("title"),  # for people
    Column("roles", Texts, nullable=False),
    words("office"),  # of a clerk
    words("password"),  # argon2id; empty: none is set yet
    Column("password_at", Instant),
    Column("former", Texts, nullable=False),  # hashes of former passwords, the newest first
    words("authenticator"),  # its secret, sealed; empty: none
    Column("counter", BigInteger, nullable=False),  # the last step of the authenticator that was used
    Column("recovery", Texts, nullable=False),  # SHA-256 of the recovery codes that are left
    Column("created_at", Instant, nullable=False),
    Column("used_at", Instant),  # when its owner signed in last
    Column("failures", Integer, nullable=False),  # since the last success
    Column("failed_at", Instant),
    Column("locked_until", Instant),
    Column("disabled_at", Instant),
)

MOST: Final = 10_000  # accounts


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One account; the columns are described at the table."""

    name: str
    roles: tuple[str, ...]
    created_at: datetime
    title: str = ""
    office: str = ""
    password: str = ""
    password_at: datetime | None = None
    former: tuple[str, ...] = ()
    authenticator: str = ""
    counter: int = 0
    recovery: tuple[str, ...] = ()
    used_at: datetime | None = None
    failures: int = 0
    failed_at: datetime | None = None
    locked_until: datetime | None = None
    disabled_at: datetime | None = None


def add(connection: Connection, row: PersonRow) -> None:
    """Keep a new one."""
    connection.execute(people.insert(), {name: getattr(row, name) for name in PersonRow.__slots__})


def alter(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    """Give columns of one account other values."""
    connection.execute(people.update().where(people.c.name == name).values(**values))


def held(connection: Connection, name: str) -> PersonRow | None:
    """An account within a transaction that is to change it: on PostgreSQL its row is locked until then."""
    row = connection.execute(select(people).where(people.c.name == name).with_for_update()).one_or_none()
    return PersonRow(**row._mapping) if row else None


def counted_people(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(people)).scalar_one())


def one(engine: Engine, name: str) -> PersonRow | None:
    """None where there is no such account."""
    with reading(engine) as connection:
        row = connection.execute(select(people).where(people.c.name == name)).one_or_none()
    return PersonRow(**row._mapping) if row else None


def everybody(engine: Engine) -> Sequence[PersonRow]:
    """All accounts, by name."""
    with reading(engine) as connection:
        return [PersonRow(**row._mapping) for row in connection.execute(select(people).order_by(people.c.name))]
