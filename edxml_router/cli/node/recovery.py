"""``edxml-router recovery``: make up for what a restored node has forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Group
from edxml_router.cli.parameters import Moment
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.link.resync import Recovery
from edxml_router.services.node import restoration
from edxml_router.shapes.node import recovery_shape


@click.group(cls=Group)
def recovery() -> None:
    """Make up for what a restored node has forgotten."""


@recovery.command()
@json_option
@pass_session
def show(session: Session, as_json: bool) -> None:
    """List who has not repeated yet what was handed in since the back-up.

    Neighbours are asked by the node and answer by themselves. An office has to send again.
    """
    show_recoveries(session, restoration.open_recoveries(session.settings()), as_json)


def show_recoveries(session: Session, rows: Sequence[Recovery], as_json: bool) -> None:
    """Who has not repeated yet what was handed in, and whose turn it is."""
    if as_json:
        for one in rows:
            session.json(recovery_shape(one))
    elif not rows:
        session.line(session.say("recovery.none"))
    else:
        session.table(("name", "since", "waits"), [(one.party, one.since, _waits(session, one)) for one in rows])


def _waits(session: Session, one: Recovery) -> str:
    return session.say("recovery.link" if one.party.is_link else "recovery.office")


@recovery.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@pass_session
def done(session: Session, names: Sequence[str]) -> None:
    """Say who has sent again, or cannot be asked.

    NAME is an office's or a neighbour's, as `recovery show` lists them. It is journalled with your name.
    """
    restoration.finish(session.settings(), names, account())
    for name in names:
        session.line(session.say("recovery.done", name=name))


@recovery.command()
@click.option("--since", required=True, type=Moment(), help="Everything after this is missing: a time, or an age (2h).")
@click.option("--reason", required=True, help="Why, for the journal.")
@pass_session
def begin(session: Session, since: datetime, reason: str) -> None:
    """Say that a back-up was restored which the node cannot recognise.

    That is one where the data folder is older as well, such as a snapshot of the whole volume.
    """
    show_recoveries(session, restoration.begin(session.settings(), since, reason, account()), as_json=False)
