"""A report as tables of words, for the terminal, the page to print, and spreadsheets.

    for table in tables(report, "vi"): table.title, table.names, table.rows

A table has at most nine columns, so that it fits a terminal of 80 and a page of A4. Numbers are written as the
language writes them; a value that is not known is a dash, never a nought.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from edxml_router.core.delivery.figures.deadlines import VIETNAM
from edxml_router.core.delivery.figures.values import GROUPS, Group
from edxml_router.core.detail import Detail
from edxml_router.core.problems import PROBLEMS
from edxml_router.language.catalogues import told
from edxml_router.observe.escape import spreadsheet_text
from edxml_router.shapes.evidence.report import ReportRowShape, ReportShape, SideShape

UNKNOWN: Final = "–"
SideName = Literal["sent", "received"]

WORDS: Final[Mapping[str, Detail]] = {
    "title": Detail("Report on the exchange of electronic documents"),
    "total": Detail("total"),
    "group": Detail("group"),
    "month": Detail("month"),
    "level": Detail("level"),
    "ordinary": Detail("ordinary"),
    "urgent": Detail("urgent"),
    "new": Detail("new document"),
    "recall": Detail("recall"),
    "update": Detail("update"),
    "replacement": Detail("replacement"),
    "status": Detail("status"),
    "documents": Detail("documents"),
    "signed": Detail("signed"),
    "signed_share": Detail("signed share"),
    "recalled": Detail("recalled"),
    "paper": Detail("on paper only"),
    "electronic_share": Detail("electronic share"),
    "deliveries": Detail("deliveries"),
    "on_time": Detail("on time"),
    "late": Detail("late"),
    "refused": Detail("refused"),
    "cancelled": Detail("cancelled"),
    "waiting": Detail("waiting"),
    "median_seconds": Detail("median h:min"),
    "p95_seconds": Detail("p95 h:min"),
    "cause": Detail("cause"),
    "count": Detail("number"),
}
_SENT: Final = Detail("Documents sent")
_RECEIVED: Final = Detail("Documents received")
_SENT_OUTCOMES: Final = Detail("What became of the deliveries of what was sent")
_RECEIVED_OUTCOMES: Final = Detail("What became of the deliveries of what was received")
_REFUSALS: Final = Detail("Refused deliveries by cause")
_TURNED_AWAY: Final = Detail("Input that was refused before it was accepted")
_DOCUMENTS: Final = ("documents", "signed", "signed_share", "recalled")
_OUTCOMES: Final = ("deliveries", "on_time", "late", "refused", "cancelled", "waiting", "median_seconds", "p95_seconds")
_PAPER: Final = ("paper", "electronic_share")


@dataclass(frozen=True, slots=True)
class ReportTable:
    """``rows`` begin with what they are about; the other columns are numbers."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[str]]


def tables(report: ReportShape, language: str, most: int | None = None) -> Iterator[ReportTable]:
    """Every table, of each at most so many rows, and only those with something to tell; the total is the last row."""
    kept = report["rows"][:most]
    rows = [*kept, report["total"]]
    yield _figures(language, _SENT, rows, "sent", _DOCUMENTS + _PAPER)
    yield _figures(language, _SENT_OUTCOMES, rows, "sent", _OUTCOMES)
    yield _figures(language, _RECEIVED, rows, "received", _DOCUMENTS)
    yield _figures(language, _RECEIVED_OUTCOMES, rows, "received", _OUTCOMES)
    causes = sorted(report["total"]["sent"]["refusals"], key=lambda one: (-one["count"], one["code"]))
    if causes:
        yield _causes(language, _REFUSALS, [(one["code"], one["count"]) for one in causes[:most]])
    counts: dict[str, int] = {}
    for one in report["turned_away"]:
        counts[one["code"]] = counts.get(one["code"], 0) + one["count"]
    if counts:
        yield _causes(language, _TURNED_AWAY, sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:most])


def scope(report: ReportShape, language: str) -> list[str]:
    """What was counted, from what, and by which terms: the sentences around the tables."""
    total = report["total"]
    counted_at = datetime.fromisoformat(report["counted_at"]).astimezone(VIETNAM).replace(tzinfo=None)
    said = [
        Detail(
            "Months {first} to {last}, local time of Vietnam (UTC+7). Counted at {at}.",
            first=_value(language, "month", report["first_month"]),
            last=_value(language, "month", report["last_month"]),
            at=counted_at,
        ),
        Detail("Of agency {agency} and those below it.", agency=report["agency"])
        if report["agency"] else Detail("Of all agencies whose mail this node passed."),
        Detail("On time: ordinary {ordinary}; urgent {urgent}.", **_terms(report)),
        Detail(
            "Counted from the first {size} entries of the journal, root {root}.",
            size=grouped_number(language, report["size"]), root=f"{report['size']}:{report['root']}",
        ),
        _rests_on(language, Detail("The total of what was sent"), total["sent"]),
        _rests_on(language, Detail("The total of what was received"), total["received"]),
    ]  # fmt: skip
    if report["untold"]:
        said.append(
            Detail(
                "Not counted: {count} entries of versions that did not write what is counted.", count=report["untold"]
            )
        )
    return [told(language, each) for each in said]


