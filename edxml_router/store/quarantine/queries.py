"""The quarantine as it is shown and emptied: :class:`SqlQuarantineQueries` reads it, as
:class:`edxml_router.ports.views.QuarantineView` promises, and :func:`remove` takes items out. How they come to be in it
is in :mod:`edxml_router.store.quarantine.items`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, and_, or_, select

from edxml_router.core.delivery.journal import QUARANTINE_REMOVED, Entry
from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.detail import Detail
from edxml_router.core.message.document_id import comparable, is_digest
from edxml_router.store.book import SqlBook
from edxml_router.store.database.engine import reading
from edxml_router.store.journal import noting
from edxml_router.store.quarantine import items
from edxml_router.store.quarantine.items import BYTES, KEPT_HERE, quarantine

_NAMES: Final = {"id": "number", "place": "where"}  # of columns that QuarantinedItem has under other names
_COLUMNS: Final = [
    each.label(_NAMES.get(each.name, each.name)) for each in quarantine.columns if each is not quarantine.c.data
]
_same: Final = quarantine.alias("same")
_LIST: Final[Select[Any]] = select(*_COLUMNS, KEPT_HERE.label("kept"))


class SqlQuarantineQueries:
    """See :class:`edxml_router.ports.views.QuarantineView`."""

    engine: Engine

    def list_quarantined(
        self, *, document: str = "", code: str = "", peer: str = "", after: int = 0, limit: int = 100
    ) -> Sequence[QuarantinedItem]:
        query = _LIST.where(quarantine.c.id > after)
        if document:
            beginning = and_(quarantine.c.digest >= document.lower(), quarantine.c.digest < document.lower() + "g")
            # The last condition lets SQLite see that the partial index applies.
            named = and_(_same.c.document_id == comparable(document), _same.c.document_id != "")
            by_id = quarantine.c.digest.in_(select(_same.c.digest).where(named))  # with one fault its id could be read
            query = query.where(or_(beginning, by_id) if is_digest(document) else by_id)
        if code:
            query = query.where(quarantine.c.code == code)
        if peer:
            query = query.where(quarantine.c.peer == peer)
        with reading(self.engine) as connection:
            return [
                QuarantinedItem(**row._mapping)
                for row in connection.execute(query.order_by(quarantine.c.id).limit(limit))
            ]

    def one_quarantined(self, number: int) -> tuple[QuarantinedItem, bytes | None] | None:
        with reading(self.engine) as connection:
            row = connection.execute(_LIST.where(quarantine.c.id == number)).one_or_none()
            if row is None:
                return None
            data = connection.execute(select(BYTES).where(quarantine.c.id == number)).scalar_one()
        return QuarantinedItem(**row._mapping), None if data is None else bytes(data)

    def counted_input(self, now: datetime) -> Sequence[tuple[str, datetime, int]]:
        with reading(self.engine) as connection:
            return noting.counting(connection, now)


def remove(book: SqlBook, numbers: Iterable[int], actor: str, now: datetime) -> Sequence[int]:
    """Remove items that are understood, with a journal entry each; the numbers of those that there were."""
    removed = sorted(items.remove(book.connection, sorted(set(numbers))))
    for number, digest, code in removed:
        detail = Detail("quarantine {number}, sha-256 {digest}", number=number, digest=digest)
        book.journal.note([Entry(now, QUARANTINE_REMOVED, actor=actor, code=code, detail=detail)])
    return [number for number, _, _ in removed]
