"""``queue hold``, ``release``, ``retry``, ``cancel``: what an operator does to deliveries.

Every act needs delivery numbers or at least one filter, and is journalled with the operator's name and reason. With
``--dry-run`` it does nothing, and answers and ends as it would have done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import click

from edxml_router.cli.acting import account, perform_in_batches
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.operator.filters import filter_options
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services import operator
from edxml_router.services.selection import Filters, fit_for
from edxml_router.shapes.delivery import act_shapes
from edxml_router.wiring.opening import ledger_of, node_of

_SHOWN: Final = 10  # numbers of deliveries that are refused for one and the same reason


def act_command(event: Event, text: str) -> click.Command:
    """A command for one act; hold and cancel need a reason."""
    needs_reason = event in (Event.HOLD, Event.CANCEL)

    @pass_session
    def act(
        session: Session, filters: Filters, numbers: Sequence[int], reason: str, dry_run: bool, as_json: bool
    ) -> None:
        if needs_reason and not reason.strip() and not dry_run:
            raise click.UsageError(for_people(Detail("{event} needs --reason", event=event)))
        if bool(numbers) == bool(filters):
            raise click.UsageError(for_people(Detail("give delivery numbers, or filters such as --link, but not both")))
        settings = session.settings()
        if not numbers:
            with ledger_of(settings) as ledger:
                numbers = fit_for(ledger.views, settings, filters, event)
        act_on(session, settings, event, numbers, reason, filtered=bool(filters), dry_run=dry_run, as_json=as_json)

    act.__doc__ = text
    command = json_option(filter_options(act))
    options = [
        click.argument("numbers", nargs=-1, metavar="[DELIVERY]...", type=click.IntRange(min=1)),
        click.option("--reason", default="", help="Why, for the journal" + (" (required)." if needs_reason else ".")),
        click.option("--dry-run", is_flag=True, help="Only say for which it is possible."),
    ]
    for option in options:
        command = option(command)
    return click.command(str(event), cls=Command)(command)


hold = act_command(Event.HOLD, "Stop deliveries until they are released.\n\nWhat is accepted later is not held.")
release = act_command(Event.RELEASE, "Let held deliveries go on.")
retry = act_command(Event.RETRY, "Make the next attempt now instead of when it is due.")
cancel = act_command(Event.CANCEL, "End deliveries that are still here; the sender gets a notice.")


def act_on(
    session: Session,
    settings: Settings,
    event: Event,
    numbers: Sequence[int],
    reason: str,
    *,
    filtered: bool = False,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Do it, or with ``dry_run`` try it, in batches with a bar; show what became of each, and end as that says."""
    numbers = list(dict.fromkeys(numbers))
    if dry_run:
        with ledger_of(settings) as ledger:
            answers = perform_in_batches(session, numbers, lambda batch: operator.try_out(ledger, event, batch))
    else:
        name = account()
        with node_of(settings) as node:
            answers = perform_in_batches(
                session, numbers, lambda batch: operator.perform(node, event, batch, name, reason)
            )
    failed = {number: finding for number, finding in answers.items() if finding is not None}
    if as_json:
        for told in act_shapes(event, answers, dry_run=dry_run):
            session.json(told)
    else:
        _tell_failed(session, failed)
        key = "queue.would" if dry_run else "queue.done"
        act, done = session.say(f"act.{event}"), len(answers) - len(failed)
        session.line(session.say(key, act=act, done=done, failed=len(failed)))
        if dry_run and done:
            session.line(" ".join(str(number) for number in numbers if number not in failed))
        if event is Event.HOLD and filtered and not dry_run:
            session.line(session.say("queue.later"))
    exit_with(list(failed.values()))


def _tell_failed(session: Session, failed: Mapping[int, Finding]) -> None:
    """Each reason once: a thousand deliveries that need nothing must not bury the one that does."""
    alike: dict[tuple[str, str], list[int]] = {}
    for number, finding in failed.items():
        alike.setdefault((finding.code, finding.detail), []).append(number)
    for first, *others in alike.values():
        session.problem(failed[first])
        if others:
            shown = " ".join(map(str, others[:_SHOWN])) + (" …" if len(others) > _SHOWN else "")
            session.note(f"  {session.say('queue.alike', count=len(others), numbers=shown)}")
