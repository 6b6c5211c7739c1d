"""What needs somebody, out of what doctor's checks found: the gravest first, and since when.

    sightings = Sightings()
    needs = sum_up_needs(results, ground, now, sightings)

A check seldom knows since when something is wrong. Where the database does, that is told; otherwise when it was first
seen here, which :class:`Sightings` remembers for as long as it stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.views import Silence
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.services.health.report import CheckResult
from edxml_router.services.overview.values import Need
from edxml_router.store.deliveries.waiting import WaitingGroup

# What keeps others from working comes first: with the disk full or the database away, the rest is a consequence.
GRAVEST: Final = ("packages", "config", "data", "disk", "database", "serve", "hub", "parent", "mailboxes", "letters")
OF_ROUTES: Final = frozenset({"mailboxes", "letters", "neighbours", "links", "outcomes", "witnesses", "webhooks"})
OF_MAILBOXES: Final = frozenset({"mailboxes", "parent"})
MOST_SIGHTINGS: Final = 1000

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class NeedGround:
    """What the database knows besides the checks: what waits, which mailboxes are silent, and since when by check."""

    groups: Sequence[WaitingGroup] = ()
    silences: Mapping[tuple[Route, bool], Silence] = field(default_factory=dict)
    since: Mapping[str, datetime] = field(default_factory=dict)


class Sightings:
    """When each thing was first seen, until it is gone. Used by one thread."""

    def __init__(self) -> None:
        self._seen: dict[Key, datetime] = {}

    def see(self, keys: Iterable[Key], now: datetime) -> Mapping[Key, datetime]:
        """Since when each of these is seen; all others are forgotten."""
        self._seen = {key: self._seen.get(key, now) for key in list(dict.fromkeys(keys))[:MOST_SIGHTINGS]}
        return self._seen


def sum_up_needs(results: Sequence[CheckResult], ground: NeedGround, now: datetime, sightings: Sightings) -> list[Need]:
    """Everything that a check found, and mailboxes that do not answer, the gravest first."""
    found = [(one.check, one.finding) for one in results if one.finding is not None]
    found += _silent(found, ground.silences)
    found = list(dict.fromkeys(found))
    seen = sightings.see(map(_key, found), now)
    needs = [_need(check, finding, ground, seen.get(_key((check, finding)), now)) for check, finding in found]
    return sorted(needs, key=_gravity)


def _key(found: tuple[str, Finding]) -> Key:
    check, finding = found
    return check, finding.code, finding.where


def _silent(
    found: Sequence[tuple[str, Finding]], silences: Mapping[tuple[Route, bool], Silence]
) -> Iterable[tuple[str, Finding]]:
    """The links that do not answer and of which no check of the mailboxes tells."""
    told = {finding.where for check, finding in found if check in OF_MAILBOXES}
    silent: dict[Route, Finding] = {}
    for (route, _), silence in sorted(silences.items(), key=lambda item: item[1].since):
        if route.is_link and route.name not in told:
            silent.setdefault(route, Finding(silence.finding.code, route.name, silence.finding.detail))
    return [("mailboxes", finding) for finding in silent.values()]


def _need(check: str, finding: Finding, ground: NeedGround, seen: datetime) -> Need:
    route = _route(check, finding, ground)
    groups = [one for one in ground.groups if one.route == route]
    oldest = min((one.since for one in groups), default=None)
    since = ground.since.get(check)
    if since is None and route is not None and check in OF_MAILBOXES:
        silent = [silence.since for (where, _), silence in ground.silences.items() if where == route]
        since = min(silent, default=None)
    return Need(
        check,
        finding,
        since or seen,
        since is None,
        str(route or ""),
        sum(one.count for one in groups),
        oldest,
    )


def _route(check: str, finding: Finding, ground: NeedGround) -> Route | None:
    """The route that a finding is about: its place is the name of a neighbour or an office, or the route itself."""
    if check not in OF_ROUTES:
        return None
    known = {one.route for one in ground.groups} | {route for route, _ in ground.silences}
    for route in sorted(known):
        if finding.where in (route, route.name):
            return route
    return None


def _gravity(need: Need) -> tuple[bool, int, int, datetime]:
    place = GRAVEST.index(need.check) if need.check in GRAVEST else len(GRAVEST)
    return need.result != "failed", place, -need.waiting, need.since
