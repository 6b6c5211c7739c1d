"""The files of a report: an agency's own count of what went on paper, its holidays, and reports that were made.

    paper = read_paper(path, canonical)      # month,agency,documents
    holidays = read_holidays(path)           # a day on each line
    told, question = read_report(path)       # JSON, as `report make --json` prints it

They come from people, or from whoever has changed them, so each is read within bounds and nothing in it is guessed.
Raises Refusal EDX667 with the line; EDX902 where there is no such file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from edxml_router.core.delivery.figures.deadlines import Deadlines
from edxml_router.core.delivery.figures.values import GROUPS, KINDS, PaperCounts, ReportQuestion
from edxml_router.core.detail import Detail, said
from edxml_router.core.problems import Refusal
from edxml_router.core.wording import in_words
from edxml_router.shapes.evidence.report import REPORT_FORMAT

MOST_BYTES: Final = 64 * 1024 * 1024
MOST_LINES: Final = 200_000
_ENTRIES_MAX: Final = 2**62  # more than any journal has, and less than a database takes
_MONTH: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_COLUMNS: Final = ("month", "agency", "documents")


def read_month(text: str) -> str:
    """A month as ``2026-11``. Raises ValueError."""
    if not _MONTH.fullmatch(text):
        raise ValueError(Detail("{value} is not a month (2026-11)", value=repr(text)))
    return text


def read_paper(path: Path, canonical: Callable[[str], str]) -> PaperCounts:
    """How many documents each agency sent on paper only, by month. The first line names the columns."""
    counts: dict[tuple[str, str], int] = {}
    lines = csv.reader(io.StringIO(_text(path)))
    for number, line in enumerate(lines, 1):
        if number == 1 and tuple(each.strip() for each in line) != _COLUMNS:
            raise _wrong(path, number, Detail("the first line is not {columns}", columns=",".join(_COLUMNS)))
        if number == 1 or not line:
            continue
        if number > MOST_LINES:
            raise _wrong(path, number, Detail("more than {most} lines", most=MOST_LINES))
        try:
            month, agency, documents = (each.strip() for each in line)
            key = read_month(month), canonical(agency)
        except ValueError as error:
            wrong = said(error) if isinstance(said(error), Detail) else Detail("not three values")
            raise _wrong(path, number, wrong) from error
        if not re.fullmatch("[0-9]{1,9}", documents):
            raise _wrong(path, number, Detail("{value} is not a number of documents", value=repr(documents[:20])))
        if key in counts:
            raise _wrong(path, number, Detail("{agency} in {month} stands there twice", agency=key[1], month=key[0]))
        counts[key] = int(documents)
    return counts


def read_holidays(path: Path) -> frozenset[date]:
    """Days without work; blank lines, and what follows a #, mean nothing."""
    days = set()
    for number, line in enumerate(_text(path).splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        try:
            days.add(date.fromisoformat(text))
        except ValueError as error:
            wrong = Detail("{value} is not a day (2026-09-02)", value=repr(text[:20]))
            raise _wrong(path, number, wrong) from error
    return frozenset(days)


def read_report(path: Path) -> tuple[Mapping[str, Any], ReportQuestion]:
    """What a report says, and the question that it answers."""
    try:
        told = json.loads(_text(path))
        if told["format"] != REPORT_FORMAT:
            raise ValueError(told["format"])
        question = _question(told)
        if not isinstance(told["size"], int) or isinstance(told["size"], bool) or not 0 <= told["size"] <= _ENTRIES_MAX:
            raise ValueError(told["size"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise _wrong(path, 1, Detail("not a report as `report make --json` prints it")) from error
    return told, question


def _question(told: Mapping[str, Any]) -> ReportQuestion:
    ordinary, urgent = (_seconds(told[name]) for name in ("ordinary_seconds", "urgent_seconds"))
    if not set(told["groups"]) <= set(GROUPS) or not set(told["kinds"]) <= set(KINDS) or not told["kinds"]:
        raise ValueError(told["groups"])
    counted_at = datetime.fromisoformat(told["counted_at"])
    if counted_at.tzinfo is None:
        raise ValueError(told["counted_at"])
    return ReportQuestion(
        read_month(told["first_month"]),
        read_month(told["last_month"]),
        counted_at,
        tuple(group for group in GROUPS if group in told["groups"]),
        str(told["agency"] or ""),
        tuple(kind for kind in KINDS if kind in told["kinds"]),
        Deadlines(ordinary, urgent, frozenset(map(date.fromisoformat, told["holidays"]))),
        {(str(one["month"]), str(one["agency"])): int(one["documents"]) for one in told["paper"]},
    )


def _seconds(value: int | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refusal("EDX902", where=str(path), detail=in_words(error)) from error
    if len(data) > MOST_BYTES:
        raise _wrong(path, 1, Detail("more than {most} bytes", most=MOST_BYTES))
    try:
        return data.decode("utf-8-sig")  # as spreadsheets write it
    except UnicodeDecodeError as error:
        raise _wrong(path, 1, Detail("not UTF-8")) from error


def _wrong(path: Path, line: int, detail: str) -> Refusal:
    return Refusal("EDX667", where=Detail("{file}, line {line}", file=str(path), line=line), detail=detail)
