"""Whether what is said to be removed on purpose is what the journal tells of: each removal's rows give the digest that
its entry has. Otherwise whoever takes a body away could write a row that excuses it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine, select

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.views import Damage
from edxml_router.core.detail import Detail
from edxml_router.core.retention.values import BODIES_REMOVED, digest_of_removed
from edxml_router.store.database.engine import reading
from edxml_router.store.retention.rows import entry_place, removal_of_row
from edxml_router.store.retention.tables import removals, removed

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


def _key(digest: str, count: object, rule: str) -> bytes:
    return hashlib.sha256(f"{digest}\n{count}\n{rule}".encode()).digest()
