"""Input that was set aside, for the operator to look at and remove.

Pages go by number, the oldest first. Raises Setback EDX601, EDX602. How it comes to be here is in
:mod:`edxml_router.store.aside`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, and_, delete, or_, select

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.views import Kept
from edxml_router.core.message.document_id import comparable
from edxml_router.store import noting
from edxml_router.store.engine import reading
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.queries import is_digest
from edxml_router.store.tables import aside

REMOVED: Final = "aside.removed"
_COLUMNS: Final = [column for column in aside.columns if column is not aside.c.data]
_LIST: Final[Select[Any]] = select(*_COLUMNS, aside.c.data.is_not(None))


def list_items(
    ledger: SqlLedger, *, document: str = "", code: str = "", peer: str = "", after: int = 0, limit: int = 100
) -> Sequence[Kept]:
    """Items by number, the oldest first; ``document`` is a DocumentId, or the beginning of a digest."""
    query = _LIST.where(aside.c.id > after)
    if document:
        beginning = and_(aside.c.digest >= document.lower(), aside.c.digest < document.lower() + "g")
        # The last condition lets SQLite see that the partial index applies.
        by_id = and_(aside.c.document_id == comparable(document), aside.c.document_id != "")
        query = query.where(or_(beginning, by_id) if is_digest(document) else by_id)
    if code:
        query = query.where(aside.c.code == code)
    if peer:
        query = query.where(aside.c.peer == peer)
    with reading(ledger.engine) as connection:
        return [Kept(*row) for row in connection.execute(query.order_by(aside.c.id).limit(limit))]


def one_item(ledger: SqlLedger, number: int) -> tuple[Kept, bytes | None] | None:
    """The item of this number and its bytes, where they were kept; None when there is no such item."""
    query = select(*_LIST.selected_columns, aside.c.data).where(aside.c.id == number)
    with reading(ledger.engine) as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Kept(*row[:-1]), None if row.data is None else bytes(row.data)


def counting(ledger: SqlLedger, now: datetime) -> Sequence[tuple[str, datetime, int]]:
    """The peers of which more odd input came within their hour than the journal names: since when, and how much was
    only counted. Strangers have the empty name."""
    with reading(ledger.engine) as connection:
        return noting.counting(connection, now)


def remove(ledger: SqlLedger, numbers: Iterable[int], actor: str) -> Sequence[int]:
    """Remove items that are understood, with a journal entry each; the numbers of those that there were."""
    removed = []
    with ledger.book() as book:
        for number in sorted(set(numbers)):
            gone = delete(aside).where(aside.c.id == number).returning(aside.c.digest, aside.c.code)
            row = book.connection.execute(gone).one_or_none()
            if row is not None:
                detail = f"aside {number}, sha-256 {row.digest}"
                book.note([Entry(ledger.clock.now(), REMOVED, actor=actor, code=row.code, detail=detail)])
                removed.append(number)
    return removed
