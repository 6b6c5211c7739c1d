"""``edxml-router webhook``: how the calls to offices' systems stand, calling again, and the keys that sign them."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.operator.calls import show_calls
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.services.offices import webhooks
from edxml_router.wiring.opening import ledger_of


@click.group(cls=Group)
def webhook() -> None:
    """See how the calls to offices' systems stand, and call again."""


@webhook.command("list")
@wide_option
@json_option
@pass_session
def list_(session: Session, as_json: bool) -> None:
    """List what each office was told last, and what failed."""
    with ledger_of(session.settings()) as ledger:
        found = webhooks.hooks(ledger.views)
    show_calls(session, found, as_json)


@webhook.command()
@click.argument("office", metavar="OFFICE")
@pass_session
def again(session: Session, office: str) -> None:
    """Call OFFICE at once.

    Also one that wanted no more calls.
    """
    with ledger_of(session.settings()) as ledger:
        webhooks.begin_again(ledger, office)
    session.line(session.say("webhook.again", office=office))


@webhook.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False, metavar="[FILE]")
@pass_session
def key(session: Session, file: Path | None) -> None:
    """Show the public keys by which receivers verify calls.

    With FILE, make a new key there, and show its public half.
    """
    for text in [webhooks.make_key(file)] if file else webhooks.public_keys(session.settings()):
        session.line(text)
