"""Clocks that a test moves."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo

from edxml_router.store.clocks.steady_clock import ClockStep, SteadyClock

ENOUGH = timedelta(minutes=2)  # for what a test does on one day


def wait_past_midnight(zone: tzinfo | None = None) -> None:
    """For tests that say which day or month it is: where a day is about to end, in this zone or that of the machine,
    the next one is waited for."""
    while (now := datetime.now(zone)).date() != (now + ENOUGH).date():
        time.sleep(1)


class Given(SteadyClock):
    """A clock that is compared with nothing and keeps no mark; jitter is out. Who derives from it says ``now``."""

    def __init__(self) -> None:
        """There is no file."""

    def start(self, newest: datetime | None) -> None:
        """Believed as it is."""

    def watch(self) -> ClockStep | None:
        return None

    def ahead(self) -> timedelta:
        return timedelta()

    def chance(self) -> float:
        return 0.5


class Moved(Given):
    """Stands still until ``at`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.at = datetime.now(UTC)

    def now(self) -> datetime:
        return self.at