def group_name(row: ReportRowShape, language: str) -> str:
    """What a row is about."""
    return ", ".join(_value(language, group, row[group]) for group in _group(row)) or label(language, "total")


def _group(row: ReportRowShape) -> list[Group]:
    """What tells this row from others; nothing for the total."""
    return [group for group in GROUPS if row[group] is not None]


def label(language: str, key: str) -> str:
    return told(language, WORDS[key])


def grouped_number(language: str, value: int | None) -> str:
    """A whole number with its thousands apart."""
    if value is None:
        return UNKNOWN
    return f"{value:,}".replace(",", ".") if language == "vi" else f"{value:,}"


def percent(language: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    text = f"{100 * value:.1f} %"
    return text.replace(".", ",") if language == "vi" else text


def hours(value: int | None) -> str:
    """Seconds as hours and minutes, the minute that was begun left out."""
    return UNKNOWN if value is None else f"{value // 3600}:{value % 3600 // 60:02}"


def csv_text(report: ReportShape) -> str:
    """The rows for a spreadsheet: numbers as JSON has them, what is not known left empty. Without the total, which a
    program would add up with the rest."""
    out = io.StringIO()
    written = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    sides: tuple[SideName, ...] = ("sent", "received")
    fields = [name for name in SideShape.__annotations__ if name != "refusals"]
    named = [f"{side}_{field}" for side in sides for field in (*fields, "refusals")]
    written.writerow([*GROUPS, *named, "paper", "electronic_share", "journal_size", "journal_root"])
    for row in report["rows"] or [report["total"]]:
        figures = [value for side in sides for value in _flat(row[side], fields)]
        last = (row["paper"], row["electronic_share"], report["size"], report["root"])
        written.writerow([*(_cell(row[group]) for group in GROUPS), *figures, *last])
    return out.getvalue()


def _flat(side: SideShape, fields: Iterable[str]) -> list[Any]:
    figures: Mapping[str, Any] = side
    causes = " ".join(f"{one['code']}:{one['count']}" for one in side["refusals"])
    return [*(figures[name] for name in fields), causes]


def _cell(value: str | int | None) -> str | int | None:
    """A code of the neighbours' is never a formula."""
    return spreadsheet_text(value) if isinstance(value, str) else value


def _figures(
    language: str, title: Detail, rows: Iterable[ReportRowShape], side: SideName, names: Sequence[str]
) -> ReportTable:
    heads = [label(language, "group"), *(label(language, name) for name in names)]
    told_rows = [
        [group_name(row, language), *_cells(language, row, side, names)]
        for row in rows
        if row[side]["documents"] or (side == "sent" and row["paper"]) or not _group(row)
    ]
    return ReportTable(told(language, title), heads, told_rows)


def _cells(language: str, row: ReportRowShape, side: SideName, names: Sequence[str]) -> Iterator[str]:
    figures: Mapping[str, Any] = {**row[side], "paper": row["paper"], "electronic_share": row["electronic_share"]}
    for name in names:
        if name.endswith("_share"):
            yield percent(language, figures[name])
        elif name.endswith("_seconds"):
            yield hours(figures[name])
        else:
            yield grouped_number(language, figures[name])


def _causes(language: str, title: Detail, counts: Iterable[tuple[str, int]]) -> ReportTable:
    rows = [[_cause(language, code), grouped_number(language, count)] for code, count in counts]
    return ReportTable(told(language, title), [label(language, "cause"), label(language, "count")], rows)


def _cause(language: str, code: str) -> str:
    """A neighbour of a newer version may know codes that this one does not."""
    return f"{code} {PROBLEMS[code].title[language]}" if code in PROBLEMS else code or UNKNOWN


def _value(language: str, group: str, value: str | int | None) -> str:
    if group == "level":
        return f"{label(language, 'level')} {value}"
    if group == "month":
        year, _, month = str(value).partition("-")
        return f"{month}/{year}" if language == "vi" else str(value)
    return label(language, str(value)) if group in ("urgency", "kind") else str(value)


def _terms(report: ReportShape) -> Mapping[str, Detail]:
    def within(seconds: int | None, law: Detail) -> Detail:
        return law if seconds is None else Detail("within {hours} h:min", hours=hours(seconds))

    return {
        "ordinary": within(report["ordinary_seconds"], Detail("until the end of the next working day")),
        "urgent": within(report["urgent_seconds"], Detail("until the end of the same day")),
    }


def _rests_on(language: str, what: Detail, side: SideShape) -> Detail:
    if side["begin"] is None:
        return Detail("{what} rests on no entry.", what=what)
    return Detail(
        "{what} rests on {count} entries at positions {begin} to {end}.",
        what=what, count=grouped_number(language, side["entries"]), begin=side["begin"], end=side["end"],
    )  # fmt: skip
