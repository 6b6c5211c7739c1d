"""The statements of a :class:`~edxml_router.store.book.SqlBook`, built once, because building costs more than
running. Parameters are named where they stand; ``keys`` is a list.

Queries are SQLAlchemy's. What writes many rows is text (:class:`Insert`, :class:`Update`) and goes to the
driver as tuples: per row, SQLAlchemy's own way costs several times what the database needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table, bindparam, literal_column, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from edxml_router.core.lifecycle import State
from edxml_router.store.tables import (
    CLAIMABLE,
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
_MARKS: Final = {"sqlite": "?", "postgresql": "%s"}
_VALUES: Final = 30_000  # in one statement; SQLite takes 32,766


class _Rows:
    """Tuples of Python values on their way into these columns of a table."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self._table = table
        self._columns = columns
        self._processors: dict[str, list[Callable[[Any], Any] | None]] = {
            name: [table.c[column].type.dialect_impl(dialect).bind_processor(dialect) for column in columns]
            for name, dialect in _DIALECTS.items()
        }

    def _converted(self, dialect: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        processors = self._processors[dialect]
        return [
            tuple(
                [value if process is None else process(value) for process, value in zip(processors, row, strict=True)]
            )
            for row in rows
        ]


class Insert(_Rows):
    """``INSERT INTO table (columns) VALUES (…), (…), …`` and an ending, in as few statements as may be."""

    def __init__(self, table: Table, columns: Sequence[str], ending: str = "") -> None:
        super().__init__(table, columns)
        self._ending = ending

    def __call__(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """Run; the rows that a RETURNING in the ending gave."""
        dialect = connection.dialect.name
        values = self._converted(dialect, rows)
        marks = ", ".join([_MARKS[dialect]] * len(self._columns))
        start = f"INSERT INTO {self._table.name} ({', '.join(self._columns)}) VALUES "  # noqa: S608  # our names
        step = _VALUES // len(self._columns)
        returned: list[Any] = []
        for first in range(0, len(values), step):
            part = values[first : first + step]
            statement = f"{start}({'), ('.join([marks] * len(part))}) {self._ending}"
            result = connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
            if result.returns_rows:
                returned += result.all()
        return returned


class Update(_Rows):
    """``UPDATE table SET columns WHERE id = …``; each row ends with its id."""

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        super().__init__(table, (*columns, "id"))

    def __call__(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        dialect = connection.dialect.name
        mark = _MARKS[dialect]
        assigned = ", ".join(f"{column} = {mark}" for column in self._columns[:-1])
        statement = f"UPDATE {self._table.name} SET {assigned} WHERE id = {mark}"  # noqa: S608  # our names
        connection.exec_driver_sql(statement, self._converted(dialect, rows))


# --- envelopes and bodies ---

ENVELOPE: Final = tuple(column.name for column in envelopes.columns)
# Without a target the clause covers both keys, the digest and the identity.
ADD_ENVELOPES: Final = Insert(envelopes, ENVELOPE, "ON CONFLICT DO NOTHING RETURNING digest")
ENVELOPES: Final = select(envelopes).where(envelopes.c.digest.in_(_KEYS))
IDENTITIES: Final = select(envelopes.c.identity, envelopes.c.digest).where(envelopes.c.identity.in_(_KEYS))
ADD_BODIES: Final = Insert(bodies, ("digest", "size", "data"), "ON CONFLICT DO NOTHING")

# --- deliveries ---

ADD_DELIVERIES: Final = Insert(
    deliveries,
    tuple(column.name for column in deliveries.columns if column.name != "id"),
    "ON CONFLICT DO NOTHING RETURNING digest, recipient",
)
DELIVERIES: Final = select(deliveries).where(deliveries.c.digest.in_(_KEYS)).order_by(deliveries.c.id)
DELIVERIES_BY_ID: Final = select(deliveries).where(deliveries.c.id.in_(_KEYS)).order_by(deliveries.c.id)

# Asked once for the urgent and once for the others: each is a range of the index. In one query, urgent ones
# that are not due yet would all be walked over before the first ordinary one.
DUE: Final = (
    select(deliveries)
    .where(
        text(CLAIMABLE),
        deliveries.c.urgent == bindparam("urgent"),
        deliveries.c.due_at <= _NOW,
        deliveries.c.expires_at > _NOW,
    )
    .order_by(deliveries.c.due_at)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)
CLAIM: Final = (
    update(deliveries)
    .where(deliveries.c.id.in_(_KEYS))
    .values(
        state=State.FORWARDING,
        attempts=deliveries.c.attempts + literal_column("1"),
        due_at=_UNTIL,
        updated_at=_NOW,
        version=deliveries.c.version + literal_column("1"),
    )
)
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
    ),
)

# --- journal and receipts ---

JOURNAL: Final = Insert(journal, ("at", "event", "envelope", "recipient", "code", "actor", "entry", "leaf"))

RECEIPT: Final = ("envelope", "recipient", "generation", "outcome", "at", "code", "detail", "hops")
ADD_RECEIPTS: Final = Insert(receipts, ("origin", *RECEIPT, "lease_until"))
UNSENT: Final = (
    select(receipts.c.id, receipts.c.origin, *(receipts.c[name] for name in RECEIPT))
    .where(receipts.c.sent_at.is_(None), receipts.c.lease_until <= _NOW)
    .order_by(receipts.c.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
)
UNSENT_TO: Final = UNSENT.where(receipts.c.origin.in_(bindparam("routes", expanding=True)))
LEASE_RECEIPTS: Final = update(receipts).where(receipts.c.id.in_(_KEYS)).values(lease_until=_UNTIL)
RECEIPTS_SENT: Final = (
    update(receipts).where(receipts.c.id.in_(_KEYS), receipts.c.sent_at.is_(None)).values(sent_at=_NOW)
)
