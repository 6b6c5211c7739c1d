"""A report: what was asked, what was counted, and from what; and what counting again has found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypedDict

from edxml_router.core.delivery.figures.values import Figures, Group, ReportQuestion, ReportRow, Side, rounded_share
from edxml_router.core.link.manifest import instant
from edxml_router.core.problems import Finding
from edxml_router.shapes.form import Code, Day, Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_or_none

REPORT_FORMAT: Final = "edxml-router-report/1"


class RefusalCountShape(TypedDict):
    """How many deliveries were refused for one cause."""

    code: Code
    count: int


class SideShape(TypedDict):
    """The figures of what agencies sent, or of what came for them."""

    documents: int
    signed: int
    signed_share: float | None
    recalled: int
    deliveries: int
    on_time: int
    late: int
    on_time_share: float | None
    refused: int
    refusals: list[RefusalCountShape]
    cancelled: int
    waiting: int
    median_seconds: int | None
    p95_seconds: int | None
    entries: int
    begin: int | None
    end: int | None


class ReportRowShape(TypedDict):
    """The figures of one group; null stands for a group that was not asked for."""

    month: str | None
    level: int | None
    agency: str | None
    urgency: str | None
    kind: str | None
    sent: SideShape
    received: SideShape
    paper: int | None
    electronic_share: float | None


class PaperCountShape(TypedDict):
    """What an agency says that it sent on paper only."""

    month: str
    agency: str
    documents: int


class TurnedAwayShape(TypedDict):
    """Input that was refused and never accepted."""

    month: str
    code: Code
    count: int


class ReportShape(TypedDict):
    """A report, with all that is needed to count it again."""

    format: Literal["edxml-router-report/1"]
    first_month: str
    last_month: str
    time_zone: Literal["+07:00"]
    groups: list[Group]
    agency: str | None
    kinds: list[str]
    ordinary_seconds: int | None
    urgent_seconds: int | None
    holidays: list[Day]
    paper: list[PaperCountShape]
    counted_at: Instant
    size: int
    root: Digest
    checkpoint: str | None
    untold: int
    total: ReportRowShape
    rows: list[ReportRowShape]
    turned_away: list[TurnedAwayShape]


class ReportDifferenceShape(TypedDict):
    """A figure of the file that the journal does not give."""

    where: str
    told: str
    counted: str


class ReportVerificationShape(TypedDict):
    """What counting a report again has found."""

    file: str
    agrees: bool
    size: int
    root: Digest | None
    differences: list[ReportDifferenceShape]
    problem: ProblemShape | None


def report_shape(question: ReportQuestion, figures: Figures, checkpoint: str | None) -> ReportShape:
    """``checkpoint``: the signed one over the same entries; None where there is none."""
    deadlines = question.deadlines
    return {
        "format": "edxml-router-report/1",
        "first_month": question.first,
        "last_month": question.last,
        "time_zone": "+07:00",
        "groups": list(question.groups),
        "agency": question.agency or None,
        "kinds": list(question.kinds),
        "ordinary_seconds": round(deadlines.ordinary.total_seconds()) if deadlines.ordinary else None,
        "urgent_seconds": round(deadlines.urgent.total_seconds()) if deadlines.urgent else None,
        "holidays": [day.isoformat() for day in sorted(deadlines.holidays)],
        "paper": [
            {"month": month, "agency": agency, "documents": documents}
            for (month, agency), documents in sorted(question.paper.items())
        ],
        "counted_at": instant(question.counted_at),
        "size": figures.size,
        "root": figures.root,
        "checkpoint": checkpoint,
        "untold": figures.untold,
        "total": report_row_shape(figures.total, ()),
        "rows": [report_row_shape(row, question.groups) for row in figures.rows],
        "turned_away": [{"month": one.month, "code": one.code, "count": one.count} for one in figures.turned_away],
    }


def report_row_shape(row: ReportRow, groups: Iterable[Group]) -> ReportRowShape:
    told = dict(zip(groups, row.key, strict=True))
    level, sent = told.get("level"), row.sent.documents
    texts = {name: str(told[name]) if name in told else None for name in ("month", "agency", "urgency", "kind")}
    return {
        "month": texts["month"],
        "level": int(level) if level is not None else None,
        "agency": texts["agency"],
        "urgency": texts["urgency"],
        "kind": texts["kind"],
        "sent": side_shape(row.sent),
        "received": side_shape(row.received),
        "paper": row.paper,
        "electronic_share": None if row.paper is None else rounded_share(sent, sent + row.paper),
    }


def side_shape(side: Side) -> SideShape:
    return {
        "documents": side.documents,
        "signed": side.signed,
        "signed_share": rounded_share(side.signed, side.documents),
        "recalled": side.recalled,
        "deliveries": side.deliveries,
        "on_time": side.on_time,
        "late": side.late,
        "on_time_share": rounded_share(side.on_time, side.on_time + side.late),
        "refused": side.refused,
        "refusals": [{"code": code, "count": count} for code, count in sorted(side.refusals.items())],
        "cancelled": side.cancelled,
        "waiting": side.waiting,
        "median_seconds": side.median_seconds,
        "p95_seconds": side.p95_seconds,
        "entries": side.entries,
        "begin": side.begin,
        "end": side.end,
    }


def report_verification_shape(
    file: str, size: int, root: str, differences: Iterable[tuple[str, str, str]], finding: Finding | None
) -> ReportVerificationShape:
    """``differences``: where, what the file says, what the journal says."""
    return {
        "file": file,
        "agrees": finding is None,
        "size": size,
        "root": root or None,
        "differences": [{"where": where, "told": told, "counted": counted} for where, told, counted in differences],
        "problem": problem_or_none(finding),
    }
