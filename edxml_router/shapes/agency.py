"""Agencies of the catalogue, what a written code means, and what became of the rows of a list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TypedDict

from edxml_router.core.agencies.agency import Agency, AgencyState
from edxml_router.core.agencies.importing import ImportReport, RowResult, RowVerdict
from edxml_router.core.problems import Finding
from edxml_router.shapes.form import Day
from edxml_router.shapes.problem import ProblemShape, problem_or_none


class AgencyShape(TypedDict):
    """An agency as the catalogue has it."""

    code: str
    name: str
    level: str
    parent: str | None
    state: AgencyState
    valid_from: Day | None
    valid_to: Day | None
    successors: list[str]
    verified: bool
    dates_verified: bool
    source: str


class AgencyDetailShape(AgencyShape):
    """All that the catalogue says of an agency, and why it cannot be written to today, if so."""

    legacy13: str | None
    aliases: list[str]
    children: list[str]
    registry: str
    problem: ProblemShape | None


class ResolutionShape(TypedDict):
    """What a written code means; ``problem`` says why it means nothing."""

    text: str
    agency: AgencyShape | None
    problem: ProblemShape | None


class ImportedRowShape(TypedDict):
    """What became of one row of an imported list."""

    line: int
    text: str
    name: str
    code: str | None
    outcome: RowResult
    detail: str


class ImportShape(TypedDict):
    """What became of an imported list; the last object that ``agency import`` prints."""

    rows: int
    counts: dict[str, int]
    agencies: int
    aliases: int
    folder: str
    written: bool


def agency_shape(one: Agency) -> AgencyShape:
    return {
        "code": one.code,
        "name": one.name,
        "level": one.level,
        "parent": one.parent,
        "state": one.state,
        "valid_from": _day(one.valid_from),
        "valid_to": _day(one.valid_to),
        "successors": list(one.successors),
        "verified": one.verified,
        "dates_verified": one.dates_verified,
        "source": one.source,
    }


def agency_detail_shape(
    one: Agency,
    problem: Finding | None,
    *,
    legacy13: str | None,
    aliases: Iterable[str],
    children: Iterable[str],
    registry: str,
) -> AgencyDetailShape:
    return {
        **agency_shape(one),
        "legacy13": legacy13,
        "aliases": list(aliases),
        "children": list(children),
        "registry": registry,
        "problem": problem_or_none(problem),
    }


def resolution_shape(text: str, found: Agency | Finding) -> ResolutionShape:
    if isinstance(found, Finding):
        return {"text": text, "agency": None, "problem": problem_or_none(found)}
    return {"text": text, "agency": agency_shape(found), "problem": None}


def imported_row_shape(row: RowVerdict) -> ImportedRowShape:
    return {
        "line": row.line,
        "text": row.code_text,
        "name": row.name,
        "code": row.canonical or None,
        "outcome": row.verdict,
        "detail": row.detail,
    }


def import_shape(report: ImportReport, folder: str, *, written: bool) -> ImportShape:
    return {
        "rows": len(report.rows),
        "counts": {str(verdict): count for verdict, count in report.counts.items()},
        "agencies": len(report.agencies),
        "aliases": len(report.aliases),
        "folder": folder,
        "written": written,
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
