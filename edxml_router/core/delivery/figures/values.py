"""What a report asks, and what was counted: values only.

A document counts in the month in which this node accepted it, by the local time of Vietnam, and its deliveries count
with it, however long they take: so the figures of a month add up, and those of a young month change until its last
delivery has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from edxml_router.core.delivery.figures.deadlines import Deadlines

Group = Literal["month", "level", "agency", "urgency", "kind"]
GROUPS: Final[tuple[Group, ...]] = ("month", "level", "agency", "urgency", "kind")

STATUS: Final = "status"
# By the number of the business (``BussinessDocType``).
LETTER_KINDS: Final = ("new", "recall", "update", "replacement")
KINDS: Final = (*LETTER_KINDS, STATUS)

BY_LAW: Final = Deadlines()

GroupKey = tuple[str | int, ...]  # one value for each group asked for, in their order
PaperCounts = Mapping[tuple[str, str], int]  # by month and agency


@dataclass(frozen=True, slots=True)
class ReportQuestion:
    """``first`` and ``last`` month, both included, as ``2026-11``; ``groups`` in the order of :data:`GROUPS`;
    ``agency`` with all below it, empty for all; ``paper``: documents sent on paper only, as the agencies count them;
    ``counted_at`` decides what is late by now."""

    first: str
    last: str
    counted_at: datetime
    groups: tuple[Group, ...] = ("month",)
    agency: str = ""
    kinds: tuple[str, ...] = LETTER_KINDS
    deadlines: Deadlines = BY_LAW
    paper: PaperCounts = field(default_factory=dict)


@dataclass(slots=True)
class Side:
    """The figures of what agencies sent, or of what came for them.

    Every delivery is one of ``on_time``, ``late``, ``refused``, ``cancelled`` and ``waiting``. ``refusals`` are the
    refused ones by problem code. The delays are those of what was taken, in whole seconds; None where nothing was.
    ``entries`` is how many entries of the journal these figures rest on, between the positions ``begin`` and ``end``,
    both included; None where there are none.
    """

    documents: int = 0
    signed: int = 0
    recalled: int = 0
    deliveries: int = 0
    on_time: int = 0
    late: int = 0
    refused: int = 0
    cancelled: int = 0
    waiting: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    median_seconds: int | None = None
    p95_seconds: int | None = None
    entries: int = 0
    begin: int | None = None
    end: int | None = None

    def rests_on(self, entries: int, begin: int, end: int) -> None:
        """Some more entries, between these positions."""
        self.entries += entries
        self.begin = begin if self.begin is None else min(self.begin, begin)
        self.end = end if self.end is None else max(self.end, end)


@dataclass(slots=True)
class ReportRow:
    """The figures of one group: ``paper`` is what its agencies sent on paper only, None where that is not known of
    every agency and month in it."""

    key: GroupKey
    sent: Side = field(default_factory=Side)
    received: Side = field(default_factory=Side)
    paper: int | None = None


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Input that was refused and never accepted: of no agency, since nobody knows who sent it."""

    month: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted from the first ``size`` entries of the journal; ``root`` (hex) is that of the tree over exactly
    the bytes that were read. ``untold`` entries are of versions that did not write what is counted."""

    size: int
    root: str
    total: ReportRow
    rows: tuple[ReportRow, ...]
    turned_away: tuple[TurnedAway, ...]
    untold: int


def rounded_share(part: int, whole: int) -> float | None:
    """A share between 0 and 1, to four digits; None of nothing."""
    return round(part / whole, 4) if whole else None


def nearest_rank(ordered: list[int], percent: int) -> int | None:
    """The percentile by nearest rank: the smallest value that so many percent do not exceed. None of nothing."""
    if not ordered:
        return None
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
