"""``queue list``, ``shape`` and ``show``: what waits, and where it piles up."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.entries import show_differences, show_lines
from edxml_router.cli.operator.calls import show_calls
from edxml_router.cli.operator.filters import filter_options
from edxml_router.cli.operator.quarantined import show_fields, show_item, show_items
from edxml_router.cli.session import Session, for_people, json_option, pass_session, wide_option
from edxml_router.cli.waiting import waiting_reason
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import AGES, Hindrance
from edxml_router.core.detail import Detail
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.services import operator, quarantine, selection
from edxml_router.services.auditor import differences
from edxml_router.services.offices.calls import open_calls
from edxml_router.services.selection import Filters, Listing
from edxml_router.shapes.delivery import delivery_shape, pile_shape
from edxml_router.shapes.history import delivery_history_shape
from edxml_router.wiring.opening import ledger_of


@click.command("list", cls=Command)
@filter_options
@click.option(
    "--quarantine", "quarantined", is_flag=True, help="List the quarantine instead (filters: --code, --document)."
)
@click.option("--webhooks", is_flag=True, help="List the calls to offices' systems that wait or failed instead.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@wide_option
@json_option
@pass_session
def list_(
    session: Session, filters: Filters, quarantined: bool, webhooks: bool, limit: int, as_json: bool
) -> None:
    """List open deliveries, the oldest first.

    With --state also those that have ended.
    """
    if webhooks and (filters or quarantined):
        raise click.UsageError(for_people(Detail("--webhooks goes alone")))
    settings = session.settings()
    with ledger_of(settings) as ledger:
        calls = open_calls(ledger.views)[:limit]
        if webhooks:
            show_calls(session, calls, as_json)
            return
        if quarantined:
            items = quarantine.items(ledger.views, document=filters.document, code=filters.code, limit=limit)
            show_items(session, items, as_json)
            return
        found = selection.listing(ledger.views, settings, filters, limit)
    if as_json:
        for delivery in found.deliveries:
            session.json(delivery_shape(delivery, found.documents[delivery.digest], found.hindrances.get(delivery.id)))
        return
    if found.deliveries:
        _show(session, found)
    else:
        session.line(session.say("queue.empty"))
    if calls and not filters:
        session.line(session.say("queue.webhooks", count=len(calls)))


@click.command(cls=Command)
@wide_option
@json_option
@pass_session
def shape(session: Session, as_json: bool) -> None:
    """Show where deliveries pile up, by route and age.

    The age is that of the envelope; m are minutes.
    """
    with ledger_of(session.settings()) as ledger:
        shapes = operator.piles(ledger.views)
    heads = [*(f"<{age}m" for age in AGES), f"≥{AGES[-1]}m"]
    if as_json:
        for one in shapes:
            session.json(pile_shape(one, heads))
    elif not shapes:
        session.line(session.say("queue.empty"))
    else:
        rows = [(one.route, one.total, *(count or "·" for count in one.ages)) for one in shapes]
        empty = [head for place, head in enumerate(heads) if not any(one.ages[place] for one in shapes)]
        session.table(("route", "#count", *(f"#{head}" for head in heads)), rows, spare=empty[::-1])


@click.command(cls=Command)
@click.argument("number", metavar="DELIVERY", type=click.IntRange(min=1))
@click.option("--quarantine", "quarantined", is_flag=True, help="The number is of a quarantined item.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="OUT", help="With --quarantine: write its bytes."
)
@wide_option
@json_option
@pass_session
def show(session: Session, number: int, quarantined: bool, output: Path | None, as_json: bool) -> None:
    """Show one DELIVERY, or one quarantined item, and its story."""
    if output is not None and not quarantined:
        raise click.UsageError(for_people(Detail("-o goes with --quarantine; `edxml-router fetch` writes envelopes")))
    if quarantined:
        show_item(session, number, output, as_json)
        return
    with ledger_of(session.settings()) as ledger:
        story, hindrance = operator.one(ledger.views, number)
    found = differences(story.damages)
    if as_json:
        session.json(delivery_history_shape(story, hindrance, found))
        show_differences(session, found)
        return
    fields = {"document_id": story.envelope.document_id, **asdict(story.delivery)}
    state = session.say(f"state.{story.delivery.state}")
    show_fields(session, fields | {"state": state}, but=("version", "chain"))
    if why := waiting_reason(session, story.delivery, hindrance):
        session.line(f"{session.say('col.waits')}: {why}")
    if story.delivery.code in PROBLEMS:
        session.problem(
            Finding(story.delivery.code, Detail("delivery {number}", number=number), story.delivery.detail), out=True
        )
    show_lines(session, story.lines)
    show_differences(session, found)


def _problem(session: Session, delivery: Delivery, hindrance: Hindrance | None) -> str:
    """What keeps it now, or else the last problem, or what the delivery waits for."""
    if delivery.code and hindrance is None:
        return f"{delivery.code} {session.detail(delivery.detail)}".strip()
    return waiting_reason(session, delivery, hindrance) or delivery.detail


def _show(session: Session, found: Listing) -> None:
    session.table(
        ("#id", "document", "state", "recipient", "route", "#attempts", "due", "problem", "envelope"),
        [
            (
                one.id,
                found.documents[one.digest],
                session.say(f"state.{one.state}"),
                one.recipient,
                one.route,
                one.attempts,
                one.due_at,
                _problem(session, one, found.hindrances.get(one.id)),
                one.digest[:16],
            )
            for one in found.deliveries
        ],
        spare=("envelope", "attempts", "route", "due"),
    )
