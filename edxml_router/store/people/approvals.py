"""What one person asks a second one to approve: the act, what exactly it would do, and who decided.

    number = ask(connection, row); use(connection, number, now)
    settle_question(connection, number, "minh", "approved", now)

A row is used once. ``digest`` is of the selection that was shown: what is done later must be that very one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, Engine, Table, select

from edxml_router.store.database.columns import Instant, Number, Wording, metadata, words
from edxml_router.store.database.engine import reading

approvals = Table(
    "approvals",
    metadata,
    Column("id", Number, primary_key=True),
    words("act"),
    words("digest"),  # SHA-256 of what it is about, hex
    words("detail", Wording),  # the same for people
    words("asked_by"),
    Column("asked_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    words("decision"),  # "", "approved", "refused"
    words("decided_by"),
    Column("decided_at", Instant),
    Column("used_at", Instant),
)

_UNDECIDED: Final = approvals.c.decision == ""
SHOWN: Final = 200  # rows of a list


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """One question to a second person; ``id`` 0 until it is kept."""

    act: str
    digest: str
    detail: str
    asked_by: str
    asked_at: datetime
    expires_at: datetime
    decision: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None
    used_at: datetime | None = None
    id: int = 0


def ask(connection: Connection, row: ApprovalRow) -> int:
    """Its number."""
    values = {name: getattr(row, name) for name in ApprovalRow.__slots__ if name != "id"}
    key = connection.execute(approvals.insert().values(**values)).inserted_primary_key
    assert key is not None  # noqa: S101  # an insert of one row has one
    return int(key[0])


def settle_question(connection: Connection, number: int, by: str, decision: str, now: datetime) -> bool:
    """Whether it was undecided."""
    change = approvals.update().where(approvals.c.id == number, _UNDECIDED)
    done = connection.execute(change.values(decision=decision, decided_by=by, decided_at=now))
    return bool(done.rowcount)


def use(connection: Connection, number: int, now: datetime) -> bool:
    """Whether it was approved and unused: an approval is for one act."""
    change = approvals.update().where(
        approvals.c.id == number, approvals.c.decision == "approved", approvals.c.used_at.is_(None)
    )
    return bool(connection.execute(change.values(used_at=now)).rowcount)


def question(connection: Connection, number: int) -> ApprovalRow | None:
    row = connection.execute(select(approvals).where(approvals.c.id == number)).one_or_none()
    return ApprovalRow(**row._mapping) if row else None


def asked_of(connection: Connection, act: str, digest: str, by: str, now: datetime) -> ApprovalRow | None:
    """The newest question of this person about the same, that has neither run out nor been used."""
    query = select(approvals).where(
        approvals.c.act == act, approvals.c.digest == digest, approvals.c.asked_by == by,
        approvals.c.used_at.is_(None), approvals.c.expires_at > now,
    )  # fmt: skip
    row = connection.execute(query.order_by(approvals.c.id.desc()).limit(1)).one_or_none()
    return ApprovalRow(**row._mapping) if row else None


def undecided(connection: Connection, by: str, now: datetime) -> int:
    """How many questions of this person wait."""
    rows = connection.execute(
        select(approvals.c.id).where(approvals.c.asked_by == by, _UNDECIDED, approvals.c.expires_at > now)
    )
    return len(rows.all())


def newest(engine: Engine) -> Sequence[ApprovalRow]:
    """The newest first."""
    with reading(engine) as connection:
        rows = connection.execute(select(approvals).order_by(approvals.c.id.desc()).limit(SHOWN)).all()
    return [ApprovalRow(**row._mapping) for row in rows]
