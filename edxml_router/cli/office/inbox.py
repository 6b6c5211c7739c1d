"""``edxml-router inbox``: what lies ready to be fetched, and what became of what was sent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, for_people, json_option, pass_session, wide_option
from edxml_router.core.delivery.views import InboxItem
from edxml_router.core.detail import Detail
from edxml_router.core.link.resync import Recovery, Resync
from edxml_router.core.link.wire import letter_name
from edxml_router.services import office
from edxml_router.services.office import DIGITS_SHOWN, Notices
from edxml_router.shapes.delivery import letter_shape
from edxml_router.shapes.notice import call_shape, notice_shape
from edxml_router.wiring.opening import ledger_of


@click.command(cls=Command)
@click.option("--agency", metavar="CODE", help="Only what lies ready for this agency.")
@click.option("--office", "name", metavar="NAME", help="Only what lies ready for this office.")
@click.option("--notices", is_flag=True, help="What became of envelopes that the office has sent.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=500, show_default=True, help="With --notices: at most so many."
)
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="NUMBER", help="With --notices: behind this one."
)
@click.option("--clear", is_flag=True, help="With --notices: do not show these again.")
@wide_option
@json_option
@pass_session
def inbox(
    session: Session, agency: str | None, name: str | None, notices: bool, limit: int, after: int, clear: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """List what lies ready to be fetched, or notices.

    Notices tell what became of envelopes that were sent.
    """
    if clear and not notices:
        raise click.UsageError(for_people(Detail("--clear goes with --notices")))
    settings = session.settings()
    offices = office.named(settings, name)
    with ledger_of(settings) as ledger:
        _call(session, office.called(ledger, offices), as_json=as_json and notices)
        if not notices:
            _show_inbox(session, office.ready(ledger.views, settings, office=name, agency=agency), as_json)
            return
        told, more = office.notices_page(ledger.views, offices, after, limit)
        _show_notices(session, told, as_json)
        if clear:
            office.clear(ledger, told)
        if more:
            session.note(session.say("notices.more", number=told.notes[-1].number))


def _call(session: Session, pending: Sequence[tuple[str, Recovery]], *, as_json: bool) -> None:
    """Tell offices that a back-up was restored and since when to send again; programs read it as a notice."""
    for name, one in pending:
        if as_json:
            session.json(call_shape(name, Resync(one.epoch, one.since)))
        else:
            session.problem(office.reminder(name, one))


def _show_inbox(session: Session, rows: Sequence[InboxItem], as_json: bool) -> None:
    if as_json:
        for row in rows:
            session.json(letter_shape(row))
        return
    if not rows:
        session.line(session.say("inbox.empty"))
        return
    session.table(
        ("letter", "sender", "kind", "document", "#size", "at", "expires"),
        [
            (
                letter_name(row.delivery.digest[:DIGITS_SHOWN], row.delivery.recipient),
                row.envelope.sender,
                row.envelope.status_code or session.say(f"business.{row.envelope.business}"),
                row.envelope.document_id,
                row.envelope.size,
                row.envelope.accepted_at,
                row.delivery.expires_at,
            )
            for row in rows
        ],
        spare=("expires", "size", "kind", "document"),
    )


def _show_notices(session: Session, told: Notices, as_json: bool) -> None:
    rows, documents = told
    if as_json:
        for (origin, _), alike in groupby(rows, lambda row: (row.origin, row.receipt.envelope)):
            session.json(notice_shape(origin.name, [row.receipt for row in alike], documents))
    elif not rows:
        session.line(session.say("notices.empty"))
    else:
        session.table(
            ("#id", "at", "document", "envelope", "recipient", "outcome", "problem"),
            [
                (
                    row.number,
                    row.receipt.at,
                    documents.get(row.receipt.envelope, ""),
                    row.receipt.envelope[:16],
                    row.receipt.recipient,
                    session.say(f"state.{row.receipt.outcome}"),
                    f"{row.receipt.code} {session.detail(row.receipt.detail)}".strip(),
                )
                for row in rows
            ],
            spare=("envelope", "id", "at"),
        )
