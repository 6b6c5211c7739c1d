"""``queue discard``, and ``queue list`` and ``show`` with ``--quarantine``: refused and odd input."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from edxml_router.cli import files
from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.session import Session, pass_session
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.problems import Finding
from edxml_router.services import quarantine
from edxml_router.shapes.history import quarantined_shape
from edxml_router.wiring.opening import ledger_of


@click.command(cls=Command)
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER...", type=click.IntRange(min=1))
@pass_session
def discard(session: Session, numbers: Sequence[int]) -> None:
    """Remove refused input that has been dealt with.

    The journal keeps the fact.
    """
    with ledger_of(session.settings()) as ledger:
        removed, missing = quarantine.remove(ledger, numbers, account())
    done, failed = len(removed), len(set(numbers)) - len(removed)
    session.line(session.say("queue.done", act=session.say("act.discard"), done=done, failed=failed))
    if missing:
        session.problem(missing)
        exit_with([missing])


def show_fields(session: Session, fields: Mapping[str, object], but: Collection[str] = ()) -> None:
    """What one thing is made of, a line for each; the terminal breaks a long digest where it can still be copied."""
    names = {key: session.say(f"field.{key}") for key in fields if key not in but}
    width = max(map(len, names.values()))
    for key, name in names.items():
        session.line(f"{name:<{width}}  {session.cell(fields[key])}".rstrip())


def show_items(session: Session, items: Sequence[QuarantinedItem], as_json: bool) -> None:
    """A list of refused input."""
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
                f"{item.code} {session.detail(item.detail)}",
                session.detail(item.where),
                item.size,
                item.count,
            )
            for item in items
        ]
        session.table(
            ("#id", "at", "account", "document", "problem", "place", "#size", "#count"),
            rows,
            spare=("size", "count", "place", "document"),
        )


def show_item(session: Session, number: int, output: Path | None, as_json: bool) -> None:
    """One item; its bytes go into a file where one is named."""
    with ledger_of(session.settings()) as ledger:
        if output is not None:
            data = quarantine.content(ledger.views, number)
            files.write_mail(output, MemoryBody(data))
            session.note(session.say("fetch.done", name=number, size=len(data), file=output))
            return
        item = quarantine.item(ledger.views, number)
    if as_json:
        session.json(quarantined_shape(item))
        return
    show_fields(session, asdict(item))
    session.problem(Finding(item.code, item.where, item.detail), out=True)
