"""Follows a neighbour or an office that has another name now: its deliveries and receipts go on under the new one.

Names stand in the rows, because a receipt counts only from the link that a delivery went over, and an inquiry only from
the one it came over. So a rename is an act, once for each: named in ``formerly``, journalled, remembered in a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import select

from edxml_router.core.delivery.journal import Entry
from edxml_router.store.engine import reading
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.tables import deliveries, envelopes, receipts, recoveries, renames

_COLUMNS: Final = (deliveries.c.route, deliveries.c.origin, receipts.c.origin)


def follow(ledger: SqlLedger, renamed: Mapping[str, str]) -> None:
    """Apply what was not applied yet: the former party ("link:OLD", "office:OLD") and what it is called now."""
    if not renamed:
        return
    with reading(ledger.engine) as connection:
        known = dict(connection.execute(select(renames.c.party, renames.c.now)).tuples())
    fresh = {old: new for old, new in renamed.items() if known.get(old) != new}
    for old, new in fresh.items():
        with ledger.book() as book:
            connection, now = book.connection, ledger.clock.now()
            connection.execute(renames.delete().where(renames.c.party == old))
            connection.execute(renames.insert(), {"party": old, "now": new, "at": now})
            for column in _COLUMNS:
                connection.execute(column.table.update().where(column == old).values({column: new}))
            former, name = old.partition(":")[2], new.partition(":")[2]
            connection.execute(envelopes.update().where(envelopes.c.peer == former).values(peer=name))
            connection.execute(recoveries.delete().where(recoveries.c.party == old))
            book.note([Entry(now, "peer.renamed", actor="node", detail=f"{old} is {new}")])
