"""What is not taken although it was due, for the list of the day.

Due is what the reports call so: an ordinary letter by the end of the next working day, an urgent one by the end of the
same day (article 8 of Decree 30/2020).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, NamedTuple

from edxml_router.core.delivery.figures.deadlines import VIETNAM
from edxml_router.core.delivery.figures.values import BY_LAW
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.ports.views import Views

MOST_READ: Final = 10_000  # deliveries; what is more is told as "or more"
MOST_OLDEST: Final = 20
_PAGE: Final = 500
_DAY: Final = timedelta(days=1)
_LONGEST_DAYS: Final = 30  # without a working day between; then an ordinary letter is overdue in any case


class OverdueDocument(NamedTuple):
    """One of the oldest."""

    document_id: str
    recipient: str
    state: State


@dataclass(frozen=True, slots=True)
class OverdueMail:
    """``groups``: by route and recipient, the most first; ``cut``: there may be more than were read."""

    count: int
    groups: Sequence[tuple[tuple[Route, str], int]]
    oldest: Sequence[OverdueDocument]
    cut: bool


def overdue_before(now: datetime, *, urgent: bool) -> datetime:
    """Whatever was accepted before this moment is overdue at ``now``."""
    day = now.astimezone(VIETNAM).date()
    for _ in range(_LONGEST_DAYS):
        begin = datetime.combine(day, time(), VIETNAM)
        if BY_LAW.due(begin, urgent=urgent) <= now:
            return begin + _DAY
        day -= _DAY
    return datetime.combine(day, time(), VIETNAM)


def overdue_mail(views: Views, now: datetime) -> OverdueMail:
    """Raises Setback."""
    found = sorted(_read(views, now), key=lambda one: one.id)
    cut = len(found) >= MOST_READ
    counted = Counter((one.route, one.recipient) for one in found).most_common()
    oldest = found[:MOST_OLDEST]
    names = views.document_ids({one.digest for one in oldest})
    told = [OverdueDocument(names.get(one.digest, one.digest), one.recipient, one.state) for one in oldest]
    return OverdueMail(len(found), counted, told, cut)


def _read(views: Views, now: datetime) -> Iterator[Delivery]:
    left = MOST_READ
    for urgent in (True, False):
        before, after = overdue_before(now, urgent=urgent), 0
        while left > 0:
            page = views.list_deliveries(accepted_before=before, after=after, limit=_PAGE)
            fitting = [one for one in page if one.urgent is urgent][:left]
            yield from fitting
            left -= len(fitting)
            if len(page) < _PAGE:
                break
            after = page[-1].id
