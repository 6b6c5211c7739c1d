"""``edxml-router agency``: what an agency code means, who is in the catalogue, and importing a list.

Works without a configuration, on the catalogue that ships with the program. With one, or with ``--data DIR``, the
node's own folder stands over it; ``import`` writes there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path

import click

from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.agencies.agency import Agency
from edxml_router.core.agencies.importing import RowResult
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import agencies
from edxml_router.shapes.agency import (
    agency_detail_shape,
    agency_shape,
    import_shape,
    imported_row_shape,
    resolution_shape,
)

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder with the node's own agencies; by default the configuration's.",
)


@click.group(cls=Group)
def agency() -> None:
    """Look agencies up by code or name, and import lists of them."""


@agency.command()
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="The day to ask about; today without.")
@click.option("--historic", is_flag=True, help="Also what is closed, as for statuses of older documents.")
@data_option
@json_option
@pass_session
def resolve(
    session: Session, codes: Sequence[str], on: datetime | None, historic: bool, data: Path | None, as_json: bool
) -> None:
    """Say which agency each CODE means, in whatever form it is written. Ends with 1 if any has none."""
    registry = _registry(session, data)
    day = on.date() if on else agencies.today()
    found: list[tuple[str, Agency]] = []
    refused: list[tuple[str, Finding]] = []
    for text in codes:
        one = agencies.resolve(registry, text, day, historic=historic)
        if as_json:
            session.json(resolution_shape(text, one))
        if isinstance(one, Finding):
            refused.append((text, one))
        else:
            found.append((text, one))
    if not as_json:
        if found:
            rows = [(text, one.code, one.name, _level(session, registry, one)) for text, one in found]
            session.table(("written", "code", "name", "level"), rows)
        for text, finding in refused:
            session.problem(finding, about=text)
    exit_with([finding for _, finding in refused])


@agency.command()
@click.argument("code")
@data_option
@json_option
@pass_session
def show(session: Session, code: str, data: Path | None, as_json: bool) -> None:
    """Show all that the catalogue says about CODE, closed or not."""
    registry = _registry(session, data)
    told = agencies.describe(registry, code)
    one = told.agency
    if as_json:
        names = {"aliases": told.aliases, "children": told.children}
        session.json(agency_detail_shape(one, told.problem, legacy13=told.legacy13, registry=registry.version, **names))
        return
    _show_lines(
        session,
        {
            "code": one.code,
            "name": one.name,
            "legacy13": told.legacy13,
            "level": _level(session, registry, one),
            "parent": ", ".join(f"{each.code} {each.name}" for each in told.superiors),
            "state": session.say(f"agency.{one.state}"),
            "valid": _period(session, one.valid_from, one.valid_to),
            "successors": ", ".join(_marked(session, s.successor, s.verified) for s in told.successions),
            "aliases": ", ".join(told.aliases),
            "children": _first(told.children),
            "source": _marked(session, one.source or "-", one.verified),
        },
    )
    if told.problem:
        session.problem(told.problem, out=True)


@agency.command("list")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--level", help="Only agencies of this level, e.g. province.")
@click.option("--under", metavar="CODE", help="Only this agency and what is below it.")
@click.option("--all", "everything", is_flag=True, help="Closed agencies too.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="Most rows of the table.")
@data_option
@json_option
@pass_session
def list_(
    session: Session,
    words: Sequence[str],
    level: str | None,
    under: str | None,
    everything: bool,
    limit: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """List agencies whose code and name contain all WORDs.

    Case and diacritics do not matter.
    """
    registry = _registry(session, data)
    rows = agencies.find(registry, words, level=level or "", under=under or "", closed=everything)
    if as_json:
        for one in rows:
            session.json(agency_shape(one))
        return
    shown = list(islice(rows, limit))
    if shown:
        cells = [(one.code, one.name, _level(session, registry, one), one.valid_to) for one in shown]
        session.table(("code", "name", "level", "until"), cells)
    more = sum(1 for _ in rows)
    session.note(session.say("agency.count", shown=len(shown), total=len(shown) + more))


@agency.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--source", default="", help="Where the list is from; by default the file's name.")
@click.option("--replace", is_flag=True, help="Let the list change agencies that are known already.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--rows", "every_row", is_flag=True, help="Show every row, not only those that need attention.")
@data_option
@json_option
@pass_session
def import_(
    session: Session,
    file: Path,
    source: str,
    replace: bool,
    dry_run: bool,
    every_row: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Import a list of agencies.

    A CSV file with code,name or our own columns, or CSV or JSON as the axis answers.

    Every row gets a verdict; with --json one object each, then one with the numbers.
    """
    settings = _settings(session, data)
    own = agencies.own_folder(settings, data)
    if own is None:
        raise click.UsageError(
            for_people(Detail("where to? Name the node with --config FILE, or a folder with --data DIR"))
        )
    with session.progress(session.say("agency.working"), None):
        registry = agencies.registry_for_import(settings, data)
        for finding in registry.findings:
            session.problem(finding)
        report = agencies.import_list(file, own, registry, source=source, replace=replace, dry_run=dry_run)
    if as_json:
        for row in report.rows:
            session.json(imported_row_shape(row))
        session.json(import_shape(report, str(own), written=not dry_run))
        return
    rows = [
        (row.line, row.code_text, row.canonical, row.name, session.say(f"verdict.{row.verdict}"), row.detail)
        for row in report.rows
        if every_row or row.verdict is not RowResult.MAPPED
    ]
    if rows:
        session.table(("#line", "written", "code", "name", "result", "detail"), rows)
    counts = ", ".join(f"{session.say(f'verdict.{verdict}')} {count}" for verdict, count in report.counts.items())
    session.line(session.say("agency.rows", rows=len(report.rows), counts=counts))
    key = "agency.would" if dry_run else "agency.written"
    session.line(session.say(key, agencies=len(report.agencies), aliases=len(report.aliases), folder=own), "green")


def _settings(session: Session, data: Path | None) -> Settings | None:
    """The configuration, where there is one and no folder was named instead."""
    try:
        session.config_file()
    except Refusal:
        return None
    return session.settings() if data is None else None


def _registry(session: Session, data: Path | None) -> Registry:
    registry = agencies.open_registry(_settings(session, data), data)
    for finding in registry.findings:
        session.problem(finding)
    return registry


def _first(codes: Sequence[str], most: int = 12) -> str:
    return ", ".join(codes[:most]) + (f" … ({len(codes)})" if len(codes) > most else "")


def _show_lines(session: Session, lines: Mapping[str, str | None]) -> None:
    width = max(len(session.say(f"agency.{key}")) for key in lines)
    for key, value in lines.items():
        if value:
            session.line(f"{session.say(f'agency.{key}'):<{width}}  {value}")


def _level(session: Session, registry: Registry, one: Agency) -> str:
    level = registry.levels.get(one.level)
    if level is None:
        return one.level
    return level.title_vi if session.language == "vi" else level.title_en


def _period(session: Session, begin: date | None, end: date | None) -> str:
    if begin is None and end is None:
        return ""
    return " – ".join(session.shown(day) if day else "…" for day in (begin, end))


def _marked(session: Session, text: str, verified: bool) -> str:
    return text if verified else f"{text} ({session.say('agency.unverified')})"
