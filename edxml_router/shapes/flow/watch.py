"""How a node stands at one moment."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.shapes.form import Instant
from edxml_router.shapes.problem import ProblemShape, problem_shape


class WatchedRouteShape(TypedDict):
    """What is open on one way."""

    route: str
    to_send: int
    put_off: int
    held: int
    answers: int
    urgent: int
    oldest_at: Instant
    silent: bool


class WatchShape(TypedDict):
    """How a node stands: what happened within the last ``pace_seconds``, what is open by way, and what needs a look."""

    at: Instant
    pace_seconds: float
    accepted: int
    forwarded: int
    offered: int
    confirmed: int
    failed: int
    routes: list[WatchedRouteShape]
    alarms: list[ProblemShape]


def watched_route_shape(
    route: str, counts: tuple[int, int, int, int, int], oldest: datetime, *, silent: bool
) -> WatchedRouteShape:
    """``counts``: to send, put off, held, answers, urgent."""
    to_send, put_off, held, answers, urgent = counts
    return {
        "route": route,
        "to_send": to_send,
        "put_off": put_off,
        "held": held,
        "answers": answers,
        "urgent": urgent,
        "oldest_at": instant(oldest),
        "silent": silent,
    }


def watch_shape(
    at: datetime,
    seconds: float,
    counts: tuple[int, int, int, int, int],
    routes: Iterable[WatchedRouteShape],
    alarms: Iterable[Finding],
) -> WatchShape:
    """``counts``: accepted, forwarded, offered, confirmed, failed."""
    accepted, forwarded, offered, confirmed, failed = counts
    return {
        "at": instant(at),
        "pace_seconds": seconds,
        "accepted": accepted,
        "forwarded": forwarded,
        "offered": offered,
        "confirmed": confirmed,
        "failed": failed,
        "routes": list(routes),
        "alarms": [problem_shape(each) for each in alarms],
    }
