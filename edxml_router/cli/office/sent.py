"""``edxml-router sent``: what an office sent, and what became of it at each recipient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Final

import click

from edxml_router.cli.auditor.trace import proof, trail
from edxml_router.cli.commands import Command
from edxml_router.cli.parameters import Moment
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.core.delivery.lifecycle import State
from edxml_router.services import office
from edxml_router.services.office import SentEnvelope, SentQuery
from edxml_router.services.waiting import hindrances
from edxml_router.shapes.letter import sent_letter_shape
from edxml_router.wiring.agencies import load_registry
from edxml_router.wiring.opening import ledger_of
from edxml_router.wiring.own_ledger import OwnLedger

STATES: Final = [str(state) for state in State]
_PAGE = 50


@click.command(cls=Command)
@click.option("--office", "name", metavar="NAME", help="Only what this office sent.")
@click.option("--document", metavar="ID", default="", help="Of this DocumentId, or beginning of a SHA-256.")
@click.option("--recipient", metavar="CODE", default="", help="Only what went to this agency.")
@click.option(
    "--state",
    type=click.Choice(STATES),
    metavar="STATE",
    help=f"With a recipient in this state: {', '.join(STATES)}.",
)
@click.option("--since", type=Moment(), help="Accepted then or later: 2026-11-22, 2026-11-22T08:30, 2h.")
@click.option("--until", type=Moment(), help="Accepted before.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, help="At most so many envelopes of an office.")
@wide_option
@json_option
@pass_session
def sent(
    session: Session,
    name: str | None,
    document: str,
    recipient: str,
    state: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what offices sent: each recipient's state and answer.

    The newest comes first. `edxml-router trace` tells the whole story of one document.
    """
    settings = session.settings()
    offices = office.named(settings, name)
    if recipient:
        recipient = load_registry(settings).canonical_or_none(recipient) or recipient
    query = SentQuery(
        document=document,
        recipient=recipient,
        state=State(state) if state else None,
        since=since,
        until=until,
        limit=min(limit, _PAGE),
    )
    shown = 0
    with ledger_of(settings) as ledger:
        for each in offices:
            for one in islice(_pages(ledger, each, query), limit):
                shown += 1
                _show(session, ledger, each, one, as_json)
    if not shown and not as_json:
        session.line(session.say("sent.empty"))


def _pages(ledger: OwnLedger, name: str, query: SentQuery) -> Iterator[SentEnvelope]:
    while True:
        page = office.sent(ledger.views, name, query)
        yield from page.envelopes
        if not page.next:
            return
        query = replace(query, after=page.next)


def _show(session: Session, ledger: OwnLedger, name: str, one: SentEnvelope, as_json: bool) -> None:
    envelope = one.found.envelope
    if as_json:
        kept_by = hindrances(ledger.views, [each.delivery for each in one.deliveries], datetime.now(UTC))
        session.json(sent_letter_shape(name, one.found, one.deliveries, one.next, kept_by))
        return
    what = envelope.status_code or session.say(f"business.{envelope.business}")
    outcome = session.say(f"outcome.{one.found.outcome}")
    session.line(f"{envelope.document_id}  ({what}, {outcome})  {envelope.digest[: office.DIGITS_SHOWN]}", "bold")
    session.table(
        ("recipient", "state", "at", "proof", "status", "route", "problem"),
        [
            (
                each.delivery.recipient,
                session.say(f"state.{each.delivery.state}"),
                each.delivery.updated_at,
                proof(session, each.evidence),
                each.status.status_code if each.status else "",
                trail(session, each.hops) if each.hops else each.delivery.route,
                f"{each.delivery.code} {session.detail(each.delivery.detail)}".strip(),
            )
            for each in one.deliveries
        ],
        spare=("proof", "route", "status"),
    )
    if one.next is not None:
        session.line(session.say("trace.more", count=sum(one.found.states.values()) - len(one.deliveries)))
