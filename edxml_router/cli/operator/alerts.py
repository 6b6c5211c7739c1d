"""``edxml-router alert``: whether those who are to be told of troubles can be."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, pass_session
from edxml_router.core.problems import Finding
from edxml_router.services.alerts.asking import try_alerts


@click.group(cls=Group)
def alert() -> None:
    """See whether alerts arrive."""


@alert.command()
@pass_session
def test(session: Session) -> None:
    """Send a trial message to everybody who is told of alerts.

    Ends with 75 where one could not be sent. `doctor` says the same of real ones.
    """
    failed: Finding | None = None
    for way, finding in try_alerts(session.settings(), datetime.now(UTC)):
        if finding is None:
            session.line(session.say("alert.sent", to=way))
        else:
            session.problem(finding, about=way)
            failed = failed or finding
    if failed is not None:
        click.get_current_context().exit(failed.problem.exit_status)
