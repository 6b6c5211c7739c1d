"""The metrics of a running node: what its processes report, how it stands, and whether it is ready.

    metrics = NodeMetrics(settings)      # in the supervisor's process, before it starts any other
    metrics.begin()
    status, kind, body = metrics.answer("/metrics", "")

The database is asked at most every :data:`DATABASE_PAUSE` seconds, however often Prometheus asks; who asks while it is
silent gets what was known before, with the time of that, after :data:`WAIT` seconds.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from edxml_router import __version__
from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.observe import tally
from edxml_router.observe.escape import json_line
from edxml_router.services.metrics import figures, gauges
from edxml_router.services.metrics.cached import Cached, ReadOnce
from edxml_router.services.metrics.exposition import exposition
from edxml_router.services.metrics.gathering import FRESH_SECONDS, Gathered
from edxml_router.services.metrics.gauges import Reading
from edxml_router.shapes.problem import problem_shape

DATABASE_PAUSE: Final = 15.0  # seconds
FILES_PAUSE: Final = 15.0
PROBE_PAUSE: Final = 2.0
WAIT: Final = 3.0  # seconds that a caller waits for what is being read; Prometheus gives up after ten


class NodeMetrics:
    """Everything behind the endpoint. ``settings`` may be replaced."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._gathered = Gathered()
        self._database = Cached(
            lambda: list(figures.database_figures(self.settings, datetime.now(UTC))), DATABASE_PAUSE
        )
        self._files = Cached(lambda: list(figures.file_figures(self.settings, datetime.now(UTC))), FILES_PAUSE)
        self._probe = Cached(lambda: figures.probe(self.settings), PROBE_PAUSE)

    def begin(self) -> None:
        """Open the pipe into which the node's processes report, and read what comes. Raises Refusal EDX908."""
        self._gathered.follow(tally.open_pipe(self.settings.node.data))

    def answer(self, path: str, accept: str) -> tuple[int, str, bytes]:
        """Status, media type and body for a request."""
        if path == "/metrics":
            text, kind = exposition(self._gathered.totals(), self.readings(), accept)
            return 200, kind, text
        if path == "/healthz":
            return 200, "application/json", json_line({"ready": None}).encode()
        if path == "/readyz":
            problem = self.unready()
            if problem is None:
                return 200, "application/json", json_line({"ready": True}).encode()
            return 503, "application/problem+json", json_line(problem_shape(problem)).encode()
        return 404, "text/plain; charset=utf-8", b"/metrics /healthz /readyz\n"

    def unready(self) -> Finding | None:
        """Why the node could not take or send mail now: no worker lives, or the database or a hub is away."""
        if not self._gathered.workers():
            detail = Detail("no worker has reported for {seconds:.0f} s", seconds=FRESH_SECONDS)
            return Finding("EDX698", "workers", detail)
        if (trouble := self._database_trouble()) is not None:
            return trouble
        for hub, codes in sorted(self._gathered.hubs().items()):
            if all(code in PROBLEMS for code in codes):
                return Finding(codes[0], hub)
        return None

    def readings(self) -> Iterator[Reading]:
        """How it stands now."""
        yield gauges.BUILD, (__version__, platform.python_version()), 1
        yield gauges.NODE, (self.settings.node.name,), 1
        yield gauges.WORKERS, (), self._gathered.workers()
        yield gauges.WANTED, (), self.settings.node.worker_count
        for hub, codes in self._gathered.hubs().items():
            yield gauges.HUB_UP, (hub,), float("" in codes)
            for code in {one for one in codes if one in PROBLEMS}:
                yield gauges.HUB_PROBLEM, (hub, code), codes.count(code)
        database = self._database.get(WAIT)
        yield gauges.DATABASE_UP, (), float(self._database_trouble() is None)
        yield from _known("database", database)
        yield from _known("files", self._files.get(WAIT))

    def _database_trouble(self) -> Finding | None:
        found = self._probe.get(WAIT)
        if self._probe.reading:
            return Finding("EDX624", "store.url", Detail("no answer within {seconds:.0f} s", seconds=WAIT))
        return found.error if found else None


def _known(source: str, found: ReadOnce[list[Reading]] | None) -> Iterator[Reading]:
    if found is None or found.value is None:
        return
    yield from found.value
    yield gauges.READ, (source,), found.at
