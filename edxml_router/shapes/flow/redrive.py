"""What would be sent again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Instant


class RedriveEdgeShape(TypedDict):
    """The oldest, or the newest, of it."""

    delivery: int
    document: str
    since: Instant


class RedriveShape(TypedDict):
    """What would be sent again: how many, by act and by route, and the first and the last of it."""

    count: int
    acts: dict[str, int]
    by_route: dict[str, int]
    oldest: RedriveEdgeShape | None
    newest: RedriveEdgeShape | None
    more: bool


Edge = tuple[int, str, datetime]


def redrive_shape(
    acts: Mapping[str, int], by_route: Mapping[str, int], oldest: Edge | None, newest: Edge | None, *, more: bool
) -> RedriveShape:
    """Edges are a delivery's number, its document, and since when it stands so."""
    return {
        "count": sum(acts.values()),
        "acts": dict(acts),
        "by_route": dict(by_route),
        "oldest": _edge(oldest),
        "newest": _edge(newest),
        "more": more,
    }


def _edge(edge: Edge | None) -> RedriveEdgeShape | None:
    return {"delivery": edge[0], "document": edge[1], "since": instant(edge[2])} if edge else None
