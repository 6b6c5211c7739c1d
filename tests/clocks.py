"""Clocks that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from edxml_router.store.clocks.steady_clock import ClockStep, SteadyClock


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
