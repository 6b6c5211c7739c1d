"""The first page of whoever watches a node: one sentence, then what waits where, and what the node lives on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup
from starlette.responses import Response

from edxml_router.console import watching
from edxml_router.console.texts import in_language
from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.delivery.views import AGES, Shape
from edxml_router.services.bulk.wishes import Wish
from edxml_router.services.overview.flow import MUCH_MINUTES, SOME_MINUTES, neighbour_lines
from edxml_router.services.overview.sentence import need_sentence, sentence_of
from edxml_router.services.overview.values import Overview
from edxml_router.services.people.roles import ADMINISTRATOR, AUDITOR, MANAGER, OPERATOR
from edxml_router.services.pictures.hours import hour_bars, hour_lines
from edxml_router.services.pictures.neighbours import neighbour_picture

MOST_NEEDS: Final = 20
_BOUNDS: Final = (SOME_MINUTES, MUCH_MINUTES, AGES[-1])  # minutes; between them are the columns of ages
_RESULTS: Final = ("failed", "warning", "ok")
FLOW_SECONDS: Final = 2.0  # that the page waits for the pictures of the last hours


@dataclass(frozen=True, slots=True)
class Cell:
    """A number, and the query of the page that lists exactly what it counts."""

    count: int
    query: str


@dataclass(frozen=True, slots=True)
class PileRow:
    """A way, with what waits for it in all and by age."""

    name: str
    kind: str
    total: Cell
    ages: Sequence[Cell]


def now(visit: Visit) -> Response:
    overview = watching.overview_of(visit.settings)
    flow = watching.reader_of(visit.settings).flow(FLOW_SECONDS)
    at, language = datetime.now(UTC), visit.language
    pictures = [neighbour_picture(overview.node, neighbour_lines(visit.settings, overview, flow), language)]
    if flow is not None:
        pictures += [
            hour_bars("traffic", in_language(language, "now.traffic"), flow.hours, language),
            hour_lines("latency", in_language(language, "now.latency"), flow.latencies, language),
        ]
    checks = sorted(overview.checks, key=lambda one: _RESULTS.index(one.result))
    return visit.render(
        "now.html",
        overview=overview,
        sentence=sentence_of(overview, at, language),
        others=[need_sentence(one, at, language) for one in overview.needs[1 : 1 + MOST_NEEDS]],
        left_out=max(0, len(overview.needs) - 1 - MOST_NEEDS),
        piles=[_row(pile) for pile in overview.piles or ()],
        every=Cell(overview.waiting or 0, Wish(state="open").query),
        heads=_heads(),
        checks=checks,
        pictures=[Markup(one) for one in pictures],  # noqa: S704  # drawn by us, every text in them escaped
        flow=flow,
        ends=_ends(overview, at),
        paused=bool(visit.query.get("pause")),
        live="" if visit.query.get("pause") else "every 10s",
        lists=visit.person.has(OPERATOR, AUDITOR),
    )


def _heads() -> list[tuple[str, int, int]]:
    """The columns of ages: key of the text, and its bounds in minutes."""
    first, *others = _BOUNDS
    spans = list(zip(_BOUNDS, others, strict=False))
    return [
        ("now.younger", 0, first),
        *(("now.between", low, high) for low, high in spans),
        ("now.older", _BOUNDS[-1], 0),
    ]


def _row(pile: Shape) -> PileRow:
    ages = []
    for _, low, high in _heads():
        begin = AGES.index(low) + 1 if low else 0
        end = AGES.index(high) + 1 if high else len(pile.ages)
        wish = _wish(pile, older=f"{low}m" if low else "", newer=f"{high}m" if high else "")
        ages.append(Cell(sum(pile.ages[begin:end]), wish.query))
    return PileRow(pile.route.name, str(pile.route.kind), Cell(pile.total, _wish(pile).query), ages)


def _wish(pile: Shape, older: str = "", newer: str = "") -> Wish:
    return Wish(link=str(pile.route), state="open", older=older, newer=newer)


def _ends(overview: Overview, at: datetime) -> list[tuple[str, datetime, int]]:
    """What ends first of each kind of certificate and list: the kind, when, and in how many days."""
    found = [(kind, until, (until - at).days) for kind, until in overview.vitals.expiry.items()]
    return sorted(found, key=lambda one: one[1])


ROUTES: Final = (PageRoute("GET", "/now", now, frozenset({OPERATOR, AUDITOR, MANAGER, ADMINISTRATOR})),)
