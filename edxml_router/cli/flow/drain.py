"""``drain`` and ``resume``: a node that takes nothing new, until it is empty and has been worked on."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

import click

from edxml_router.cli.acting import account
from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.parameters import Age
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.delivery.halts import UnderWay
from edxml_router.core.detail import Detail
from edxml_router.services.flow import draining
from edxml_router.shapes.flow.drain import drain_shape
from edxml_router.wiring.opening import node_of

_LOOK_SECONDS: Final = 1.0


@click.command(cls=Command)
@click.option("--reason", default="", help="Why, for the journal (required).")
@click.option("--wait", "patience", type=Age(), help="Wait so long, at most, until it is empty: 30s, 10m.")
@json_option
@pass_session
def drain(session: Session, reason: str, patience: timedelta | None, as_json: bool) -> None:
    """Take nothing new, and finish what is under way.

    Offices are told to come again (EDX664), what comes to the hubs waits there; inboxes stay open. It lasts until
    `resume`, also over restarts. Called again it tells what is left; with --wait the exit status is 75 if that is
    more than nothing.
    """
    if not reason.strip():
        raise click.UsageError(for_people(Detail("{event} needs --reason", event="drain")))
    with node_of(session.settings()) as node:
        standing = draining.begin(node, account(), reason)
        left = draining.left_under_way(node)
        seconds = patience.total_seconds() if patience is not None else 0.0
        until = time.monotonic() + seconds
        while not left.over and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            left = draining.left_under_way(node)
    if as_json:
        session.json(drain_shape(standing, left, draining=True))
    else:
        session.line(session.say("drain.on", at=session.shown(standing.since), who=standing.actor), "yellow")
        _show_left(session, left)
    if seconds and (finding := draining.not_empty(left)):
        exit_with([finding])


@click.command(cls=Command)
@click.option("--reason", default="", help="Why, for the journal.")
@json_option
@pass_session
def resume(session: Session, reason: str, as_json: bool) -> None:
    """Take what comes again, after `drain`."""
    with node_of(session.settings()) as node:
        was = draining.resume(node, account(), reason)
        left = draining.left_under_way(node)
    if as_json:
        session.json(drain_shape(was, left, draining=False))
    else:
        session.line(session.say("drain.off"), "green")


def _show_left(session: Session, left: UnderWay) -> None:
    if left.over:
        session.line(session.say("drain.empty"), "green")
    else:
        session.line(session.say("drain.left", deliveries=left.deliveries, receipts=left.receipts))
    if left.waiting or left.answers:
        session.line(session.say("drain.others", waiting=left.waiting, answers=left.answers))
