"""``edxml-router report``: the figures of the exchange, counted from the journal, and counted again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from edxml_router.cli import files
from edxml_router.cli.acting import account
from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.parameters import Age
from edxml_router.cli.session import Session, for_people, json_option, pass_session, what_was_wrong
from edxml_router.core.delivery.figures.deadlines import Deadlines, month_of
from edxml_router.core.delivery.figures.values import GROUPS, KINDS, LETTER_KINDS, ReportQuestion
from edxml_router.core.detail import Detail
from edxml_router.observe.escape import json_line
from edxml_router.services.asking import readings
from edxml_router.services.proof import checkpoints
from edxml_router.services.reports import making
from edxml_router.services.reports.files import read_holidays, read_month, read_paper
from edxml_router.services.reports.page import report_page
from edxml_router.services.reports.tables import csv_text, scope, tables
from edxml_router.shapes.evidence.report import ReportShape, report_verification_shape
from edxml_router.wiring.reading import DatabasePlace

ROWS_SHOWN: Final = 40
MONTHS: Final = 12  # without --since
_COUNTING: Final = Detail("counting")
_file = click.Path(path_type=Path, dir_okay=False)


class Month(click.ParamType[str]):
    """A month: ``2026-11``."""

    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return read_month(str(value))
        except ValueError as error:
            self.fail(what_was_wrong(error), param, ctx)


@click.group(cls=Group)
def report() -> None:
    """Count what was exchanged, and count it again.

    Sent, received, on time, late, refused by cause, recalled, shares and delays, by month, level, agency, urgency and
    kind. docs/guide-auditor.md defines every figure.
    """


@report.command()
@click.option("--since", type=Month(), help="The first month, as 2026-01; by default eleven before the last.")
@click.option("--until", type=Month(), help="The last month, included; by default this one (local time of Vietnam).")
@click.option("--by", "groups", type=click.Choice(GROUPS), multiple=True, help="May be repeated; by default month.")
@click.option("--agency", default="", metavar="CODE", help="Only of this agency and those below it.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="By default all but status.")
@click.option("--ordinary-within", type=Age(), help="On time within this time, instead of the law's next working day.")
@click.option("--urgent-within", type=Age(), help="The same of urgent letters, instead of the same day.")
@click.option("--holidays", type=_file, metavar="FILE", help="Days without work besides weekends, one on a line.")
@click.option("--paper", type=_file, metavar="FILE", help="CSV with month,agency,documents: what went on paper only.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--html", "form", flag_value="html", help="Print a page of HTML for A4.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=ROWS_SHOWN,
    show_default=True,
    help="At most so many groups in a table.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", default=Path(files.STDIO), help="File.")
@database_option
@json_option
@pass_session
def make(
    session: Session,
    since: str | None,
    until: str | None,
    groups: Sequence[Any],
    agency: str,
    kinds: Sequence[str],
    ordinary_within: timedelta | None,
    urgent_within: timedelta | None,
    holidays: Path | None,
    paper: Path | None,
    form: str | None,
    limit: int,
    output: Path,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """Count, and print tables, JSON, CSV or a page.

    Keep the JSON: `report verify` counts it again. A document counts in the month in which this node accepted it, by
    the local time of Vietnam, and its deliveries with it.
    """
    if form and as_json:
        raise click.UsageError(for_people(Detail("--json, --csv and --html exclude each other")))
    now = datetime.now(UTC)
    until = until or month_of(now)
    since = since or _earlier(until, MONTHS - 1)
    if since > until:
        raise click.UsageError(for_people(Detail("--until is before --since")))
    asking = {"since": since, "until": until, "by": ",".join(groups), "agency": agency, "kind": ",".join(kinds)}
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "report make", asking, session.problem) as reading,
        session.progress(session.detail(_COUNTING), None) as advance,
    ):
        deadlines = Deadlines(ordinary_within, urgent_within, read_holidays(holidays) if holidays else frozenset())
        question = ReportQuestion(
            since,
            until,
            now.replace(microsecond=0),
            tuple(group for group in GROUPS if group in (groups or ("month",))),
            asked.canonical(agency) if agency else "",
            tuple(kind for kind in KINDS if kind in (kinds or LETTER_KINDS)),
            deadlines,
            read_paper(paper, asked.canonical) if paper else {},
        )
        made = making.make(asked.views, question, advance)
        reading.count, whose = len(made["rows"]), asked.owner()
    if as_json or form:
        files.write(output, _written(session, made, form, whose).encode())
        if str(output) != files.STDIO:
            session.note(
                session.detail(Detail("{file}: counted from {size} entries", file=str(output), size=made["size"]))
            )
    elif str(output) != files.STDIO:
        raise click.UsageError(for_people(Detail("--output needs --json, --csv or --html")))
    else:
        _show(session, made, limit)


@report.command()
@click.argument("file", type=_file)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="A verifier key of the log besides the node's own.")
@database_option
@json_option
@pass_session
def verify(session: Session, file: Path, keys: Sequence[str], database: DatabasePlace | None, as_json: bool) -> None:
    """Count a report again from the journal, and compare.

    FILE is the JSON of `report make --json`. Every figure that the journal does not give is named; so is a journal
    that is not the one from which the report was counted.
    """
    known = checkpoints.read_keys(keys)
    if database is None:
        known = (*known, *checkpoints.own_keys(session.config_file()))
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "report verify", {}, session.problem) as reading,
        session.progress(session.detail(_COUNTING), None) as advance,
    ):
        found = making.verify(asked.views, file, known, advance)
        reading.count = len(found.differences)
    if as_json:
        session.json(report_verification_shape(str(file), found.size, found.root, found.differences, found.finding))
    elif found.finding is None:
        session.line(
            session.detail(
                Detail("The report agrees with the journal: root {root}", root=f"{found.size}:{found.root}")
            ),
            "green",
        )
    for where, told, counted in () if as_json else found.differences:
        session.line(session.detail(Detail("{where}: {told} in the file, {counted} by the journal",
                                           where=where, told=told, counted=counted)), "red")  # fmt: skip
    if found.finding is not None:
        session.problem(found.finding)
        exit_with([found.finding])


def _earlier(month: str, count: int) -> str:
    year, number = int(month[:4]), int(month[5:])
    whole = max(0, year * 12 + number - 1 - count)
    return f"{whole // 12:04}-{whole % 12 + 1:02}"


def _written(session: Session, made: ReportShape, form: str | None, whose: str) -> str:
    if form == "csv":
        return csv_text(made)
    if form == "html":
        return report_page(made, session.language, whose)
    return json_line(made, str) + "\n"


def _show(session: Session, made: ReportShape, limit: int) -> None:
    for table in tables(made, session.language, limit):
        session.figures(table.title, table.names, table.rows)
    if len(made["rows"]) > limit:
        session.note(
            session.detail(
                Detail("{limit} of {count} groups are shown; see --limit", limit=limit, count=len(made["rows"]))
            )
        )
    for sentence in scope(made, session.language):
        session.line(sentence)
