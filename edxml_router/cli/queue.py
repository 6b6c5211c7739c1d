"""``edxml-router queue`` and ``resend``: what waits, where it piles up, and what an operator does about it.

Every act needs delivery numbers or at least one filter, and is journalled with the operator's name and reason. With
``--dry-run`` it does nothing, and answers and ends as it would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command, Group, exit_with
from edxml_router.cli.filters import STATES, Filters, filter_options, select
from edxml_router.cli.opening import open_ledger, open_node, operator, perform
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.cli.trace import show_lines
from edxml_router.cli.waiting import reason
from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import Event, State, sources
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import AGES, Kept
from edxml_router.core.problems import PROBLEMS, Finding, Refusal
from edxml_router.services import operator as operate
from edxml_router.shapes.delivery import act_shapes, delivery_shape, pile_shape
from edxml_router.shapes.history import delivery_history_shape, quarantined_shape
from edxml_router.stages.node import Node
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.quarantine import refused

Operation = Callable[[Node, Sequence[int], str, str], list[Finding | None]]
_ACTS: Final[Mapping[Event, Operation]] = {
    Event.HOLD: operate.hold,
    Event.RELEASE: operate.release,
    Event.RETRY: operate.retry,
    Event.CANCEL: operate.cancel,
    Event.RESEND: operate.resend,
}
_SHOWN: Final = 10  # numbers of deliveries that are refused for one and the same reason


@click.group(cls=Group)
def queue() -> None:
    """Look at deliveries that have not ended, and act on them."""


# --- looking ------------------------------------------------------------------------------------------


@queue.command("list")
@filter_options
@click.option("--aside", is_flag=True, help="List refused input that was kept, instead (filters: --code, --document).")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@json_option
@pass_session
def list_(session: Session, filters: Filters, aside: bool, limit: int, as_json: bool) -> None:
    """List open deliveries, the oldest first.

    With --state also those that have ended.
    """
    settings = session.settings()
    with open_ledger(settings) as ledger:
        if aside:
            _show_aside(session, _aside(ledger, filters, limit), as_json)
            return
        found: list[Delivery] = []
        for delivery in select(ledger, settings, filters, [State(one) for one in filters.states]):
            found.append(delivery)
            if len(found) == limit:
                break
        documents = ledger.views.document_ids(delivery.digest for delivery in found)
        earlier = ledger.views.waits_for([delivery.id for delivery in found], datetime.now(UTC))
    if as_json:
        for delivery in found:
            session.json(delivery_shape(delivery, documents[delivery.digest]))
    elif not found:
        session.line(session.say("queue.empty"))
    else:
        _show(session, found, documents, earlier)


@queue.command()
@json_option
@pass_session
def shape(session: Session, as_json: bool) -> None:
    """Show where deliveries pile up, by route and age.

    The age is that of the envelope; m are minutes.
    """
    with open_ledger(session.settings()) as ledger:
        shapes = ledger.views.shape(datetime.now(UTC))
    heads = [*(f"<{age}m" for age in AGES), f"≥{AGES[-1]}m"]
    if as_json:
        for one in shapes:
            session.json(pile_shape(one, heads))
    elif not shapes:
        session.line(session.say("queue.empty"))
    else:
        rows = [(one.route, one.total, *(count or "·" for count in one.ages)) for one in shapes]
        session.table(("route", "#count", *(f"#{head}" for head in heads)), rows)


@queue.command()
@click.argument("number", metavar="DELIVERY", type=click.IntRange(min=1))
@click.option("--aside", is_flag=True, help="The number is of refused input that was kept.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", help="With --aside: write its bytes.")
@json_option
@pass_session
def show(session: Session, number: int, aside: bool, output: Path | None, as_json: bool) -> None:
    """Show one DELIVERY, or one item set aside, and its story."""
    if output is not None and not aside:
        raise click.UsageError("-o goes with --aside; `edxml-router fetch` writes envelopes")
    with open_ledger(session.settings()) as ledger:
        if aside:
            _show_item(session, ledger, number, output, as_json)
            return
        story = ledger.views.story(number)
        earlier = ledger.views.waits_for([number], datetime.now(UTC))
    if story is None:
        raise Refusal("EDX606", where=f"delivery {number}")
    if as_json:
        session.json(delivery_history_shape(story))
        return
    rows = [(key, value) for key, value in asdict(story.delivery).items() if key not in ("version", "chain")]
    session.table(("field", "value"), [("document_id", story.envelope.document_id), *rows])
    if why := reason(session, story.delivery, earlier.get(number)):
        session.line(f"{session.say('col.waits')}: {why}")
    if story.delivery.code in PROBLEMS:
        session.problem(Finding(story.delivery.code, f"delivery {number}", story.delivery.detail), out=True)
    show_lines(session, story.lines)


# --- acting -------------------------------------------------------------------------------------------


def act_command(event: Event, text: str) -> click.Command:
    """A command for one act; hold and cancel need a reason."""
    needs_reason = event in (Event.HOLD, Event.CANCEL)

    @pass_session
    def act(
        session: Session, filters: Filters, numbers: Sequence[int], reason: str, dry_run: bool, as_json: bool
    ) -> None:
        if needs_reason and not reason.strip() and not dry_run:
            raise click.UsageError(f"{event} needs --reason")
        if bool(numbers) == bool(filters):
            raise click.UsageError("give delivery numbers, or filters such as --link, but not both")
        settings = session.settings()
        if not numbers:
            with open_ledger(settings) as ledger:
                states = [state for state in sources(event) if str(state) in (filters.states or STATES)]
                numbers = [one.id for one in select(ledger, settings, filters, states)] if states else []
        _act(session, settings, event, numbers, reason, filtered=bool(filters), dry_run=dry_run, as_json=as_json)

    act.__doc__ = text
    command = json_option(filter_options(act))
    options = [
        click.argument("numbers", nargs=-1, metavar="[DELIVERY]...", type=click.IntRange(min=1)),
        click.option("--reason", default="", help="Why, for the journal" + (" (required)." if needs_reason else ".")),
        click.option("--dry-run", is_flag=True, help="Only say for which it is possible."),
    ]
    for option in options:
        command = option(command)
    return queue.command(str(event))(command)


hold = act_command(Event.HOLD, "Stop deliveries until they are released.\n\nWhat is accepted later is not held.")
release = act_command(Event.RELEASE, "Let held deliveries go on.")
retry = act_command(Event.RETRY, "Make the next attempt now instead of when it is due.")
cancel = act_command(Event.CANCEL, "End deliveries that are still here; the sender gets a notice.")


def _act(
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
    numbers = list(dict.fromkeys(numbers))
    if dry_run:
        with open_ledger(settings) as ledger:
            answers = perform(session, numbers, lambda batch: _try_out(ledger, event, batch))
    else:
        name = operator()
        with open_node(settings) as node:
            answers = perform(session, numbers, lambda batch: _ACTS[event](node, batch, name, reason))
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


def _try_out(ledger: SqlLedger, event: Event, numbers: Sequence[int]) -> Sequence[Finding | None]:
    with ledger.book() as book:
        return operate.try_out(book, event, numbers)


@click.command(cls=Command)
@click.argument("things", nargs=-1, required=True, metavar="DOCUMENT|DELIVERY...")
@click.option("--recipient", metavar="CODE", help="Of a document: only to this agency.")
@click.option("--reason", default="", help="Why, for the journal.")
@click.option("--dry-run", is_flag=True, help="Only say for which it is possible.")
@json_option
@pass_session
def resend(
    session: Session, things: Sequence[str], recipient: str | None, reason: str, dry_run: bool, as_json: bool
) -> None:
    """Open returned, expired or cancelled deliveries again.

    They get a new lifetime.

    Give delivery numbers, a DocumentId, or the beginning of an envelope's SHA-256.
    """
    settings = session.settings()
    numbers: list[int] = []
    with open_ledger(settings) as ledger:
        for thing in things:
            if thing.isdecimal() and len(thing) < 8:  # a longer number may be the beginning of a digest
                numbers.append(int(thing))
                continue
            states = list(sources(Event.RESEND))
            chosen = Filters(document=thing, recipient=recipient or "")
            found = [one.id for one in select(ledger, settings, chosen, states)]
            if not found and thing.isdecimal():
                found = [int(thing)]
            numbers += found
    if not numbers:
        raise Refusal("EDX607", where=", ".join(things)[:200], detail="nothing of it has failed")
    _act(session, settings, Event.RESEND, numbers, reason, dry_run=dry_run, as_json=as_json)


# --- what was set aside -------------------------------------------------------------------------------


@queue.command()
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...", type=click.IntRange(min=1))
@pass_session
def discard(session: Session, numbers: Sequence[int]) -> None:
    """Remove refused input that is understood.

    The journal keeps the fact.
    """
    with open_ledger(session.settings()) as ledger, ledger.book() as book:
        removed = refused.remove(book, numbers, f"operator:{operator()}", ledger.clock.now())
    failed = sorted(set(numbers) - set(removed))
    session.line(session.say("queue.done", act=session.say("act.discard"), done=len(removed), failed=len(failed)))
    if failed:
        raise Refusal("EDX606", where=", ".join(map(str, failed))[:200])


def _aside(ledger: SqlLedger, filters: Filters, limit: int) -> Sequence[Kept]:
    return ledger.views.list_quarantined(document=filters.document, code=filters.code, limit=limit)


def _show_aside(session: Session, items: Sequence[Kept], as_json: bool) -> None:
    if as_json:
        for item in items:
            session.json(quarantined_shape(item))
    elif not items:
        session.line(session.say("queue.empty"))
    else:
        rows = [
            (
                item.number,
                item.last_at,
                item.peer,
                item.document_id,
                f"{item.code} {session.detail(item.detail, item.code)}",
                session.detail(item.where),
                item.size,
                item.count,
            )
            for item in items
        ]
        session.table(("#id", "at", "account", "document", "problem", "place", "#size", "#count"), rows)


def _show_item(session: Session, ledger: SqlLedger, number: int, output: Path | None, as_json: bool) -> None:
    found = ledger.views.one_quarantined(number)
    if found is None:
        raise Refusal("EDX606", where=f"aside {number}")
    item, data = found
    if output is not None:
        if data is None:
            raise Refusal("EDX606", where=f"aside {number}", detail="its bytes were not kept (EDX604)")
        files.write_mail(output, data)
        session.note(session.say("fetch.done", name=number, size=len(data), file=output))
        return
    if as_json:
        session.json(quarantined_shape(item))
        return
    session.table(("field", "value"), list(asdict(item).items()))
    session.problem(Finding(item.code, item.where, item.detail), out=True)


# --- shared -------------------------------------------------------------------------------------------


def _problem(session: Session, delivery: Delivery, earlier: int | None) -> str:
    """The last problem, or else what the delivery waits for."""
    if delivery.code:
        return f"{delivery.code} {session.detail(delivery.detail, delivery.code)}".strip()
    return reason(session, delivery, earlier) or delivery.detail


def _show(
    session: Session, found: Sequence[Delivery], documents: Mapping[str, str], earlier: Mapping[int, int]
) -> None:
    session.table(
        ("#id", "document", "state", "recipient", "route", "#attempts", "due", "problem", "envelope"),
        [
            (
                one.id,
                documents[one.digest],
                session.say(f"state.{one.state}"),
                one.recipient,
                one.route,
                one.attempts,
                one.due_at,
                _problem(session, one, earlier.get(one.id)),
                one.digest[:16],
            )
            for one in found
        ],
    )
