"""The page "Agencies": what the catalogue says of a code, its successors, and where its mail would go on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import islice
from typing import Final

from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.agencies.agency import Agency
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import agencies
from edxml_router.services.following.catalogue import registry_of
from edxml_router.services.following.succession import route_steps, successor_chain
from edxml_router.services.people.roles import ADMINISTRATOR, AUDITOR, MANAGER, OPERATOR

READERS: Final = frozenset({OPERATOR, AUDITOR, MANAGER, ADMINISTRATOR})
SHOWN: Final = 100


def look(visit: Visit) -> Response:
    """The search, and one agency where a code is named."""
    registry = registry_of(visit.node)
    asked, code = visit.query.get("q", "").strip()[:100], visit.query.get("code", "").strip()[:60]
    day, wrong_day = _day(visit.query.get("on", "").strip()[:20])
    found: Sequence[Agency] = ()
    if asked:
        found = list(islice(agencies.find(registry, asked.split(), closed=True), SHOWN + 1))
    told: agencies.Description | None = None
    problem: Finding | None = None
    if code:
        try:
            told = agencies.describe(registry, code)
        except Refusal as refusal:
            problem = refusal.finding
    return visit.render(
        "agencies.html",
        status=404 if problem else 200,
        asked=asked,
        code=code,
        day=day,
        wrong_day=wrong_day,
        found=found[:SHOWN],
        more=len(found) > SHOWN,
        described=told,
        problem=problem,
        meant=agencies.resolve(registry, code, day) if code else None,
        is_finding=lambda value: isinstance(value, Finding),
        chain=successor_chain(registry, told.agency.code) if told else (),
        route=route_steps(visit.node, told.agency.code) if told else (),
        count=len(registry),
        level=_level(registry, told.agency.level, visit.language) if told else "",
    )


def _day(text: str) -> tuple[date, bool]:
    if not text:
        return agencies.today(), False
    try:
        return date.fromisoformat(text), False
    except ValueError:
        return agencies.today(), True


def _level(registry: Registry, name: str, language: str) -> str:
    level = registry.levels.get(name)
    if level is None:
        return name
    return level.title_vi if language == "vi" else level.title_en


ROUTES: Final = (PageRoute("GET", "/agencies", look, READERS),)
