"""The numbers that operators type, of deliveries and quarantined items, are never reused.

A number is copied into a ticket, read out on the telephone, typed a day later. PostgreSQL's sequences issue each number
once, but SQLite reuses the highest key when its row has gone, so triggers of the schema keep it in ``numbers``. After a
restored back-up neither knows what was issued since. Numbering then continues from the milliseconds since the start of
2026, which a node that issues fewer than a thousand numbers a second cannot have reached, whatever was restored, how
often, and on which machine. Rejected: a mark beside the journal, which lags, and which a new machine has not; a prefix
of the epoch, which operators would have to type.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, func, select, text

from edxml_router.store.deliveries.table import deliveries
from edxml_router.store.epochs.tables import numbers
from edxml_router.store.quarantine.items import quarantine

_NUMBERED: Final = (deliveries, quarantine)
_ZERO: Final = datetime(2026, 1, 1, tzinfo=UTC)
_GO_ON: Final = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), greatest(nextval(:name || '_id_seq'), :last))")


def leave_behind(connection: Connection, now: datetime) -> None:
    """Give none of the numbers again that may have been given before ``now``."""
    past = (now - _ZERO) // timedelta(milliseconds=1)
    for table in _NUMBERED:
        highest = connection.execute(select(func.max(table.c.id))).scalar_one() or 0
        last = max(past, highest)
        connection.execute(numbers.delete().where(numbers.c.name == table.name))
        connection.execute(numbers.insert(), {"name": table.name, "last": last})
        if connection.dialect.name == "postgresql":  # not part of the transaction: at worst some numbers are skipped
            connection.execute(_GO_ON, {"name": table.name, "last": last})
