"""``edxml-router journal query``: the journal's entries by what they say."""

from __future__ import annotations

from itertools import islice

import click

from edxml_router.cli.acting import account
from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.auditor.conditions import Conditions, FoundForm, conditions, found_options
from edxml_router.cli.commands import Command
from edxml_router.cli.entries import Sheet, show_counts, show_lines, writing_extract
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.services.asking import questions, readings
from edxml_router.shapes.history import EntryShape, entry_shape
from edxml_router.wiring.reading import DatabasePlace


@click.command(cls=Command)
@conditions
@click.option("--event", default="", metavar="NAME", help='An event; "delivery." means all that begin so.')
@click.option("--actor", default="", metavar="NAME", help='By this peer, "node", "operator:NAME" or "person:NAME".')
@found_options(questions.GROUPS)
@database_option
@wide_option
@json_option
@pass_session
def query(
    session: Session,
    wanted: Conditions,
    event: str,
    actor: str,
    listed: FoundForm,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """List journal entries, the oldest first.

    They come in the order of the log, and each has its position there, by which `journal prove` proves it. With
    --after one goes on behind the last: nothing comes twice and nothing is left out, whatever was written meanwhile.
    Entries without a position yet come last, and again when they have one.

    What is asked of the node's own database becomes an entry of its journal, with who asked.
    """
    listed.require_form(as_json=as_json)
    after, limit, group, file = listed.after, listed.limit, listed.group, listed.file
    given = {**wanted.given(), "event": event, "actor": actor, "by": group, "count": listed.counting}
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "journal query", given, session.problem) as reading,
    ):
        question = questions.made(asked.views, wanted.query(asked, event, actor))
        if listed.counting:
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
        sheet = Sheet(EntryShape.__annotations__) if listed.as_csv else None
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
    if not reading.count and not as_json and not listed.as_csv:
        session.line(session.say("queue.empty"))
