"""What a clock that ran ahead leaves behind: due times far in the future.

Next attempts and leases are stored as times. When the node's time goes back, perhaps by a year, each is that much
further away; but none was meant to exceed the longest pause of the settings. Anything further ahead is made due now.
Acting too soon is harmless: a repeated transfer or receipt is recognised.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select, text, update

from edxml_router.store.database.columns import Instant
from edxml_router.store.database.engine import reading, writing
from edxml_router.store.deliveries.table import OPEN, deliveries
from edxml_router.store.journal.table import journal
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.receipts.book import receipts

_NOW: Final = bindparam("now", type_=Instant)
_LATEST: Final = bindparam("latest", type_=Instant)
_DUE_NOW: Final = update(deliveries).where(text(OPEN), deliveries.c.due_at > _LATEST).values(due_at=_NOW)
_FREE_NOW: Final = (
    update(receipts).where(receipts.c.sent_at.is_(None), receipts.c.lease_until > _LATEST).values(lease_until=_NOW)
)
_NEWEST: Final = select(journal.c.at).order_by(journal.c.id.desc()).limit(1)


def shorten(ledger: SqlLedger, longest: timedelta) -> int:
    """Make due what is further ahead than ``longest``. Returns how many deliveries and receipts. Raises Setback."""
    now = ledger.clock.now()
    values = {"now": now, "latest": now + longest}
    with writing(ledger.engine) as connection:
        return sum(connection.execute(each, values).rowcount for each in (_DUE_NOW, _FREE_NOW))


def newest_entry(ledger: SqlLedger) -> datetime | None:
    """The time of the journal's last entry; not the latest time in it, since an operator may have said later that the
    clock was ahead. Raises Setback EDX601, EDX602."""
    with reading(ledger.engine) as connection:
        return connection.execute(_NEWEST).scalar_one_or_none()
