"""Bearer tokens of offices: what is kept of them, which is not the secret.

    add(connection, row); revoke(connection, prefix, now); known(engine)

A row has the SHA-256 of the whole token. Its text has 256 bits of chance, so that no guess needs to be made slow, and a
copy of the database is of no use to whoever wants to log in. Statements raise what
:mod:`edxml_router.store.database.engine` makes of the driver's errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, Engine, Table, Text, bindparam, insert, select, update

from edxml_router.store.database.columns import Instant, Texts, metadata, words
from edxml_router.store.database.engine import reading

tokens = Table(
    "tokens",
    metadata,
    Column("prefix", Text, primary_key=True),  # names it; the beginning of its text
    words("office"),
    words("sha256"),  # of the token's text, hex
    Column("scopes", Texts, nullable=False),
    words("note"),
    Column("issued_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)

_REVOKE: Final = (
    update(tokens)
    .where(tokens.c.prefix == bindparam("which"), tokens.c.revoked_at.is_(None))
    .values(revoked_at=bindparam("at", type_=Instant))
)


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token. ``expires_at`` None: it does not expire; ``revoked_at`` None: it is not revoked."""

    prefix: str
    office: str
    sha256: str
    scopes: tuple[str, ...]
    note: str
    issued_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


def add(connection: Connection, row: TokenRow) -> None:
    """Keep a new one."""
    connection.execute(insert(tokens), {name: getattr(row, name) for name in TokenRow.__slots__})


def revoke(connection: Connection, prefix: str, now: datetime) -> bool:
    """It counts for nothing from now on; whether it counted before."""
    return bool(connection.execute(_REVOKE, {"which": prefix, "at": now}).rowcount)


def known(engine: Engine) -> Sequence[TokenRow]:
    """All of them, the newest last."""
    with reading(engine) as connection:
        rows = connection.execute(select(tokens).order_by(tokens.c.issued_at, tokens.c.prefix)).all()
    return [TokenRow(**row._mapping) for row in rows]
