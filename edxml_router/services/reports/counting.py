"""Count the figures of a report from the journal.

    figures = count(views, ReportQuestion("2026-10", "2026-11", now), progress)

One pass over the entries fills a :class:`~edxml_router.services.reports.ground.CountingGround` on disk; then each group
is added up. In memory are the rows of the answer, at most :data:`MOST_ROWS`, and the delays of one group. Raises
Refusal EDX667 for more rows; Setback EDX605 where the entries do not lead to the checkpoint's root, EDX601, and what
the views raise.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from edxml_router.core.agencies.code import level_of
from edxml_router.core.delivery.figures.values import (
    GROUPS,
    LETTER_KINDS,
    Figures,
    Group,
    GroupKey,
    ReportQuestion,
    ReportRow,
    Side,
    nearest_rank,
)
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback
from edxml_router.ports.views import Views
from edxml_router.services.reports.ground import CountingGround, opened_ground
from edxml_router.services.reports.reading import OPEN, JournalReading

MOST_ROWS: Final = 100_000
_MEDIAN: Final = 50
_TAIL: Final = 95

# A group's value, of what was sent (the sender's) and of what was received (the recipient's).
_SENT: Final[Mapping[Group, str]] = {
    "month": "o.month", "level": "o.level", "agency": "o.agency", "urgency": "o.urgency", "kind": "o.kind",
}  # fmt: skip
_RECEIVED: Final = {**_SENT, "level": "v.level", "agency": "v.agency"}

_PAIRS: Final = "deliveries v JOIN documents o ON o.digest = v.digest"
_BASIS: Final = "count(*), sum(signed), count(recall), min(position), max(max(position, coalesce(recall, 0)))"

Rows = dict[GroupKey, ReportRow]


def count(views: Views, question: ReportQuestion, progress: Callable[[int], None], size: int | None = None) -> Figures:
    """Count from the first ``size`` entries, without one from all under the newest checkpoint. ``progress`` gets how
    many more were read."""
    mark = views.checkpoint(size)
    if size is None:
        size = mark.size if mark else 0
    with opened_ground() as ground:
        reading = JournalReading(question, ground)
        reading.read(views, size, progress)
        root = reading.tree.root().hex()
        if mark is not None and mark.root != root:
            detail = Detail("the root does not fit the entries before it")
            raise Setback("EDX605", where=Detail("checkpoint {size}", size=size), detail=detail)
        [total] = _grouped(ground, question, ()).values()
        rows = _grouped(ground, question, question.groups) if question.groups else {}
        # Nothing says whose input it was that was never accepted.
        turned_away = () if question.agency else reading.turned_away()
    return Figures(size, root, total, tuple(rows[key] for key in sorted(rows)), turned_away, reading.untold)


def _grouped(ground: CountingGround, question: ReportQuestion, groups: Sequence[Group]) -> Rows:
    rows: Rows = {} if groups else {(): ReportRow(())}
    for columns, side in ((_SENT, "sent"), (_RECEIVED, "received")):
        named = [columns[group] for group in groups]
        for key, values in _documents(ground, question, side, named):
            _add_documents(getattr(_row(rows, key), side), values)
        for key, deliveries in _deliveries(ground, question, side, named):
            _add_deliveries(getattr(_row(rows, key), side), deliveries, question)
    if set(groups) <= {"month", "level", "agency"} and set(question.kinds) == set(LETTER_KINDS):
        _add_paper(ground, question, groups, rows)
    return rows


def _row(rows: Rows, key: GroupKey) -> ReportRow:
    if key not in rows:
        if len(rows) >= MOST_ROWS:
            detail = Detail("more than {most} rows: ask for fewer months or groups, or one agency", most=MOST_ROWS)
            raise Refusal("EDX667", where="--by", detail=detail)
        rows[key] = ReportRow(key)
    return rows[key]


def _condition(question: ReportQuestion, agency: str) -> tuple[str, list[Any]]:
    """The documents and agencies asked for; ``agency`` is the column that counts on this side."""
    marks = ", ".join("?" * len(question.kinds))
    where = f"o.month BETWEEN ? AND ? AND o.kind IN ({marks})"
    values: list[Any] = [question.first, question.last, *question.kinds]
    if question.agency:  # with all below it: "H53." to "H53/", the character behind the dot
        where += f" AND ({agency} = ? OR ({agency} >= ? AND {agency} < ?))"
        values += [question.agency, f"{question.agency}.", f"{question.agency}/"]
    return where, values


def _documents(
    ground: CountingGround, question: ReportQuestion, side: str, named: Sequence[str]
) -> Iterator[tuple[GroupKey, Sequence[Any]]]:
    """By group: how many, signed, recalled, and their positions. A document that came for several agencies of a group
    is one."""
    where, values = _condition(question, "o.agency" if side == "sent" else "v.agency")
    keys = "".join(f"{name} AS k{number}, " for number, name in enumerate(named))
    source = "documents o" if side == "sent" else _PAIRS
    inner = f"SELECT DISTINCT {keys} o.digest, signed, recall, position FROM {source} WHERE {where}"  # noqa: S608  # ours
    shown = "".join(f"k{number}, " for number in range(len(named)))
    by = f" GROUP BY {shown[:-2]}" if named else ""
    for row in ground.rows(f"SELECT {shown} {_BASIS} FROM ({inner}){by}", values):  # noqa: S608  # ours
        yield row[: len(named)], row[len(named) :]


def _deliveries(
    ground: CountingGround, question: ReportQuestion, side: str, named: Sequence[str]
) -> Iterator[tuple[GroupKey, Iterator[Sequence[Any]]]]:
    """By group: its deliveries."""
    where, values = _condition(question, "o.agency" if side == "sent" else "v.agency")
    keys = "".join(f"{name}, " for name in named)
    order = f" ORDER BY {keys[:-2]}" if named else ""
    columns = "state, begun, due, ended, code, begin_position, end_position, entries"
    found = ground.rows(f"SELECT {keys} {columns} FROM {_PAIRS} WHERE {where}{order}", values)  # noqa: S608  # ours
    for key, rows in groupby(found, lambda row: row[: len(named)]):
        yield key, (row[len(named) :] for row in rows)


def _add_documents(side: Side, values: Sequence[Any]) -> None:
    documents, signed, recalled, begin, end = values
    if documents:
        side.documents, side.signed, side.recalled = documents, signed, recalled
        side.rests_on(documents + recalled, begin, end)


def _add_deliveries(side: Side, deliveries: Iterator[Sequence[Any]], question: ReportQuestion) -> None:
    now = math.floor(question.counted_at.timestamp() * 1000)
    delays = array("q")  # whole seconds, eight bytes each
    for state, begun, due, ended, code, begin, end, entries in deliveries:
        side.deliveries += 1
        side.rests_on(entries, begin, end)
        if state == State.RETURNED:
            side.refused += 1
            side.refusals[code] = side.refusals.get(code, 0) + 1
        elif state == State.CANCELLED:
            side.cancelled += 1
        elif state == OPEN and now <= due:
            side.waiting += 1
        elif state == State.CONFIRMED and ended <= due:
            side.on_time += 1
        else:
            side.late += 1
        if state == State.CONFIRMED:
            delays.append(max(0, ended - begun) // 1000)  # the clocks of two nodes may differ
    ordered = sorted(delays)
    side.median_seconds, side.p95_seconds = nearest_rank(ordered, _MEDIAN), nearest_rank(ordered, _TAIL)


def _add_paper(ground: CountingGround, question: ReportQuestion, groups: Sequence[Group], rows: Rows) -> None:
    """What was sent on paper only, in the groups of which the agencies' own counts are complete."""
    counted: dict[GroupKey, int] = {}
    for (month, agency), documents in question.paper.items():
        within = agency == question.agency or agency.startswith(f"{question.agency}.") or not question.agency
        if question.first <= month <= question.last and within:
            key = _key(groups, month, level_of(agency), agency)
            counted[key] = counted.get(key, 0) + documents
            _row(rows, key)  # of an agency that sent nothing here, all went on paper
    where, values = _condition(question, "o.agency")
    query = f"SELECT DISTINCT o.month, o.level, o.agency FROM documents o WHERE {where}"  # noqa: S608  # ours
    incomplete = {
        _key(groups, month, level, agency)
        for month, level, agency in ground.rows(query, values)
        if (month, agency) not in question.paper
    }
    for key, row in rows.items():
        row.paper = None if key in incomplete else counted.get(key)


def _key(groups: Sequence[Group], month: str, level: int, agency: str) -> GroupKey:
    told: Mapping[str, str | int] = {"month": month, "level": level, "agency": agency}
    return tuple(told[group] for group in GROUPS if group in groups)
