"""Input that was set aside: :class:`SqlRefused` shows it, as :class:`edxml_router.ports.views.QuarantineView` promises,
and :func:`remove` ends it. How it comes to be here is in :mod:`edxml_router.store.quarantine.items`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, and_, or_, select

from edxml_router.core.delivery.journal import ASIDE_REMOVED, Entry
from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable, is_digest
from edxml_router.store.book import SqlBook
from edxml_router.store.database.engine import reading
from edxml_router.store.journal import noting
from edxml_router.store.quarantine import items
from edxml_router.store.quarantine.items import BYTES, KEPT_HERE, aside

_NAMES: Final = {"id": "number", "place": "where"}  # of columns that Kept has under other names
_COLUMNS: Final = [each.label(_NAMES.get(each.name, each.name)) for each in aside.columns if each is not aside.c.data]
_same: Final = aside.alias("same")
_LIST: Final[Select[Any]] = select(*_COLUMNS, KEPT_HERE.label("kept"))


class SqlRefused:
    """See :class:`edxml_router.ports.views.QuarantineView`."""

    engine: Engine

    def list_quarantined(
        self,
        *, document: str = "", code: str = "", peer: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[QuarantinedItem]:
        query = _LIST.where(aside.c.id > after)
        if document:
            beginning = and_(aside.c.digest >= document.lower(), aside.c.digest < document.lower() + "g")
            # The last condition lets SQLite see that the partial index applies.
            named = and_(_same.c.document_id == comparable(document), _same.c.document_id != "")
            by_id = aside.c.digest.in_(select(_same.c.digest).where(named))  # with one fault its id could be read
            query = query.where(or_(beginning, by_id) if is_digest(document) else by_id)
        if code:
            query = query.where(aside.c.code == code)
        if peer:
            query = query.where(aside.c.peer == peer)
        with reading(self.engine) as connection:
            return [
                QuarantinedItem(**row._mapping) for row in connection.execute(query.order_by(aside.c.id).limit(limit))
            ]

    def one_quarantined(self, number: int) -> tuple[QuarantinedItem, bytes | None] | None:
        with reading(self.engine) as connection:
            row = connection.execute(_LIST.where(aside.c.id == number)).one_or_none()
            if row is None:
                return None
            data = connection.execute(select(BYTES).where(aside.c.id == number)).scalar_one()
        return QuarantinedItem(**row._mapping), None if data is None else bytes(data)

    def counted_input(self, now: datetime) -> Sequence[tuple[str, datetime, int]]:
        with reading(self.engine) as connection:
            return noting.counting(connection, now)


def remove(book: SqlBook, numbers: Iterable[int], actor: str, now: datetime) -> Sequence[int]:
    """Remove items that are understood, with a journal entry each; the numbers of those that there were."""
    removed = sorted(items.remove(book.connection, sorted(set(numbers))))
    for number, digest, code in removed:
        detail = Detail("aside {number}, sha-256 {digest}", number=number, digest=digest)
        book.journal.note([Entry(now, ASIDE_REMOVED, actor=actor, code=code, detail=detail)])
    return [number for number, _, _ in removed]
