"""``edxml-router clock``: what an operator says about the machine's clock."""

from __future__ import annotations

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, pass_session
from edxml_router.services.node.clock import accept_clock


@click.group(cls=Group)
def clock() -> None:
    """Say that the machine's clock is right after it has jumped."""


@clock.command()
@pass_session
def accept(session: Session) -> None:
    """Let the node go by the machine's clock as it is now.

    Check it first: whatever has expired by that time ends. `doctor` shows the clock, and whether the node doubts it.
    """
    now = accept_clock(session.settings(), account())
    session.line(session.say("clock.accepted", time=now.astimezone()))
