"""Queries to the catalogue of agencies, and importing a list into a node's own.

    registry = open_registry(None, data)         # the packaged catalogue, with a node's or a folder's above it
    described = describe(registry, "H53.31.22")
    report, folder = import_list(settings, None, file)

Without settings and folder it is the packaged catalogue, and no driver is loaded. Raises Refusal EDX501 to EDX504 for
codes, EDX902, EDX905 and EDX906 for files, and what the settings raise.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.agencies.agency import Agency, Succession
from edxml_router.core.agencies.changes import AgencyChanges
from edxml_router.core.agencies.code import AgencyCode, is_under
from edxml_router.core.agencies.importing import ImportReport
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.detail import Detail
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Finding, Refusal
from edxml_router.resources import folder
from edxml_router.services.naming import naming
from edxml_router.store import catalogue
from edxml_router.wiring.agencies import load_registry, own_catalogue

_CURSOR: Final = re.compile(r"([0-9a-f]{1,16})-([0-9]{1,7})-([0-9]{1,7})-([^\s]{0,60})")


@dataclass(frozen=True, slots=True)
class Description:
    """All that the catalogue says about an agency. ``problem``: why no mail reaches it today; ``legacy13``: its code of
    13 characters, where it has one."""

    agency: Agency
    problem: Finding | None
    legacy13: str | None
    superiors: Sequence[Agency]
    successions: Sequence[Succession]
    aliases: Sequence[str]
    children: Sequence[str]


def today() -> date:
    """The day for which agencies are looked up: Vietnam's."""
    return datetime.now(VIETNAM).date()


def open_registry(settings: Settings | None, data: Path | None) -> Registry:
    """The packaged catalogue overridden by the folder ``data``, or the catalogue of a node's settings."""
    if data is not None:
        return catalogue.load_catalogue(folder("agency_codes"), data)
    return load_registry(settings) if settings is not None else catalogue.load_catalogue(folder("agency_codes"))


def resolve(registry: Registry, written: str, day: date, *, historic: bool = False) -> Agency | Finding:
    """The agency that a code in any form means on a day, or the finding why there is none."""
    try:
        return registry.resolve(written, day, historic=historic)
    except Refusal as refusal:
        return refusal.finding


def describe(registry: Registry, written: str) -> Description:
    """All about an agency, closed or not."""
    one = registry.get(registry.canonical_or_none(written) or written)
    if one is None:
        with naming(written):
            one = registry.resolve(written, today(), historic=True)  # says why not
    found = resolve(registry, one.code, today())
    return Description(
        one,
        found if isinstance(found, Finding) else None,
        AgencyCode.parse(one.code).legacy13(),
        list(registry.superiors(one.code)),
        registry.successions(one.code),
        [alias.alias for alias in registry.aliases(one.code)],
        [child.code for child in registry.children(one.code)],
    )


def find(
    registry: Registry, words: Sequence[str], *, level: str = "", under: str = "", closed: bool = False
) -> Iterator[Agency]:
    """The agencies whose code and name contain all words, of one level, below one agency; ``closed`` ones too."""
    with naming(under):
        top = (registry.canonical_or_none(under) or AgencyCode.parse(under).canonical()) if under else ""
    day = today()
    return (
        one
        for one in registry.find(" ".join(words))
        if (closed or not one.closed_on(day))
        and (not level or one.level == level)
        and (not top or is_under(one.code, top))
    )


@dataclass(frozen=True, slots=True)
class ChangedAgencies:
    """A page of agencies of which something has changed. ``whole``: all there are, because nothing was known of before;
    ``cursor`` begins the next page, and after the last one the next time; ``more``: there is something on it now."""

    rows: Sequence[Agency]
    cursor: str
    more: bool
    whole: bool


def changed(registry: Registry, cursor: str, limit: int, since: date | None = None) -> ChangedAgencies:
    """The agencies of which something has changed since ``cursor``, or else since that day, by code; without either all
    of them, closed ones too.

    A cursor names a day, which is told once more at the next time, and the rows that were not imported here: where
    those are others, all agencies are told. Raises Refusal EDX418 for one that is none.
    """
    first, last, after = since, today(), ""
    if cursor:
        read = _CURSOR.fullmatch(cursor)
        if read is None:
            raise Refusal("EDX418", where="cursor", detail=Detail("not a cursor of this node"))
        base, begun, ends, after = read.groups()
        if base == (registry.base or "0"):
            first, last = _day_of(begun), _day_of(ends) or last
        else:
            first, after = None, ""
    codes = _changes_of(registry).between(first, last) if first else sorted(one.code for one in registry)
    start = bisect_right(codes, after) if after else 0
    rows = [one for code in codes[start : start + limit] if (one := registry.get(code)) is not None]
    more = start + limit < len(codes)
    start_day = first.toordinal() if first else 0
    place = f"{start_day}-{last.toordinal()}-{rows[-1].code}" if more else f"{last.toordinal()}-0-"
    return ChangedAgencies(rows, f"{registry.base or 0}-{place}", more, first is None)


def _day_of(number: str) -> date | None:
    try:
        return date.fromordinal(int(number)) if int(number) else None
    except ValueError:  # beyond the last day there is
        raise Refusal("EDX418", where="cursor", detail=Detail("not a cursor of this node")) from None


@lru_cache(maxsize=1)
def _changes_of(registry: Registry) -> AgencyChanges:
    return AgencyChanges(registry)


def own_folder(settings: Settings | None, data: Path | None) -> Path | None:
    """Where an import goes: the folder given, or the node's own; None without either."""
    return own_catalogue(settings) if data is None and settings is not None else data


def registry_for_import(settings: Settings | None, data: Path | None) -> Registry:
    """The registry that a list is judged against. The target folder may be new."""
    return open_registry(None if data is not None else settings, data if data is not None and data.exists() else None)


def import_list(
    file: Path, own: Path, registry: Registry, *, source: str = "", replace: bool = False, dry_run: bool = False
) -> ImportReport:
    """Judge each row of somebody else's list and, unless it is a ``dry_run``, write what is good into ``own``."""
    report = catalogue.import_file(file, registry, source=source, replace_known=replace)
    if not dry_run:
        day = today().isoformat()
        catalogue.write(own, report.agencies, report.aliases, source=source or file.name, day=day)
    return report
