"""``halt``: let mail wait on purpose, by sender, recipient, link or cause, and let it go on."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command, Group
from edxml_router.cli.operator.filters import problem_code
from edxml_router.cli.session import Session, for_people, json_option, pass_session, wide_option
from edxml_router.core.delivery.halts import Halt, StandingHalt
from edxml_router.core.detail import Detail
from edxml_router.services.flow import halts
from edxml_router.shapes.flow.halts import halt_shape
from edxml_router.wiring.opening import ledger_of, node_of


@click.group(cls=Group)
def halt() -> None:
    """Let mail of a sender, recipient, link or cause wait."""


@halt.command(cls=Command)
@click.option("--sender", metavar="CODE", default="", help="Of this agency; CODE.* with all below it.")
@click.option("--recipient", metavar="CODE", default="", help="For this agency; CODE.* with all below it.")
@click.option("--link", metavar="NAME", default="", help="On the way to this link or office.")
@click.option("--cause", metavar="EDXnnn", default="", callback=problem_code, help="Whose last problem is this one.")
@click.option("--reason", default="", help="Why, for the journal (required).")
@click.option("--dry-run", is_flag=True, help="Only count what would be stopped now.")
@json_option
@pass_session
def add(
    session: Session, sender: str, recipient: str, link: str, cause: str, reason: str, dry_run: bool, as_json: bool
) -> None:
    """Stop what meets all conditions, now and later.

    It waits here until `halt release`, in its order, and nothing is lost; only its lifetime goes on. What the next
    node may have already, or an office's inbox, is not stopped.
    """
    if not (sender or recipient or link or cause):
        raise click.UsageError(for_people(Detail("give a sender, a recipient, a link or a cause")))
    if not reason.strip() and not dry_run:
        raise click.UsageError(for_people(Detail("{event} needs --reason", event="halt add")))
    settings = session.settings()
    with node_of(settings) as node:
        route = halts.halted_route(node, settings, link)
        who, to = halts.canonical_pattern(settings, sender), halts.canonical_pattern(settings, recipient)
        wanted = Halt(who, to, route, cause, datetime.now(UTC), f"operator:{account()}", reason)
        if dry_run:
            would = StandingHalt(wanted, halts.to_be_stopped(node, wanted))
            if as_json:
                session.json(halt_shape(would))
            else:
                session.line(session.say("halt.would", count=would.count))
            return
        with session.progress(session.say("halt.working"), None) as advance:
            done = halts.add_halt(node, wanted, advance)
    if as_json:
        session.json(halt_shape(done))
    else:
        session.line(session.say("halt.added", number=done.halt.id, count=done.count), "yellow")


@halt.command("list", cls=Command)
@wide_option
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List the halts, and how many deliveries each holds."""
    with ledger_of(session.settings()) as ledger:
        found = halts.standing_halts(ledger.views)
    if as_json:
        for one in found:
            session.json(halt_shape(one))
    elif not found:
        session.line(session.say("halt.none"))
    else:
        rows = [
            (one.halt.id, _stops(session, one.halt), one.count, one.halt.since, one.halt.actor, _reason(session, one))
            for one in found
        ]
        session.table(("#halt", "stops", "#holds", "since", "who", "reason"), rows, spare=("since", "who"))


@halt.command(cls=Command)
@click.argument("number", metavar="HALT", type=click.IntRange(min=1))
@click.option("--reason", default="", help="Why, for the journal.")
@json_option
@pass_session
def release(session: Session, number: int, reason: str, as_json: bool) -> None:
    """Let what a HALT has stopped go on, in its order."""
    with node_of(session.settings()) as node, session.progress(session.say("halt.releasing"), None) as advance:
        done = halts.release_halt(node, number, account(), reason, advance)
    if as_json:
        session.json(halt_shape(done))
    else:
        session.line(session.say("halt.released", number=number, count=done.count), "green")


def _stops(session: Session, one: Halt) -> str:
    names = ("sender", "recipient", "route", "cause")
    return ", ".join(
        session.say(f"halt.{name}", value=value) for name, value in zip(names, one.conditions, strict=True) if value
    )


def _reason(session: Session, one: StandingHalt) -> str:
    return session.say("halt.ending") if one.halt.released_at else one.halt.reason
