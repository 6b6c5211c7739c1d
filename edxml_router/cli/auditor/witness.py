"""``edxml-router journal witness``: the journals of neighbours, as this node has cosigned them."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.proof import witnesses
from edxml_router.shapes.proof import fork_shape, neighbour_log_shape
from edxml_router.wiring.opening import ledger_of


@click.command(cls=Command)
@click.argument("neighbour", required=False, metavar="[NEIGHBOUR]")
@click.option("--forks", is_flag=True, help="The evidence: pairs of checkpoints that do not fit together.")
@json_option
@pass_session
def witness(session: Session, neighbour: str | None, forks: bool, as_json: bool) -> None:
    """List neighbours' journals as they were cosigned here.

    With NEIGHBOUR, print its newest checkpoint, which its operator may have to be held to. With --forks, print what
    was signed twice. Exit status 1 when a neighbour's journal does not continue what it was.
    """
    settings = session.settings()
    with ledger_of(settings) as ledger:
        if forks:
            for fork in witnesses.caught_forks(ledger.views):
                if as_json:
                    session.json(fork_shape(fork))
                else:
                    session.line(session.say("witness.fork", peer=fork.peer, at=session.shown(fork.at)))
                    click.echo(fork.known.decode() + "\n" + fork.shown.decode())
            return
        if neighbour is not None:
            click.echo(witnesses.one_log(settings, ledger.views, neighbour)[0].note.decode(), nl=False)
            return
        found = list(witnesses.neighbour_logs(settings, ledger.views, datetime.now(UTC)))
    if as_json:
        for each in found:
            session.json(neighbour_log_shape(each.peer, each.log, each.standing, each.findings))
    else:
        rows = []
        for each in found:
            trouble = "; ".join(f"{one.code} {session.detail(one.detail)}" for one in each.findings)
            size, at = (each.log.size, each.log.at) if each.log else ("", "")
            rows.append((each.peer, size, at, each.standing.size if each.standing else "", trouble))
        session.table(("name", "#entries", "at", "#cosigned", "problem"), rows)
    if any(one.code == "EDX641" for each in found for one in each.findings):
        click.get_current_context().exit(1)
