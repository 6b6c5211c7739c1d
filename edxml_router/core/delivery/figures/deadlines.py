"""Until when a recipient's system must have taken a letter for its delivery to be on time.

The law names days, not hours. An ordinary letter is on time until the end of the next working day (NĐ 30/2020, articles
22 and 23, the looser of the two limits; QĐ 28/2018, article 6.2, has the morning of that day), an urgent one until the
end of the day on which it was accepted: "at once" has no number, and that day is the longest that NĐ 30/2020, article
21.2, leaves any letter. Both are counted from the acceptance at the node that counts, in the local time of Vietnam.
An agency that has set itself hours counts by those instead. No limit lies behind the end of a letter's lifetime.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

VIETNAM: Final = timezone(timedelta(hours=7))  # it has had no other time since 1975, and no summer time
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5  # of weekday(): from here on nobody works


@dataclass(frozen=True, slots=True)
class Deadlines:
    """``ordinary`` and ``urgent`` stand for the law's days where they are given; ``holidays`` are days without work
    besides Saturdays and Sundays."""

    ordinary: timedelta | None = None
    urgent: timedelta | None = None
    holidays: frozenset[date] = frozenset()

    def due(self, accepted_at: datetime, *, urgent: bool) -> datetime:
        """The last moment at which a letter accepted then is taken on time."""
        hours = self.urgent if urgent else self.ordinary
        if hours is not None:
            return accepted_at + hours
        day = accepted_at.astimezone(VIETNAM).date()
        if not urgent:
            day += _DAY
            while day.weekday() >= _SATURDAY or day in self.holidays:
                day += _DAY
        return datetime.combine(day + _DAY, time(), VIETNAM)


def month_of(at: datetime) -> str:
    """The month in Vietnam, as ``2026-11``."""
    return f"{at.astimezone(VIETNAM):%Y-%m}"
