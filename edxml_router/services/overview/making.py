"""Make the overview of a node: doctor's checks, the queues and the figures of the metrics, put together.

    reader = OverviewReader(settings)
    overview = reader.get(wait=3)        # at most PAUSE seconds old; None: never read yet

Nothing is counted here: what waits is what ``queue shape`` shows, the vitals are those of the metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.views import Shape
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Setback, Trouble
from edxml_router.services.health.report import PATIENCE, CheckResult, run_checks
from edxml_router.services.metrics import figures, gauges
from edxml_router.services.metrics.cached import Cached, ReadOnce
from edxml_router.services.metrics.gauges import Reading
from edxml_router.services.overview.flow import Flow, sum_up_flow
from edxml_router.services.overview.needs import NeedGround, Sightings, sum_up_needs
from edxml_router.services.overview.values import Overview, Vitals
from edxml_router.store.deliveries.waiting import waiting_groups
from edxml_router.store.journal import sequencer
from edxml_router.store.recent import recent_flow
from edxml_router.wiring.own_ledger import open_ledger

PAUSE: Final = 5.0  # seconds between two looks
SHARE: Final = 3.0  # and so many times as long as a look took
FLOW_PAUSE: Final = 60.0


class OverviewReader:
    """Overviews for many who ask, of which one at a time is made. ``settings`` may be replaced."""

    def __init__(self, settings: Settings, pause: float = PAUSE) -> None:
        self.settings = settings
        self._sightings = Sightings()
        self._cached = Cached(lambda: make_overview(self.settings, datetime.now(UTC), self._sightings), pause, SHARE)
        self._flow = Cached(lambda: read_flow(self.settings, datetime.now(UTC)), FLOW_PAUSE)

    def get(self, wait: float) -> ReadOnce[Overview] | None:
        """The newest, waiting so many seconds for one that is being made."""
        return self._cached.get(wait)

    def current(self, wait: float) -> Overview:
        """The same, where there is one. Raises Setback EDX624 where nothing could be read in time."""
        found = self.get(wait)
        if found is None or found.value is None:
            raise Setback("EDX624", where="store.url", detail=Detail("no answer within {seconds:.0f} s", seconds=wait))
        return found.value

    def flow(self, wait: float) -> Flow | None:
        """What went where lately, at most FLOW_PAUSE seconds old; None where it could not be read."""
        found = self._flow.get(wait)
        return found.value if found and found.error is None else None


def make_overview(settings: Settings, now: datetime, sightings: Sightings) -> Overview:
    """How the node stands now. What cannot be read is told in it, not raised."""
    results = list(run_checks(lambda: settings.path))
    unread: Finding | None = None
    ground, piles, read = NeedGround(), None, list[Reading]()
    if not _database_lost(results):
        try:
            ground, piles = _read_queues(settings, now)
            read += figures.database_figures(settings, now)
        except Trouble as trouble:
            unread = trouble.finding
            results.append(CheckResult("database", trouble.finding.where, trouble.finding))
    else:
        unread = next(one.finding for one in results if one.check == "database" and one.finding)
    try:
        read += figures.file_figures(settings, now)
    except Trouble as trouble:
        if trouble.finding not in [one.finding for one in results]:  # a check may have told it already
            results.append(CheckResult("data", trouble.finding.where, trouble.finding))
    needs = sum_up_needs(results, ground, now, sightings)
    silent = frozenset(str(route) for route, _ in ground.silences)
    return Overview(settings.node.name, now, needs, piles, vitals(settings, read), results, unread, silent)


def read_flow(settings: Settings, now: datetime) -> Flow:
    """What went where lately. Raises Setback EDX602."""
    with closing(open_ledger(settings, PATIENCE)) as ledger:
        return sum_up_flow(recent_flow(ledger.engine, now), now)


def _database_lost(results: Iterable[CheckResult]) -> bool:
    return any(one.check == "database" and one.finding for one in results)


def _read_queues(settings: Settings, now: datetime) -> tuple[NeedGround, list[Shape]]:
    with closing(open_ledger(settings, PATIENCE)) as ledger:
        since = {"journal": sequencer.waiting_since(ledger)}
        for authority in settings.journal.stamps if settings.journal.key else ():
            last = ledger.views.last_time_stamp(authority.url)
            beyond = ledger.views.unstamped_since(last.size if last else 0)
            since["stamps"] = min(filter(None, (since.get("stamps"), beyond)), default=None)
        known = {check: at for check, at in since.items() if at is not None}
        ground = NeedGround(waiting_groups(ledger.engine), ledger.views.silences(), known)
        return ground, list(ledger.views.shape(now))


def vitals(settings: Settings, read: Iterable[Reading]) -> Vitals:
    """What the figures of the metrics say of what a node lives on."""
    found = {(gauge.name, labels): value for gauge, labels, value in read}

    def one(gauge: gauges.Gauge) -> float | None:
        return found.get((gauge.name, ()))

    def whole(gauge: gauges.Gauge) -> int | None:
        value = one(gauge)
        return None if value is None else int(value)

    def each(gauge: gauges.Gauge) -> Iterator[tuple[str, float]]:
        return ((labels[0], value) for (name, labels), value in found.items() if name == gauge.name)

    doubtful = one(gauges.DOUBTFUL)
    stamped = {kind: _moment(value) for kind, value in each(gauges.STAMPED_AT)}
    authorities = settings.journal.stamps if settings.journal.key else ()
    return Vitals(
        free=whole(gauges.FREE),
        size=whole(gauges.SIZE),
        reserve=whole(gauges.RESERVE),
        expiry={kind: _moment(value) for kind, value in each(gauges.EXPIRY)},
        clock_doubtful=None if doubtful is None else bool(doubtful),
        offsets=dict(each(gauges.OFFSET)),
        stamped={one.url: stamped.get(one.url) for one in authorities},
        entries=whole(gauges.ENTRIES),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
