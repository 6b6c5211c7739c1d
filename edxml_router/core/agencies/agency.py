"""The rows of the catalogue: agencies, their other codes, their successors, and levels.

Plain values; :mod:`edxml_router.core.agencies.registry` answers questions about them. Dates are inclusive at both
ends: ``valid_to`` is the last day. ``None`` means unbounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from edxml_router.core.normal_forms import normal


class AgencyState(StrEnum):
    """Whether a code is in use. A closed code is never given to another agency (QĐ 20/2020 art. 6)."""

    ACTIVE = "active"
    CLOSED = "closed"  # with valid_to: from the day after; without: since always, the day is not known


class Agency(NamedTuple):
    """An agency: a ministry, a People's Committee, one of their units, an organisation.

    A tuple: a national catalogue has 150,000 of them, and a frozen dataclass takes five times as long.

    ``code`` is canonical; an old code that no rule can map stands as it is written. ``level`` names a row of the
    levels, ``parent`` the code above. ``verified`` says whether code and name were seen together in a primary source;
    ``dates_verified`` says the same of the dates.
    """

    code: str
    name: str
    level: str
    parent: str | None = None
    state: AgencyState = AgencyState.ACTIVE
    valid_from: date | None = None
    valid_to: date | None = None
    successors: tuple[str, ...] = ()
    verified: bool = False
    dates_verified: bool = False
    source: str = ""

    def closed_on(self, day: date) -> bool:
        """Whether the agency no longer exists on that day."""
        if self.valid_to is None:
            return self.state is AgencyState.CLOSED
        return day > self.valid_to


@dataclass(frozen=True, slots=True)
class Alias:
    """Another code by which an agency is addressed: an old number, or the code of a technical system."""

    alias: str
    canonical: str
    valid_from: date | None = None
    valid_to: date | None = None
    source: str = ""

    def valid_on(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Succession:
    """``successor`` took over the duties of ``code``: wholly, mainly, or some of them (``share``)."""

    code: str
    successor: str
    since: date | None = None
    share: str = "whole"
    verified: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the state, as data: a reform that ends one (the districts, 30 June 2025) is a date here.

    ``letters`` (of level-1 codes) and ``name_starts`` (folded, see :func:`fold`) identify the level of an agency when a
    list has only code and name; a level with neither takes whatever no other claims.
    """

    name: str
    title_vi: str
    title_en: str
    valid_from: date | None = None
    valid_to: date | None = None
    letters: str = ""
    name_starts: tuple[str, ...] = ()
    source: str = ""


def fold(text: str) -> str:
    """Lower case without diacritics: ``Sở Nội vụ`` and ``so noi vu`` are the same in a search."""
    decomposed = normal("NFD", text.casefold().replace("đ", "d"))
    return decomposed.encode("ascii", "ignore").decode()


def superior_code(code: str) -> str | None:
    """The code one group shorter: ``H53.31`` for ``H53.31.22``; None at level 1."""
    return code.rpartition(".")[0] or None
