"""``edxml-router journal query``: the journal's entries by what they say."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from edxml_router.cli.acting import account
from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.auditor.conditions import Conditions, conditions
from edxml_router.cli.commands import Command
from edxml_router.cli.entries import Sheet, require_one_form, show_counts, show_lines, sqlite_option, writing_extract
from edxml_router.cli.session import Session, for_people, json_option, pass_session, wide_option
from edxml_router.core.detail import Detail
from edxml_router.services.asking import questions, readings
from edxml_router.shapes.history import EntryShape, entry_shape
from edxml_router.wiring.reading import DatabasePlace


@click.command(cls=Command)
@conditions
@click.option("--event", default="", metavar="NAME", help='An event; "delivery." means all that begin so.')
@click.option("--actor", default="", metavar="NAME", help='By this peer, "node", or "operator:NAME".')
@click.option("--after", type=click.IntRange(min=-1), default=-1, metavar="POSITION", help="Behind this position.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many entries; without it all.")
@click.option("--count", "counting", is_flag=True, help="Tell only how many there are.")
@click.option(
    "--by",
    "group",
    type=click.Choice(questions.GROUPS),
    metavar="FIELD",
    help=f"With --count: of each {', '.join(questions.GROUPS)}.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values under a line of heads.")
@sqlite_option
@database_option
@wide_option
@json_option
@pass_session
def query(
    session: Session,
    wanted: Conditions,
    event: str,
    actor: str,
    after: int,
    limit: int | None,
    counting: bool,
    group: str | None,
    as_csv: bool,
    file: Path | None,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """List journal entries, the oldest first.

    They come in the order of the log, and each has its position there, by which `journal prove` proves it. With
    --after one goes on behind the last: nothing comes twice and nothing is left out, whatever was written meanwhile.
    Entries without a position yet come last, and again when they have one.

    What is asked of the node's own database becomes an entry of its journal, with who asked.
    """
    if group and not counting:
        raise click.UsageError(for_people(Detail("--by goes with --count")))
    require_one_form(csv=as_csv, json=as_json, sqlite=file)
    require_one_form(count=counting, csv=as_csv, sqlite=file)
    given = {**wanted.given(), "event": event, "actor": actor, "by": group, "count": counting}
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "journal query", given, session.problem) as reading,
    ):
        question = questions.made(asked.views, wanted.query(asked, event, actor))
        if counting:
            reading.count = questions.how_many(asked.views, question)
            found = questions.counts_by(asked.views, question, group) if group else {"": reading.count}
            show_counts(session, found, as_json=as_json)
            return
        if file is not None:
            total = limit or questions.how_many(asked.views, question)
            with writing_extract(session, asked, file, "journal query", given, total) as (extract, advance):
                for lines in questions.pages(asked.views, question, after):
                    part = list(islice(lines, None if limit is None else limit - reading.count))
                    extract.entries(part)
                    advance(len(part))
                    reading.count += len(part)
                    if reading.count == limit:
                        break
            session.note(session.say("extract.written", file=file, count=reading.count))
            return
        sheet = Sheet(EntryShape.__annotations__) if as_csv else None
        for lines in questions.pages(asked.views, question, after):
            part = list(islice(lines, None if limit is None else limit - reading.count))
            if as_json:
                for line in part:
                    session.json(entry_shape(line))
            elif sheet:
                sheet.show(map(entry_shape, part))
            else:
                show_lines(session, part)
            reading.count += len(part)
            places = [line.position for line in part if line.position is not None]
            after = max(places, default=after)
            if reading.count == limit:
                session.note(session.say("journal.cut", limit=limit, place=after))
                break
    if not reading.count and not as_json and not as_csv:
        session.line(session.say("queue.empty"))
