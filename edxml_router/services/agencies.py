"""Queries to the catalogue of agencies, and importing a list into a node's own.

    registry = open_registry(None, data)         # the packaged catalogue, with a node's or a folder's above it
    described = describe(registry, "H53.31.22")
    report, folder = import_list(settings, None, file)

Without settings and folder it is the packaged catalogue, and no driver is loaded. Raises Refusal EDX501 to EDX504 for
codes, EDX902, EDX905 and EDX906 for files, and what the settings raise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from edxml_router.config import Settings
from edxml_router.core.agencies.agency import Agency, Succession
from edxml_router.core.agencies.code import AgencyCode, is_under
from edxml_router.core.agencies.importing import ImportReport
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Finding, Refusal
from edxml_router.resources import folder
from edxml_router.services.naming import naming
from edxml_router.store import catalogue
from edxml_router.wiring.agencies import load_registry, own_catalogue


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
