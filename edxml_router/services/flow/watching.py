"""How a node stands at this moment, for whoever watches it: queues by link, what passes, the oldest, and alarms.

    watched = look_at_flow(settings, now)

A handful of bounded queries for each look, the same for all who watch; checks that take longer are doctor's. Raises
Setback EDX602.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.services.health.report import PATIENCE
from edxml_router.store.deliveries.waiting import WaitingGroup, waiting_groups
from edxml_router.store.flow.watching import MinutePace, pace_of
from edxml_router.wiring.own_ledger import OwnLedger, open_ledger

ALARMS_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class WatchedRoute:
    """What is open on one way. ``to_send``: this node's turn; ``put_off``: tried, and due again later; ``answers``:
    with the next node, or in the inbox. ``oldest``: when the envelope of the oldest was accepted."""

    route: Route
    to_send: int
    put_off: int
    held: int
    answers: int
    urgent: int
    oldest: datetime
    silent: bool

    @property
    def total(self) -> int:
        return self.to_send + self.put_off + self.held + self.answers


@dataclass(frozen=True, slots=True)
class Watched:
    """Everything that one look shows; the fullest way first."""

    node: str
    at: datetime
    pace: MinutePace
    routes: Sequence[WatchedRoute]
    alarms: Sequence[Finding]

    @property
    def oldest(self) -> datetime | None:
        return min((each.oldest for each in self.routes), default=None)


def look_at_flow(settings: Settings, now: datetime) -> Watched:
    """One look."""
    with closing(open_ledger(settings, PATIENCE)) as ledger:
        return _look(ledger, settings.node.name, now)


def _look(ledger: OwnLedger, node: str, now: datetime) -> Watched:
    views = ledger.views
    silences, drain = views.silences(), views.drain()
    by_route: dict[Route, list[WaitingGroup]] = defaultdict(list)
    for group in waiting_groups(ledger.engine):
        by_route[group.route].append(group)
    away = {route for route, _ in silences}
    routes = [_watched(route, groups, silent=route in away) for route, groups in by_route.items()]
    alarms: list[Finding] = []
    if drain is not None:
        alarms.append(Finding("EDX689", detail=Detail("{who}: {reason}", who=drain.actor, reason=drain.reason)))
    for route, silence in {route: silence for (route, _), silence in silences.items()}.items():
        alarms.append(Finding(silence.finding.code, route, silence.finding.detail))
    for each in views.halts():
        told = Detail("{count} deliveries wait: {reason}", count=each.count, reason=each.halt.reason)
        alarms.append(Finding("EDX662", Detail("halt {number}", number=each.halt.id), told))
    routes.sort(key=lambda one: (-one.total, one.route))
    return Watched(node, now, pace_of(ledger.engine, now), routes, alarms[:ALARMS_MAX])


def _watched(route: Route, groups: Sequence[WaitingGroup], *, silent: bool) -> WatchedRoute:
    def count(*states: State) -> int:
        return sum(group.count for group in groups if group.state in states)

    return WatchedRoute(
        route,
        count(State.QUEUED, State.FORWARDING),
        count(State.DEFERRED),
        count(State.HELD),
        count(State.FORWARDED, State.AVAILABLE),
        sum(group.count for group in groups if group.urgent),
        min(group.since for group in groups),
        silent,
    )
