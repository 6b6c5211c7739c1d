"""What people have done at the console and to accounts, as the journal has it.

recent_acts(views, now)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.ports.views import Views

PERIOD: Final = timedelta(days=7)
SHOWN: Final = 100
_READ: Final = 2000  # of each kind


def recent_acts(views: Views, now: datetime) -> Sequence[Entry]:
    """Of the last seven days, the newest first, a hundred at most."""
    found = [
        line.entry
        for event in ("person.", "approval.")
        for line in views.lines(event=event, since=now - PERIOD, limit=_READ)
    ]
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:SHOWN]
