"""Follow a renamed neighbour or office: its deliveries and receipts continue under the new name.

Rows contain names, because a receipt counts only from the link that a delivery went over, and an inquiry only from the
one it came over. So each rename is an act done once: declared in ``formerly``, journalled, and kept in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, bindparam, exists, select

from edxml_router.core.delivery.journal import PEER_RENAMED, Entry
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import alone, reading
from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.envelopes.table import envelopes
from edxml_router.store.epochs.tables import recoveries, renames
from edxml_router.store.flow.halts import halts
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.receipts.book import receipts

_LOCK: Final = 0x6564786D_0004  # an advisory lock of PostgreSQL: "edxm", 4

# A fact has one receipt: of one that is there under both names, that under the new one stays.
_SAME: Final = receipts.alias("same")
_TOLD_TWICE: Final = receipts.delete().where(
    receipts.c.origin == bindparam("old"),
    exists().where(
        _SAME.c.origin == bindparam("new"),
        *(_SAME.c[name] == receipts.c[name] for name in ("envelope", "recipient", "generation", "outcome")),
    ),
)
_COLUMNS: Final = (deliveries.c.route, deliveries.c.origin, receipts.c.origin, halts.c.route)


def apply_renames(ledger: SqlLedger, renamed: Mapping[Route, Route]) -> None:
    """Apply what was not applied yet: the former party and what it is called now."""
    if not renamed:
        return
    with reading(ledger.engine) as connection:
        fresh = _fresh(connection, renamed)
    for old, new in fresh.items():
        with ledger.book() as book:
            connection, now = book.connection, ledger.clock.now()
            alone(connection, _LOCK)  # all workers of a node start at once, even on several machines
            if not _fresh(connection, {old: new}):
                continue
            connection.execute(renames.delete().where(renames.c.party == old))
            connection.execute(renames.insert(), {"party": old, "now": new, "at": now})
            connection.execute(_TOLD_TWICE, {"old": old, "new": new})
            for column in _COLUMNS:
                connection.execute(column.table.update().where(column == old).values({column: new}))
            former, name = old.name, new.name
            connection.execute(envelopes.update().where(envelopes.c.peer == former).values(peer=name))
            _carry_over(connection, old, new)
            told = Detail("{old} is {new}", old=old, new=new)
            facts = {"new": new, "old": old}
            book.journal.note([Entry(now, PEER_RENAMED, actor="node", detail=told, facts=facts)])


def _fresh(connection: Connection, renamed: Mapping[Route, Route]) -> dict[Route, Route]:
    """Those that were not applied yet."""
    known = {row.party: row.now for row in connection.execute(select(renames.c.party, renames.c.now))}
    return {old: new for old, new in renamed.items() if known.get(old) != new}


def _carry_over(connection: Connection, old: Route, new: Route) -> None:
    """What is still to be asked after a restored back-up is asked under the new name."""
    asked = connection.execute(select(recoveries).where(recoveries.c.party.in_([old, new]))).all()
    if any(row.party == new for row in asked):
        open_since = [row.since for row in asked if row.done_at is None]
        if open_since:
            values = {"since": min(open_since), "done_at": None}
            connection.execute(recoveries.update().where(recoveries.c.party == new).values(values))
        connection.execute(recoveries.delete().where(recoveries.c.party == old))
    else:
        connection.execute(recoveries.update().where(recoveries.c.party == old).values(party=new))
