"""The catalogue's tables: their columns, how a row becomes a value, and back.

``AGENCIES.read(cells)`` gives an :class:`Agency`, ``AGENCIES.cells(agency)`` the row again; the same for ``ALIASES``,
``SUCCESSIONS`` and ``LEVELS``. Dates are ``yyyy-mm-dd`` or empty, choices ``yes`` and ``no``. An empty ``parent`` means
what the code's dots say. Fails with ValueError, or with Refusal EDX503 for a malformed code; the reader of the file
adds the line.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

from edxml_router.core.agencies.agency import Agency, AgencyState, Alias, Level, Succession, fold, superior_code
from edxml_router.core.agencies.code import AgencyCode, is_canonical, is_safe
from edxml_router.core.detail import Detail

Value = TypeVar("Value", Agency, Alias, Succession, Level)
Choice = TypeVar("Choice")


class Words(dict[str, Choice]):
    """The words that a column may hold, with their meanings. Looking up any other is a ValueError."""

    def __missing__(self, word: str) -> Choice:
        raise ValueError(Detail("{word} is none of {value}", word=ascii(word[:20]), value=", ".join(self)))


STATES = Words({state.value: state for state in AgencyState})
YES_NO = Words({"yes": True, "no": False})
SHARES = Words({share: share for share in ("whole", "main", "part")})


@dataclass(frozen=True)  # no slots: Table[Agency](…) sets an attribute of typing's on the instance
class AgencyTable(Generic[Value]):
    """One file of a catalogue. ``key`` is unique, and files are sorted by it."""

    file: str
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], Value]
    cells: Callable[[Value], tuple[str, ...]]
    key: Callable[[Value], Any]


@cache
def day(text: str) -> date | None:
    """A date, or None for an empty text. The ValueError says what was expected."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(Detail("{text} is not a date; write yyyy-mm-dd", text=ascii(text[:20]))) from None


def usual_parent(code: str) -> str | None:
    """The code above, by the dots alone; for an old code with a hole the level-1 code, for opaque ones None."""
    if is_canonical(code):
        return superior_code(code)
    parsed = AgencyCode.parse(code)
    return parsed.top if parsed.has_hole else None


def _agency(cells: Sequence[str]) -> Agency:
    code, name, level, parent, state, valid_from, valid_to, verified, dates_verified, source = cells
    if is_canonical(code):
        above = parent or superior_code(code)
    else:
        code = _known_as(code)
        above = parent or usual_parent(code)
    if not name:
        raise ValueError(Detail("the row has no name"))
    return Agency(
        code,
        name,
        sys.intern(level),  # of 150,000 rows most share level, superior and source
        sys.intern(above) if above else None,
        STATES[state],
        day(valid_from),
        day(valid_to),
        (),
        YES_NO[verified],
        YES_NO[dates_verified],
        sys.intern(source),
    )


def _agency_cells(agency: Agency) -> tuple[str, ...]:
    return (
        agency.code,
        agency.name,
        agency.level,
        "" if agency.parent == usual_parent(agency.code) else agency.parent or "",
        agency.state,
        _iso(agency.valid_from),
        _iso(agency.valid_to),
        _yes_no(agency.verified),
        _yes_no(agency.dates_verified),
        agency.source,
    )


def _alias(cells: Sequence[str]) -> Alias:
    alias, canonical, valid_from, valid_to, source = cells
    if not is_safe(alias):
        raise ValueError(
            Detail("{alias} cannot be an alias: letters, digits, dots, - and _ only", alias=ascii(alias[:40]))
        )
    return Alias(alias, _known_as(canonical), day(valid_from), day(valid_to), sys.intern(source))


def _alias_cells(alias: Alias) -> tuple[str, ...]:
    return (alias.alias, alias.canonical, _iso(alias.valid_from), _iso(alias.valid_to), alias.source)


def _succession(cells: Sequence[str]) -> Succession:
    code, successor, since, share, verified, source = cells
    ends = _known_as(code), _known_as(successor)
    return Succession(*ends, day(since), SHARES[share], YES_NO[verified], source)


def _succession_cells(step: Succession) -> tuple[str, ...]:
    return (step.code, step.successor, _iso(step.since), step.share, _yes_no(step.verified), step.source)


def _level(cells: Sequence[str]) -> Level:
    name, title_vi, title_en, valid_from, valid_to, letters, starts, source = cells
    name_starts = tuple(fold(start.strip()) for start in starts.split("|") if start.strip())
    return Level(name, title_vi, title_en, day(valid_from), day(valid_to), letters, name_starts, source)


def _level_cells(level: Level) -> tuple[str, ...]:
    starts = "|".join(level.name_starts)
    ends = (_iso(level.valid_from), _iso(level.valid_to))
    return (level.name, level.title_vi, level.title_en, *ends, level.letters, starts, level.source)


def _known_as(text: str) -> str:
    return AgencyCode.parse(text).known_as()


def _iso(value: date | None) -> str:
    return value.isoformat() if value else ""


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


AGENCIES = AgencyTable[Agency](
    "agencies.csv",
    (
        "code",
        "name",
        "level",
        "parent",
        "state",
        "valid_from",
        "valid_to",
        "verified",
        "dates_verified",
        "source",
    ),
    _agency,
    _agency_cells,
    attrgetter("code"),
)
ALIASES = AgencyTable[Alias](
    "aliases.csv",
    ("alias", "canonical", "valid_from", "valid_to", "source"),
    _alias,
    _alias_cells,
    lambda alias: (alias.alias, alias.valid_from or date.min),
)
SUCCESSIONS = AgencyTable[Succession](
    "successions.csv",
    ("code", "successor", "since", "share", "verified", "source"),
    _succession,
    _succession_cells,
    attrgetter("code", "successor"),
)
LEVELS = AgencyTable[Level](
    "levels.csv",
    ("level", "title_vi", "title_en", "valid_from", "valid_to", "letters", "name_starts", "source"),
    _level,
    _level_cells,
    attrgetter("name"),
)
FILES = tuple(table.file for table in (AGENCIES, ALIASES, SUCCESSIONS, LEVELS))
