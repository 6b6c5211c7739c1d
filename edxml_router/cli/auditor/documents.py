"""``edxml-router documents``: the documents that were accepted here, by what is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import click

from edxml_router.cli.acting import account
from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.auditor.conditions import Conditions, FoundForm, conditions, found_options
from edxml_router.cli.commands import Command
from edxml_router.cli.entries import Sheet, show_counts, writing_extract
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.core.delivery.lifecycle import OUTCOMES
from edxml_router.core.delivery.views import ListedDocument
from edxml_router.core.detail import Detail
from edxml_router.services.asking import readings
from edxml_router.services.asking.documents import (
    DOCUMENT_GROUPS,
    DocumentPage,
    document_count,
    document_counts,
    document_pages,
    document_question,
)
from edxml_router.services.asking.questions import PAGE
from edxml_router.services.asking.readings import NotedReading
from edxml_router.shapes.evidence.asking import DOCUMENT_COLUMNS, document_row, document_shape
from edxml_router.wiring.reading import DatabasePlace

LOOKING: Final = Detail("looking through the documents")


@click.command(cls=Command)
@conditions
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Whose deliveries all together stand so.")
@found_options(list(DOCUMENT_GROUPS))
@database_option
@wide_option
@json_option
@pass_session
def documents(
    session: Session,
    wanted: Conditions,
    outcome: str | None,
    listed: FoundForm,
    database: DatabasePlace | None,
    as_json: bool,
) -> None:
    """List the documents accepted here, the oldest first.

    Status messages are documents too; --kind tells them apart. What a document is comes from the entry of its
    acceptance, whose position goes on behind it with --after: nothing comes twice and nothing is left out. --since
    and --until are of that entry, --state is that of a delivery now (with --recipient: of the one to that agency), and
    --code any problem that a delivery of it has had. `edxml-router trace` tells the whole story of one.

    What is asked of the node's own database becomes an entry of its journal, with who asked.
    """
    listed.require_form(as_json=as_json)
    after, limit, group, file = listed.after, listed.limit, listed.group, listed.file
    given = {**wanted.given(), "outcome": outcome, "by": group, "count": listed.counting}
    with (
        open_asked(session, database) as asked,
        readings.noted(asked, account(), "documents", given, session.problem) as reading,
    ):
        question = document_question(asked.views, wanted.documents(asked, outcome or ""))
        if listed.counting:
            with session.progress(session.detail(LOOKING), None) as advance:
                reading.count = document_count(asked.views, question, advance)
                counts = document_counts(asked.views, question, group, advance) if group else {"": reading.count}
            show_counts(session, counts, as_json=as_json)
            return
        if file is not None:
            with writing_extract(session, asked, file, "documents", given, limit) as (extract, advance):
                for part in _first(document_pages(asked.views, question, after), limit):
                    extract.documents(asked.views, part)
                    advance(len(part))
                    reading.count += len(part)
            session.note(session.say("extract.written", file=file, count=reading.count))
            return
        pages = document_pages(asked.views, question, after, min(limit or PAGE, PAGE))
        _list(session, pages, reading, limit, as_csv=listed.as_csv, as_json=as_json)


def _list(
    session: Session,
    pages: Iterable[DocumentPage],
    reading: NotedReading,
    limit: int | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Print what was found, and what could not be told."""
    sheet = Sheet(DOCUMENT_COLUMNS) if as_csv else None
    untold = 0
    for page in pages:
        part = list(islice(page.documents, None if limit is None else limit - reading.count))
        untold += page.untold
        if as_json:
            for each in part:
                session.json(document_shape(each))
        elif sheet:
            sheet.show(map(document_row, part))
        elif part:
            _show(session, part)
        reading.count += len(part)
        if part and reading.count == limit:
            session.note(session.say("journal.cut", limit=limit, place=part[-1].position))
            break
    if untold:
        session.note(session.detail(Detail("{count} more are only in `journal query --event envelope.accepted`: an "
                                           "earlier version accepted them, and their rows are gone", count=untold)),
                     "yellow")  # fmt: skip
    if not reading.count and not as_json and not as_csv:
        session.line(session.say("queue.empty"))


def _first(pages: Iterable[DocumentPage], limit: int | None) -> Iterator[Sequence[ListedDocument]]:
    """The documents page by page, at most ``limit``."""
    left = limit
    for page in pages:
        part = page.documents if left is None else page.documents[:left]
        yield part
        if left is not None:
            left -= len(part)
            if not left:
                return


def _show(session: Session, found: Sequence[ListedDocument]) -> None:
    session.table(
        ("#place", "at", "document", "kind", "sender", "recipient", "outcome", "envelope"),
        [
            (
                one.position,
                one.found.envelope.accepted_at,
                one.found.envelope.document_id,
                _kind(session, one),
                one.found.envelope.sender,
                _recipients(session, one),
                session.say(f"outcome.{one.found.outcome}"),
                one.found.envelope.digest[:16],
            )
            for one in found
        ],
        spare=("envelope", "kind", "sender", "at"),
    )


def _kind(session: Session, one: ListedDocument) -> str:
    row = one.found.envelope
    return row.status_code or session.say(f"business.{row.business}")


def _recipients(session: Session, one: ListedDocument) -> str:
    """The only one, or how many they are."""
    if one.recipients is not None and len(one.recipients) == 1:
        return one.recipients[0]
    return session.detail(Detail("{count} agencies", count=one.count))
