"""How envelopes stand whose bodies are here: what a decision about them needs, in a few statements for a page."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Text, func, or_, select, type_coerce

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.wire import ReceiptOutcome
from edxml_router.core.retention.judging import KeptBody, subjects_of
from edxml_router.core.retention.values import BODIES_REMOVED, Removal
from edxml_router.store.database.part import chunks
from edxml_router.store.deliveries.table import deliveries, delivery_rows
from edxml_router.store.journal.table import journal
from edxml_router.store.receipts.book import receipts
from edxml_router.store.retention.tables import holds, removals, removed

# Many an office never clears its notices. That something was confirmed asks nothing of it; a failed letter it may want
# to have sent again.
_UNTOLD: Final = select(receipts.c.envelope, func.count().label("count")).where(
    receipts.c.sent_at.is_(None),
    or_(
        ~type_coerce(receipts.c.origin, Text).startswith("office:"),
        receipts.c.outcome != ReceiptOutcome.CONFIRMED.value,
    ),
)
_UNNUMBERED: Final = select(journal.c.envelope, func.count().label("count")).where(
    journal.c.position.is_(None), journal.c.envelope != ""
)
_LAST: Final = select(removed.c.digest, func.max(removed.c.removal).label("removal")).group_by(removed.c.digest)


def kept_bodies(connection: Connection, rows: Sequence[EnvelopeRow], *, lock: bool = False) -> list[KeptBody]:
    """How these stand, in their order; ``lock`` keeps their deliveries as they are until the transaction ends."""
    theirs: dict[str, list[Delivery]] = defaultdict(list)
    untold: Counter[str] = Counter()
    unnumbered: Counter[str] = Counter()
    held: set[str] = set()
    for part in chunks([row.digest for row in rows]):
        query = select(deliveries).where(deliveries.c.digest.in_(part)).order_by(deliveries.c.id)
        for one in delivery_rows(connection.execute(query.with_for_update() if lock else query)):
            theirs[one.digest].append(one)
        for counts, counting, column in (
            (untold, _UNTOLD, receipts.c.envelope),
            (unnumbered, _UNNUMBERED, journal.c.envelope),
        ):
            found = connection.execute(counting.where(column.in_(part)).group_by(column))
            counts.update({row[0]: row[1] for row in found})
    for part in chunks(sorted({name for row in rows for name in subjects_of(row)})):
        held.update(connection.execute(select(holds.c.subject).where(holds.c.subject.in_(part))).scalars())
    return [
        KeptBody(row, theirs[row.digest], untold[row.digest], unnumbered[row.digest], bool(held & subjects_of(row)))
        for row in rows
    ]


def last_removals(connection: Connection, digests: Sequence[str]) -> list[Row[Any]]:
    """The last removal of each of these that was removed: its columns, and the body's digest as ``body``."""
    last = _LAST.where(removed.c.digest.in_(digests)).subquery()
    query = select(last.c.digest.label("body"), removals).join(removals, removals.c.id == last.c.removal)
    return list(connection.execute(query).all())


def removal_of_row(row: Any) -> Removal:
    """The removal that a row of the table is, whatever else is in it."""
    return Removal(row.at, row.rule, row.actor, row.digest, row._mapping["count"], row.size)


def entry_place(connection: Connection, removal: Removal) -> tuple[int | None, int | None]:
    """The number and place of the entry that tells of it; found by its time, for which there is an index."""
    query = select(journal.c.id, journal.c.position, journal.c.entry)
    for row in connection.execute(query.where(journal.c.at == removal.at, journal.c.event == BODIES_REMOVED)):
        if Entry.read(bytes(row.entry)) == removal.entry():
            return row.id, row.position
    return None, None
