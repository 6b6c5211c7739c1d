"""``edxml-router fetch`` and ``confirm``: take a letter out of the inbox, and say that it was taken or goes back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.services import office
from edxml_router.shapes.delivery import confirmation_shape
from edxml_router.wiring.opening import ledger_of, node_of


@click.command(cls=Command)
@click.argument("letter")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help='File; "-" is standard output.',
)
@pass_session
def fetch(session: Session, letter: str, output: Path) -> None:
    """Write a LETTER from the inbox to a file.

    LETTER is its name in the inbox, or the first twelve characters of it. The bytes are those that were sent.
    """
    settings = session.settings()
    with ledger_of(settings) as ledger:
        found = office.locate(ledger.views, letter)
    with node_of(settings) as node:
        data = office.fetch(node, found)
    files.write_mail(output, data)
    if str(output) != files.STDIO:
        session.note(session.say("fetch.done", name=letter, size=len(data), file=output))


@click.command(cls=Command)
@click.argument("letters", nargs=-1, required=True, metavar="LETTER...")
@click.option("--refuse", is_flag=True, help="Return them to the sender instead.")
@click.option("--reason", default="", help="Why they are returned (required with --refuse).")
@json_option
@pass_session
def confirm(session: Session, letters: Sequence[str], refuse: bool, reason: str, as_json: bool) -> None:
    """Confirm that letters were taken over, or return them.

    LETTER is its name in the inbox, or the first twelve characters of it. Either act ends the delivery; --refuse
    returns it, with a reason.
    """
    if refuse and not reason.strip():
        raise click.UsageError(for_people(Detail("--refuse needs --reason")))
    settings = session.settings()
    with ledger_of(settings) as ledger:
        named = {letter: office.locate(ledger.views, letter) for letter in letters}
    with node_of(settings) as node:
        given = dict.fromkeys(named.values())
        answers = office.refuse(node, given, reason) if refuse else office.confirm(node, given)
    word = session.say("confirm.refused" if refuse else "confirm.confirmed")
    for letter, found in named.items():
        finding = answers[found]
        if as_json:
            session.json(confirmation_shape(found.name, finding, done=office.is_done(finding)))
        elif finding is None:
            session.line(f"{letter}: {word}", "green")
        else:
            session.problem(finding, out=True)
    exit_with(list(answers.values()))
