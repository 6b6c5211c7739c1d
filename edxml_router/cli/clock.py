"""``edxml-router clock``: what an operator says about the machine's clock."""

from __future__ import annotations

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.opening import open_node, operator
from edxml_router.cli.session import Session, pass_session
from edxml_router.core.problems import Setback
from edxml_router.store.clocks.steady_clock import Change
from edxml_router.wiring import clocks


@click.group(cls=Group)
def clock() -> None:
    """Say that the machine's clock is right after it has jumped."""


@clock.command()
@pass_session
def accept(session: Session) -> None:
    """Let the node go by the machine's clock as it is now.

    Look at it first: what would be over by that time ends. `doctor` shows the clock, and whether the node doubts it.
    """
    with open_node(session.settings()) as node:
        try:
            step = node.clock.accept()
        except OSError as error:
            raise Setback("EDX622", where="clock.json", detail=error.strerror or "") from error
        clocks.note_clock(node, Change(None, step), f"operator:{operator()}")
    session.line(session.say("clock.accepted", time=f"{node.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"))
