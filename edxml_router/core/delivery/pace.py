"""A rate limit by name: what exceeds it is not done.

    if pace.allows("vanthu", now): …
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

PACE_MAX: Final = 50  # for each …
WINDOW: Final = timedelta(minutes=1)  # … in this time


class Pace:
    """Counts in memory, for a limited set of names such as the configured peers."""

    def __init__(self, most: int = PACE_MAX, window: timedelta = WINDOW) -> None:
        self._most = most
        self._window = window
        self._counts: dict[str, tuple[datetime, int]] = {}

    def allows(self, name: str, now: datetime) -> bool:
        begun, count = self._counts.get(name, (now, 0))
        if not begun <= now < begun + self._window:
            begun, count = now, 0
        self._counts[name] = (begun, count + 1)
        return count < self._most
