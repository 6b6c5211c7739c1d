"""``redrive``, and ``resend`` with filters: send again what failed or waits for one cause, seen before it is done."""

from __future__ import annotations

from typing import Final

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.operator.acts import act_on
from edxml_router.cli.operator.filters import filter_options, problem_code
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.detail import Detail
from edxml_router.services.flow.redriving import RedriveEdge, RedrivePlan, plan_redrive, require_exactly
from edxml_router.services.selection import Filters, failed
from edxml_router.shapes.flow.redrive import Edge, RedriveShape, redrive_shape
from edxml_router.wiring.opening import ledger_of

_MOST: Final = 10_000
_ROUTES: Final = 8  # shown

_limit = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=_MOST, show_default=True, help="At most so many, the oldest."
)
_yes = click.option("--yes", is_flag=True, help="Do it; without it only what would be done is shown.")
_exactly = click.option(
    "--count", "exactly", type=click.IntRange(min=1), metavar="N", help="Do it only if it is exactly so many."
)


@click.command(cls=Command)
@click.option("--cause", metavar="EDXnnn", default="", callback=problem_code, help="Whose last problem is this one.")
@filter_options
@_limit
@_exactly
@click.option("--reason", default="", help="Why, for the journal.")
@_yes
@json_option
@pass_session
def redrive(
    session: Session, filters: Filters, cause: str, limit: int, exactly: int | None, reason: str, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Send again what failed or waits for one cause.

    What was put off is tried at once, what is held is released, what has failed gets a new lifetime. Without --yes it
    shows how many these are, the oldest and the newest, and over which links they go. What a halt holds stays.
    """
    if cause and filters.code:
        raise click.UsageError(for_people(Detail("--cause and --code are the same")))
    if not (cause or filters.code):
        raise click.UsageError(for_people(Detail("give the --cause that is gone")))
    chosen = filters.with_code(cause) if cause else filters
    settings = session.settings()
    with ledger_of(settings) as ledger:
        plan = plan_redrive(ledger.views, settings, chosen, limit)
    _preview_or_act(session, settings, plan, exactly, reason, yes=yes, as_json=as_json)


@click.command(cls=Command)
@click.argument("things", nargs=-1, metavar="[DOCUMENT|DELIVERY]...")
@filter_options
@_limit
@_exactly
@click.option("--reason", default="", help="Why, for the journal.")
@click.option("--dry-run", is_flag=True, help="Only say for which it is possible.")
@click.option("--yes", is_flag=True, help="With filters: do it; without it only what would be done is shown.")
@json_option
@pass_session
def resend(
    session: Session, things: tuple[str, ...], filters: Filters, limit: int, exactly: int | None, reason: str,
    dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Open returned, expired or cancelled deliveries again.

    They get a new lifetime.

    Give delivery numbers, a DocumentId, or the beginning of an envelope's SHA-256; or filters, with which it is shown
    first what would be sent.
    """
    only = Filters(recipient=filters.recipient)
    settings = session.settings()
    if things:
        if filters and filters != only:
            raise click.UsageError(for_people(Detail("give deliveries or documents, or filters, but not both")))
        with ledger_of(settings) as ledger:
            numbers = failed(ledger.views, settings, things, filters.recipient)
        act_on(session, settings, Event.RESEND, numbers, reason, dry_run=dry_run, as_json=as_json)
        return
    if not filters:
        raise click.UsageError(for_people(Detail("give deliveries or documents, or filters, but not both")))
    with ledger_of(settings) as ledger:
        plan = plan_redrive(ledger.views, settings, filters, limit, only=Event.RESEND)
    _preview_or_act(session, settings, plan, exactly, reason, yes=yes and not dry_run, as_json=as_json)


def _preview_or_act(
    session: Session, settings: Settings, plan: RedrivePlan, exactly: int | None, reason: str, *, yes: bool,
    as_json: bool,
) -> None:  # fmt: skip
    if exactly is not None:
        require_exactly(plan, exactly)
    if not yes:
        if as_json:
            session.json(_shape(plan))
        else:
            _show_plan(session, plan)
        return
    if not plan.count and not as_json:
        session.line(session.say("queue.empty"))
    for event, numbers in plan.acts.items():
        act_on(session, settings, event, numbers, reason, dry_run=False, as_json=as_json)


def _show_plan(session: Session, plan: RedrivePlan) -> None:
    if not plan.count:
        session.line(session.say("queue.empty"))
        return
    acts = ", ".join(f"{session.say(f'act.{event}')} {len(numbers)}" for event, numbers in plan.acts.items())
    session.line(session.say("redrive.would", count=plan.count, acts=acts), "bold")
    for key, edge in (("redrive.oldest", plan.oldest), ("redrive.newest", plan.newest)):
        if edge is not None:
            session.line(
                session.say(key, number=edge.number, document=edge.document or "-", at=session.shown(edge.since))
            )
    rows = list(plan.by_route.items())
    session.table(("route", "#count"), rows[:_ROUTES])
    if plan.more:
        session.line(session.say("redrive.more", count=plan.count), "yellow")
    session.line(session.say("redrive.yes"))


def _shape(plan: RedrivePlan) -> RedriveShape:
    def edge(one: RedriveEdge | None) -> Edge | None:
        return (one.number, one.document, one.since) if one else None

    acts = {str(event): len(numbers) for event, numbers in plan.acts.items()}
    return redrive_shape(acts, plan.by_route, edge(plan.oldest), edge(plan.newest), more=plan.more)
