"""What went where lately, hour by hour, and a line of the picture for each neighbour and office.

flow = sum_up_flow(recent, now)
lines = neighbour_lines(settings, overview, flow)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.views import AGES, Shape
from edxml_router.core.link.route import Route
from edxml_router.services.overview.values import Overview
from edxml_router.services.pictures.hours import Hour, Latency
from edxml_router.services.pictures.neighbours import Level, NeighbourLine, Role
from edxml_router.store.recent import RecentFlow

HOURS: Final = 24
SOME_MINUTES: Final = 20  # one that waits longer is worth a look; both are ends of the spans of AGES
MUCH_MINUTES: Final = 160
HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Flow:
    """Deliveries accepted since ``since``, by route and by hour, and how long those of each hour took that were
    confirmed in it. ``complete``: it is the whole of the last 24 hours."""

    since: datetime
    complete: bool
    total: int
    routes: Mapping[Route, int]
    hours: Sequence[Hour]
    latencies: Sequence[Latency]


def sum_up_flow(recent: RecentFlow, now: datetime) -> Flow:
    """Hours are those of the clock, the last of them the one that runs."""
    # In the machine's zone: some zones are half an hour apart from others.
    last = now.astimezone().replace(minute=0, second=0, microsecond=0)
    begins = [last - HOUR * back for back in range(HOURS - 1, -1, -1)]
    accepted: Counter[int] = Counter()
    took: dict[int, list[float]] = {}
    for one in recent.deliveries:
        accepted[_back(one.accepted_at, last)] += 1
        if one.confirmed_at is not None:
            seconds = max(0.0, (one.confirmed_at - one.accepted_at).total_seconds())
            took.setdefault(_back(one.confirmed_at, last), []).append(seconds)
    hours = [Hour(at, accepted[back]) for at, back in zip(begins, range(HOURS - 1, -1, -1), strict=True)]
    latencies = [
        Latency(at, share_of(took.get(back, []), 0.5), share_of(took.get(back, []), 0.95))
        for at, back in zip(begins, range(HOURS - 1, -1, -1), strict=True)
    ]
    routes = Counter(one.route for one in recent.deliveries)
    return Flow(recent.since, recent.complete, len(recent.deliveries), routes, hours, latencies)


def share_of(values: list[float], share: float) -> float | None:
    """The least value within which so large a share of them lies; None of none."""
    if not values:
        return None
    return sorted(values)[ceil(share * len(values)) - 1]


def neighbour_lines(settings: Settings, overview: Overview, flow: Flow | None) -> list[NeighbourLine]:
    """The parent, the children, the offices, and ways from before that still have deliveries. An office hears of its
    mail when it likes: that some waits there is said, and is no fault."""
    piles = {pile.route: pile for pile in overview.piles or ()}
    known: dict[Route, Role] = {}
    if settings.parent is not None:
        known[Route.link(settings.parent.name)] = "parent"
    known |= {Route.link(child.name): "child" for child in settings.children}
    known |= {Route.office(office.name): "office" for office in settings.offices}
    for route in piles:
        known.setdefault(route, "child" if route.is_link else "office")
    return [
        NeighbourLine(
            route.name,
            role,
            flow.routes.get(route, 0) if flow else 0,
            piles[route].total if route in piles else 0,
            _level(route, piles.get(route), overview),
        )
        for route, role in known.items()
    ]


def older_than(pile: Shape, minutes: int) -> int:
    """How many of a pile are at least so many minutes old; ``minutes`` is one of AGES."""
    return sum(pile.ages[AGES.index(minutes) + 1 :])


def _level(route: Route, pile: Shape | None, overview: Overview) -> Level:
    if route in overview.silent:
        return "silent"
    if pile is None or not route.is_link:
        return "calm"
    if older_than(pile, MUCH_MINUTES):
        return "much"
    return "some" if older_than(pile, SOME_MINUTES) else "calm"


def _back(at: datetime, last: datetime) -> int:
    """How many hours before the running one."""
    return ceil((last - at) / HOUR)
