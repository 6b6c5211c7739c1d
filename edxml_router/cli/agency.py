"""``edxml-router agency``: what an agency code means, who is in the catalogue, and importing a list.

Works without a configuration, on the catalogue that ships with the program. With one, or with ``--data DIR``, the
node's own folder stands over it; ``import`` writes there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.naming import naming
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.agencies.agency import Agency
from edxml_router.core.agencies.code import AgencyCode, is_under
from edxml_router.core.agencies.importing import Verdict
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.problems import Finding, Refusal
from edxml_router.resources import folder
from edxml_router.shapes.agency import (
    agency_detail_shape,
    agency_shape,
    import_shape,
    imported_row_shape,
    resolution_shape,
)
from edxml_router.stages.admission import VIETNAM
from edxml_router.store import catalogue

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
    day = on.date() if on else _today()
    found: list[tuple[str, Agency]] = []
    refused: list[tuple[str, Finding]] = []
    for text in codes:
        try:
            one = registry.resolve(text, day, historic=historic)
        except Refusal as refusal:
            refused.append((text, refusal.finding))
            if as_json:
                session.json(resolution_shape(text, refusal.finding))
            continue
        found.append((text, one))
        if as_json:
            session.json(resolution_shape(text, one))
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
    one = registry.get(registry.canonical_or_none(code) or code)
    if one is None:
        with naming(code):
            one = registry.resolve(code, _today(), historic=True)  # says why not
    try:
        problem = None
        registry.resolve(one.code, _today())
    except Refusal as refusal:
        problem = refusal.finding
    aliases = [alias.alias for alias in registry.aliases(one.code)]
    children = [child.code for child in registry.children(one.code)]
    old = AgencyCode.parse(one.code).legacy13()
    if as_json:
        names = {"aliases": aliases, "children": children}
        session.json(agency_detail_shape(one, problem, legacy13=old, registry=registry.version, **names))
        return
    _show_lines(
        session,
        {
            "code": one.code,
            "name": one.name,
            "legacy13": old,
            "level": _level(session, registry, one),
            "parent": ", ".join(f"{each.code} {each.name}" for each in registry.superiors(one.code)),
            "state": session.say(f"agency.{one.state}"),
            "valid": f"{one.valid_from or '…'} – {one.valid_to or '…'}" if one.valid_from or one.valid_to else "",
            "successors": ", ".join(_marked(session, s.successor, s.verified) for s in registry.successions(one.code)),
            "aliases": ", ".join(aliases),
            "children": ", ".join(children[:12]) + (f" … ({len(children)})" if len(children) > 12 else ""),
            "source": _marked(session, one.source or "-", one.verified),
        },
    )
    if problem:
        session.problem(problem, out=True)


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
    with naming(under or ""):
        top = (registry.canonical_or_none(under) or AgencyCode.parse(under).canonical()) if under else ""
    rows = (
        one
        for one in registry.find(" ".join(words))
        if (everything or not one.closed_on(_today()))
        and (not level or one.level == level)
        and (not top or is_under(one.code, top))
    )
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
    own = _own(session, data)
    if own is None:
        raise click.UsageError("where to? Name the node with --config FILE, or a folder with --data DIR")
    with session.progress(session.say("agency.working"), None):
        registry = _registry(session, data, may_be_new=True)
        report = catalogue.import_file(file, registry, source=source, replace_known=replace)
        if not dry_run:
            day = _today().isoformat()
            catalogue.write(own, report.agencies, report.aliases, source=source or file.name, day=day)
    if as_json:
        for row in report.rows:
            session.json(imported_row_shape(row))
        session.json(import_shape(report, str(own), written=not dry_run))
        return
    rows = [
        (row.line, row.code_text, row.canonical, row.name, session.say(f"verdict.{row.verdict}"), row.detail)
        for row in report.rows
        if every_row or row.verdict is not Verdict.MAPPED
    ]
    if rows:
        session.table(("#line", "written", "code", "name", "result", "detail"), rows)
    counts = ", ".join(f"{session.say(f'verdict.{verdict}')} {count}" for verdict, count in report.counts.items())
    session.line(session.say("agency.rows", rows=len(report.rows), counts=counts))
    key = "agency.would" if dry_run else "agency.written"
    session.line(session.say(key, agencies=len(report.agencies), aliases=len(report.aliases), folder=own), "green")


def _configured(session: Session) -> bool:
    try:
        session.config_file()
    except Refusal:
        return False
    return True


def _registry(session: Session, data: Path | None, *, may_be_new: bool = False) -> Registry:
    if data is not None:
        own = [] if may_be_new and not data.exists() else [data]
        registry = catalogue.load(folder("agency_codes"), *own)
    elif _configured(session):
        registry = _wiring("load_registry")(session.settings())
    else:
        registry = catalogue.load(folder("agency_codes"))
    for finding in registry.findings:
        session.problem(finding)
    return registry


def _own(session: Session, data: Path | None) -> Path | None:
    if data is not None or not _configured(session):
        return data
    own: Path = _wiring("own_catalogue")(session.settings())
    return own


def _wiring(name: str) -> Callable[..., Any]:
    # Late: wiring brings every driver along, and a look-up in the packaged catalogue needs none of them.
    from edxml_router.wiring import node as wiring  # noqa: PLC0415 - see above

    function: Callable[..., Any] = getattr(wiring, name)
    return function


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


def _marked(session: Session, text: str, verified: bool) -> str:
    return text if verified else f"{text} ({session.say('agency.unverified')})"


def _today() -> date:
    return datetime.now(VIETNAM).date()
