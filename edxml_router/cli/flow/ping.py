"""``ping``: try the way to a neighbour, an office or an agency, check by check."""

from __future__ import annotations

from typing import Final

import click

from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.flow.reaching import PingCheck, reach
from edxml_router.shapes.node import health_shape, result_of

_STYLES: Final = {"ok": "green", "warning": "yellow", "failed": "bold red"}


@click.command(cls=Command)
@click.argument("target", metavar="LINK|CODE")
@json_option
@pass_session
def ping(session: Session, target: str, as_json: bool) -> None:
    """Try the way to a LINK, an office or an agency's CODE.

    Each check with its cause and whose turn it is: the route, the host's name, the connection, TLS with the days left
    to the broker's certificate, the log-in, the mailbox and whether the other node takes from it, its clock, and the
    way of the last letter that was confirmed. No message is sent.
    """
    found: list[PingCheck] = []
    for one in reach(session.settings(), target):
        found.append(one)
        if as_json:
            session.json(health_shape(one.name, one.detail, one.finding))
            continue
        result = result_of(one.finding)
        text = f"{session.say(f'doctor.{result}'):<9} {session.say(f'ping.{one.name}')}: {session.detail(one.detail)}"
        session.line(text.rstrip(": "), _STYLES[result])
        if one.finding is not None:
            session.problem(one.finding, out=True)
    results = [result_of(one.finding) for one in found]
    if not as_json:
        if "failed" in results:
            bad = session.say(f"ping.{found[results.index('failed')].name}")
            session.line(session.say("ping.bad", check=bad), "bold red")
        elif warnings := results.count("warning"):
            session.line(session.say("ping.remarks", count=warnings), "bold yellow")
        else:
            session.line(session.say("ping.good"), "bold green")
    exit_with([one.finding for one in found])
