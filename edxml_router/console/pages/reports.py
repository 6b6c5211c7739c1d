"""The page "Reports": what was exchanged, by month, level and class, counted from the journal; and who is late.

Counting reads the whole journal, so it is done when somebody asks for it, one at a time, and what was counted last is
kept as long as the journal has not grown. Every total names the positions of the entries that it rests on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, get_args

from markupsafe import Markup
from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.delivery.figures.deadlines import month_of
from edxml_router.core.delivery.figures.values import GROUPS, Group, ReportQuestion
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.following.catalogue import AgencyNames, registry_of
from edxml_router.services.people.roles import AUDITOR, MANAGER, OPERATOR
from edxml_router.services.reports.chart import chart
from edxml_router.services.reports.counted import counted
from edxml_router.services.reports.files import read_month
from edxml_router.services.reports.page import report_page
from edxml_router.services.reports.tables import csv_text, grouped_number, scope, tables
from edxml_router.shapes.evidence.report import ReportShape

READERS: Final = frozenset({MANAGER, AUDITOR, OPERATOR})
SHOWN: Final = 200  # rows of a table
LATE: Final = 20  # agencies that are late, on the page
BY: Final[Sequence[Group]] = get_args(Group)


def show(visit: Visit) -> Response:
    """The form; the figures where they were asked for."""
    question, problem = _question(visit)
    made = late = None
    if problem is None and visit.query.get("count"):
        made = counted(visit.node, question, visit.person.actor)
        late = counted(visit.node, _by_agency(question), visit.person.actor)
    worst = sorted(late["rows"], key=lambda row: -row["sent"]["late"])[:LATE] if late else []
    return visit.render(
        "reports.html",
        status=400 if problem else 200,
        question=question,
        problem=problem,
        groups=BY,
        made=made,
        tables=list(tables(made, visit.language, SHOWN)) if made else (),
        scope=scope(made, visit.language) if made else (),
        chart=Markup(chart(made, visit.language)) if made else "",  # noqa: S704  # escaped where it is drawn
        late=[row for row in worst if row["sent"]["late"]],
        number=lambda value: grouped_number(visit.language, value),
        named=AgencyNames(visit.node),
        asked=[(key, value) for key, value in visit.fields if key in ("since", "until", "by", "agency", "count")],
    )


def spreadsheet(visit: Visit) -> Response:
    """The same as CSV, of which a spreadsheet computes nothing."""
    made = _required(visit)
    return visit.download(csv_text(made), f"report-{made['first_month']}-{made['last_month']}.csv", "text/csv")


def page(visit: Visit) -> Response:
    """The same as one file to be printed and kept."""
    made = _required(visit)
    text = report_page(made, visit.language, visit.settings.node.name)
    return visit.download(text, f"report-{made['first_month']}-{made['last_month']}.html", "text/html")


def _required(visit: Visit) -> ReportShape:
    question, problem = _question(visit)
    if problem is not None:
        raise Refusal(problem.code, where=problem.where, detail=problem.detail)
    return counted(visit.node, question, visit.person.actor)


def _question(visit: Visit) -> tuple[ReportQuestion, Finding | None]:
    """What the form asks; by default this month, by level and class. Months that are none are told."""
    now = datetime.now(UTC).replace(microsecond=0)
    this, problem = month_of(now), None
    months = []
    for name in ("since", "until"):
        text = visit.query.get(name, "").strip()[:20] or this
        try:
            months.append(read_month(text))
        except ValueError as error:
            months.append(this)
            problem = Finding("EDX418", name, said(error))
    if problem is None and months[0] > months[1]:
        problem = Finding("EDX418", "until", Detail("the last month is before the first"))
    chosen = visit.several("by")
    groups = tuple(group for group in GROUPS if group in (chosen or ("month", "level", "urgency")))
    code = visit.query.get("agency", "").strip()[:60]
    agency = (registry_of(visit.node).canonical_or_none(code) or code) if code else ""
    return ReportQuestion(months[0], months[1], now, groups, agency), problem


def _by_agency(question: ReportQuestion) -> ReportQuestion:
    return ReportQuestion(question.first, question.last, question.counted_at, ("agency",), question.agency)


ROUTES: Final = (
    PageRoute("GET", "/reports", show, READERS),
    PageRoute("GET", "/reports/figures.csv", spreadsheet, READERS),
    PageRoute("GET", "/reports/page.html", page, READERS),
)
