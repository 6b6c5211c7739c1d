"""``edxml-router send``: hand envelopes in, as an office of the node.

Whoever may read the configuration and its keys acts for the offices named in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.problems import Finding
from edxml_router.services import office
from edxml_router.services.office import NamedAcceptance
from edxml_router.services.reading import UNREADABLE
from edxml_router.shapes.verdict import SentShape
from edxml_router.wiring.opening import node_of


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="FILE...", type=files.File)
@click.option("--as", "sender", required=True, metavar="OFFICE", help="Name of the office that sends ([[offices]]).")
@json_option
@pass_session
def send(session: Session, names: Sequence[str], sender: str, as_json: bool) -> None:
    """Submit envelopes to the node, as the office named. "-" reads standard input.

    When this says "accepted", the node answers for the envelope. What a file suffers from does not stop the others.
    Exit status 75 if any should be sent again later, else that of the refusals' problem (1, mostly), else 66 if any
    cannot be read.
    """
    settings = session.settings()
    office.require(settings, sender)
    wrong: list[Finding] = []
    with node_of(settings) as node, session.progress(session.say("send.working"), len(names)) as advance:
        for handed in office.submit(node, sender, names, files.read):
            wrong += [handed.answer.finding] if handed.answer.finding and not handed.answer.accepted else []
            _show_answer(session, handed, as_json)
            advance(1)
    files.exit_after(wrong)


def _outcome(handed: NamedAcceptance) -> str:
    answer = handed.answer
    if answer.accepted:
        return "accepted"
    unread = answer.finding is not None and answer.finding.code == UNREADABLE
    return "passing" if answer.passing else "unread" if unread else "refused"


def _show_answer(session: Session, handed: NamedAcceptance, as_json: bool) -> None:
    file, answer = handed
    if as_json:
        told: SentShape = {"file": file, **answer.shape()}
        session.json(told)
        return
    word = "repeated" if answer.accepted and answer.repeated else _outcome(handed)
    document = f" {answer.envelope.document_id}" if answer.envelope else ""
    style = "bold green" if answer.accepted else "bold red"
    session.line(f"{file}: {session.say(f'send.{word}')}{document} {answer.digest[:16]}".rstrip(), style)
    for recipient, state in answer.standing.items():
        session.line(f"  {recipient}: {session.say(f'state.{state}')}")
    if answer.finding:
        session.problem(answer.finding, about=file, out=True)
    for remark in answer.remarks:
        place = session.detail(remark.where)
        session.line(f"  {session.say('error.remark')}: {remark.code} {remark.title(session.language)} {place}")
