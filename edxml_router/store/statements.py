"""The statements of a :class:`~edxml_router.store.book.SqlBook`, built once, because building costs more than
running. Parameters are named where they stand; ``keys`` is a list.

Queries are SQLAlchemy's. What writes many rows is text (:class:`Insert`, :class:`Update`) and goes to the
driver as tuples: per row, SQLAlchemy's own way costs several times what the database needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    Connection,
    CursorResult,
    Dialect,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from edxml_router.core.delivery.wire import Outcome
from edxml_router.store.tables import (
    OPEN,
    Instant,
    bodies,
    deliveries,
    envelopes,
    journal,
    receipts,
)

_KEYS: Final[Any] = bindparam("keys", expanding=True)
_NOW: Final = bindparam("now", type_=Instant)
_UNTIL: Final = bindparam("until", type_=Instant)
_LIMIT: Final[Any] = bindparam("limit")

_DIALECTS: Final[Mapping[str, Dialect]] = {
    "sqlite": sqlite.dialect(),
    "postgresql": postgresql.dialect(),  # type: ignore[no-untyped-call]
}
_VALUES: Final = 30_000  # in one statement; SQLite takes 32,766


class _Rows:
    """Tuples of Python values on their way into these columns of a table."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table.name
        self._columns = columns
        types = [table.c[column].type for column in columns]
        self._processors: dict[str, list[Callable[[Any], Any] | None]] = {
            name: [each.dialect_impl(dialect).bind_processor(dialect) for each in types]
            for name, dialect in _DIALECTS.items()
        }
        # PostgreSQL is given one array per column, in binary: its driver takes apart every statement in Python,
        # and one with a mark for each value costs it more than the insert costs the server.
        arrays = [f"%b::{each.compile(_DIALECTS['postgresql'])}[]" for each in types]
        self._arrays = f"unnest({', '.join(arrays)})"

    def _converted(self, dialect: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        processors = self._processors[dialect]
        return [
            tuple(
                [value if process is None else process(value) for process, value in zip(processors, row, strict=True)]
            )
            for row in rows
        ]


class Insert(_Rows):
    """``INSERT INTO table (columns)``, many rows with one statement; ``ending`` stands behind them."""

    def __init__(self, table: Table, columns: Sequence[str], ending: str = "") -> None:
        super().__init__(table, columns)
        self._into = f"INSERT INTO {self._table} ({', '.join(columns)})"
        self._ending = ending

    def __call__(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Run; the rows that a RETURNING in the ending gave."""
        dialect = connection.dialect.name
        values = self._converted(dialect, rows)
        if dialect == "postgresql":
            statement = f"{self._into} SELECT * FROM {self._arrays} {self._ending}"  # noqa: S608  # our own names
            return _returned(connection.exec_driver_sql(statement, tuple(map(list, zip(*values, strict=True)))))
        marks = ", ".join("?" * len(self._columns))
        step = _VALUES // len(self._columns)
        returned: list[Any] = []
        for first in range(0, len(values), step):
            part = values[first : first + step]
            statement = f"{self._into} VALUES ({'), ('.join([marks] * len(part))}) {self._ending}"
            returned += _returned(connection.exec_driver_sql(statement, tuple(chain.from_iterable(part))))
        return returned


class Update(_Rows):
    """``UPDATE table SET columns WHERE id = …`` for many rows; each ends with its id."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        super().__init__(table, (*columns, "id"))

    def __call__(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        dialect = connection.dialect.name
        values = self._converted(dialect, rows)
        columns = self._columns[:-1]
        if dialect == "postgresql":
            assigned = ", ".join(f"{column} = new.{column}" for column in columns)
            source = f"{self._arrays} AS new ({', '.join(self._columns)})"
            target = f"UPDATE {self._table} SET {assigned}"  # noqa: S608  # our own names
            statement = f"{target} FROM {source} WHERE {self._table}.id = new.id"
            connection.exec_driver_sql(statement, tuple(map(list, zip(*values, strict=True))))
        else:
            assigned = ", ".join(f"{column} = ?" for column in columns)
            statement = f"UPDATE {self._table} SET {assigned} WHERE id = ?"  # noqa: S608  # our own names
            connection.exec_driver_sql(statement, values)


def _returned(result: CursorResult[Any]) -> list[Any]:
    return list(result.all()) if result.returns_rows else []


# --- envelopes and bodies ---

ENVELOPE: Final = tuple(column.name for column in envelopes.columns)
# Without a target the clause covers both keys, the digest and the identity.
ADD_ENVELOPES: Final = Insert(envelopes, ENVELOPE, "ON CONFLICT DO NOTHING RETURNING digest")
ENVELOPES: Final = select(envelopes).where(envelopes.c.digest.in_(_KEYS))
IDENTIFIED: Final = select(envelopes).where(envelopes.c.identity.in_(_KEYS))
ADD_BODIES: Final = Insert(bodies, ("digest", "size", "data"), "ON CONFLICT DO NOTHING")

# --- deliveries ---

ADD_DELIVERIES: Final = Insert(
    deliveries,
    tuple(column.name for column in deliveries.columns if column.name != "id"),
    "ON CONFLICT DO NOTHING RETURNING digest, recipient",
)
_BROUGHT: Final = (envelopes.c.peer == bindparam("peer"), envelopes.c.accepted_at >= bindparam("since", type_=Instant))
BROUGHT: Final = select(func.count(), func.coalesce(func.sum(envelopes.c.size), 0)).where(*_BROUGHT)
BROUGHT_RECIPIENTS: Final = (
    select(func.count())
    .select_from(deliveries.join(envelopes, deliveries.c.digest == envelopes.c.digest))
    .where(*_BROUGHT)
)
DELIVERIES: Final = select(deliveries).where(deliveries.c.digest.in_(_KEYS)).order_by(deliveries.c.id)
DELIVERIES_BY_ID: Final = select(deliveries).where(deliveries.c.id.in_(_KEYS)).order_by(deliveries.c.id)

EXPIRED: Final = (
    select(deliveries)
    .where(
        text(OPEN),
        deliveries.c.expires_at <= _NOW,
        or_(~deliveries.c.far_accepted, deliveries.c.expires_at < bindparam("grace_until", type_=Instant)),
    )
    .order_by(deliveries.c.expires_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)
VERSIONS: Final = (
    select(deliveries.c.id, deliveries.c.version)
    .where(deliveries.c.id.in_(_KEYS))
    .order_by(deliveries.c.id)
    .with_for_update()
)
MOVE: Final = Update(
    deliveries,
    (
        "state",
        "route",
        "origin",
        "generation",
        "attempts",
        "due_at",
        "expires_at",
        "far_accepted",
        "code",
        "detail",
        "updated_at",
        "version",
        "lapses",
        "ended_at",
        "handed_at",
        "asked_at",
    ),
)

# --- journal and receipts ---

JOURNAL: Final = Insert(journal, ("at", "event", "envelope", "recipient", "code", "actor", "entry", "leaf"))

RECEIPT: Final = ("envelope", "recipient", "generation", "outcome", "at", "code", "detail", "hops")
ADD_RECEIPTS: Final = Insert(
    receipts,
    ("origin", *RECEIPT, "lease_until"),
    # Asked again, a fact is told again as it was: with its first time and its first trail.
    "ON CONFLICT (envelope, recipient, origin, generation, outcome) DO UPDATE SET sent_at = NULL, "
    "code = excluded.code, detail = excluded.detail",
)
UNSENT: Final = (
    select(receipts.c.id, receipts.c.origin, *(receipts.c[name] for name in RECEIPT))
    .where(receipts.c.sent_at.is_(None), receipts.c.lease_until <= _NOW)
    .order_by(receipts.c.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)
UNSENT_TO: Final = UNSENT.where(receipts.c.origin.in_(bindparam("routes", expanding=True)))
LEASE_RECEIPTS: Final = update(receipts).where(receipts.c.id.in_(_KEYS)).values(lease_until=_UNTIL)
# What is said of things that are not here: of an envelope that was refused or never came, or to whoever added a
# recipient to the sender's list (EDX401). Nobody here will ask for it again, and whoever asked can ask for anything.
_ABOUT_NOTHING: Final = or_(
    receipts.c.outcome == Outcome.UNKNOWN.value,
    and_(
        receipts.c.outcome == Outcome.RETURNED.value,
        ~exists().where(deliveries.c.digest == receipts.c.envelope, deliveries.c.recipient == receipts.c.recipient),
        or_(receipts.c.code == "EDX401", ~exists().where(envelopes.c.digest == receipts.c.envelope)),
    ),
)
RECEIPTS_SPENT: Final = delete(receipts).where(receipts.c.id.in_(_KEYS), _ABOUT_NOTHING)
RECEIPTS_WAITING: Final = select(func.count()).select_from(
    select(receipts.c.id)
    .where(
        receipts.c.sent_at.is_(None),
        receipts.c.origin == bindparam("origin"),
        receipts.c.outcome.in_((Outcome.UNKNOWN.value, Outcome.RETURNED.value)),
    )
    .limit(_LIMIT)
    .subquery()
)
RECEIPTS_SENT: Final = (
    update(receipts).where(receipts.c.id.in_(_KEYS), receipts.c.sent_at.is_(None)).values(sent_at=_NOW)
)
