"""Whether what is said to be removed on purpose, or to be held, is what the journal tells of: each removal's rows give
the digest that its entry has. Otherwise whoever takes a body away could write a row that excuses it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Engine, select

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.retention.values import (
    BODIES_REMOVED,
    DOCUMENT_HELD,
    DOCUMENT_RELEASED,
    digest_of_removed,
)
from edxml_router.store.database.engine import reading
from edxml_router.store.journal.table import journal
from edxml_router.store.retention.rows import entry_place, removal_of_row
from edxml_router.store.retention.tables import holds, removals, removed

_PAGE: Final = 200  # removals; each is of one transaction


class ToldRemovals:
    """What the entries of the journal tell of removals."""

    def __init__(self) -> None:
        self._told: Counter[bytes] = Counter()

    def add(self, entry: Entry) -> None:
        """The next entry, of any kind."""
        if entry.event == BODIES_REMOVED:
            facts = entry.facts
            self._told[_key(str(facts.get("removed_sha256")), facts.get("count"), str(facts.get("rule")))] += 1

    def compare(self, engine: Engine, found: Callable[[Damage], None]) -> None:
        """Tell ``found`` what does not fit. Raises Setback EDX601, EDX602."""
        rows, last = self._told.copy(), 0
        while True:
            with reading(engine) as connection:
                page = connection.execute(
                    select(removals).where(removals.c.id > last).order_by(removals.c.id).limit(_PAGE)
                ).all()
                for row in page:
                    named = select(removed.c.digest).where(removed.c.removal == row.id)
                    digests = connection.execute(named).scalars().all()
                    where = Detail("removal {id}", id=row.id)
                    removal = removal_of_row(row)
                    if (len(digests), digest_of_removed(digests)) != (removal.count, removal.digest):
                        found(Damage(where, Detail("the bodies that it names are others than those that it was of")))
                    key = _key(removal.digest, removal.count, removal.rule)
                    # One that is not told of may be newer than what was read of the journal.
                    if rows[key] <= 0 and entry_place(connection, removal) == (None, None):
                        found(Damage(where, Detail("it is in the table, and no entry of the journal tells of it")))
                    rows[key] -= 1
            if len(page) < _PAGE:
                break
            last = page[-1].id
        if missing := sum(count for count in rows.values() if count > 0):
            where = Detail("removals")
            found(Damage(where, Detail("the journal tells of {count} more than are in the table", count=missing)))


class ToldHolds:
    """What the entries tell of what is held. Who deletes a hold has the letter removed when its term is over, and by
    the program's own hand."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[datetime, str]] = {}
        self._read = 0

    def add(self, number: int, entry: Entry) -> None:
        """The next entry, of any kind, in the order of the log."""
        self._read = max(self._read, number)
        subject = str(entry.facts.get("subject"))
        if entry.event == DOCUMENT_HELD:
            self._held[subject] = (entry.at, entry.actor)
        elif entry.event == DOCUMENT_RELEASED:
            self._held.pop(subject, None)

    def compare(self, engine: Engine, found: Callable[[Damage], None]) -> None:
        """Tell ``found`` what does not fit. Raises Setback EDX601, EDX602."""
        with reading(engine) as connection:
            rows = {row.subject: (row.since, row.actor) for row in connection.execute(select(holds))}
            later = select(journal.c.entry).where(
                journal.c.id > self._read, journal.c.event.in_((DOCUMENT_HELD, DOCUMENT_RELEASED))
            )
            # What was held or released since the journal was read is looked at the next time.
            newer = {str(Entry.read(data).facts.get("subject")) for data in connection.execute(later).scalars()}
        for subject in sorted((rows.keys() | self._held.keys()) - newer):
            where, row, told = Detail("hold of {subject}", subject=subject), rows.get(subject), self._held.get(subject)
            if row is None:
                found(Damage(where, Detail("the journal tells of it, and it is not in the table")))
            elif told is None:
                found(Damage(where, Detail("it is in the table, and no entry of the journal tells of it")))
            elif row != told:
                found(Damage(where, Detail("the table has another time or another person than the journal")))


def _key(digest: str, count: object, rule: str) -> bytes:
    return hashlib.sha256(f"{digest}\n{count}\n{rule}".encode()).digest()
