"""The numbers that operators type, of deliveries and of what is quarantined: one is never another thing's.

A number is copied into a ticket, read out on the telephone, typed a day later. PostgreSQL's sequences give each once,
and SQLite's keys would not: the highest one is given again when its row has gone, so ``numbers`` remembers it, by
triggers of the schema. After a restored back-up neither remembers what was given since. Then numbering goes on from the
milliseconds since 2026 began: a node that gives fewer than a thousand numbers a second has never been there, whatever
was restored, how often, and on which machine. Rejected: a mark beside the journal, which lags, and which a new machine
has not; a prefix of the epoch, which operators would have to type.
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
        if connection.dialect.name == "postgresql":  # no part of the transaction: at worst some are left out
            connection.execute(_GO_ON, {"name": table.name, "last": last})
