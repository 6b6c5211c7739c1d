"""The catalogue of agencies as the axis lists it.

    spelling = Spelling(registry, day)
    spelling.written("H53.31.22", old=True)          # 000.22.31.H53
    rows = listed_agencies(registry, spelling, day, level=2)

An e-office has its agencies either by the 13 characters of QCVN 102:2016 or by the codes of QĐ 20/2020, and must find
in a letter what its own list has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from threading import Lock
from typing import Final, NamedTuple

from edxml_router.core.agencies.agency import Agency
from edxml_router.core.agencies.code import AgencyCode, CodeForm
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.problems import Refusal


class ListedAgency(NamedTuple):
    """An agency in a list: ``old`` is its code of 13 characters, or empty where it has none."""

    agency: Agency
    old: str
    top: str
    closed: bool


class Spelling:
    """How codes are written for those who know agencies by their old codes; made once for a registry."""

    def __init__(self, registry: Registry, day: date) -> None:
        self.registry = registry
        self._day = day
        self._old = {one.canonical: one.alias for one in registry.valid_aliases(day) if is_old(one.alias)}

    def old(self, code: str) -> str:
        """The 13 characters of a canonical code; empty where it has none that still means it: provinces have
        renumbered, and what the rule would write may be another agency's today."""
        known = self._old.get(code)
        if known is None:
            try:
                rule = AgencyCode.parse(code).legacy13()
            except Refusal:
                rule = None
            known = self._old[code] = rule if rule and self.registry.meaning(rule, self._day) == code else ""
        return known

    def written(self, code: str, *, old: bool) -> str:
        """A canonical code in the form that somebody knows it by, as far as there is one."""
        return (self.old(code) or code) if old else code


class AxisCatalogue:
    """A registry on a day, with the lists that were made of it: each once, however many ask at the same time."""

    MOST: Final = 16  # lists; a client chooses among few

    def __init__(self, registry: Registry, day: date) -> None:
        self.registry, self.day = registry, day
        self.spelling = Spelling(registry, day)
        self._made: dict[str, bytes] = {}
        self._making = Lock()

    def made(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The list of this name."""
        with self._making:
            if name not in self._made:
                if len(self._made) >= self.MOST:
                    self._made.clear()
                self._made[name] = make()
            return self._made[name]


def is_old(text: str) -> bool:
    """Whether a code is written in 13 characters."""
    try:
        code = AgencyCode.parse(text)
    except Refusal:
        return False
    return code.form is CodeForm.LEGACY13 and code.legacy13() is not None


def listed_agencies(spelling: Spelling, day: date, *, level: int = 0, closed: bool = False) -> Iterator[ListedAgency]:
    """The agencies that are open on a day, or all; ``level`` 1 for ministries and provinces, 2 for what is below."""
    for agency in spelling.registry:
        code = AgencyCode.parse(agency.code)
        ended = agency.closed_on(day)
        if (closed or not ended) and level in (0, code.level):
            yield ListedAgency(agency, spelling.old(agency.code), code.top, ended)
