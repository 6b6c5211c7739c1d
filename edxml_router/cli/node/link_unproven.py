"""``edxml-router link unproven``: deliveries that have ended by a neighbour's word alone."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.parameters import Moment
from edxml_router.cli.session import Session, json_option, pass_session, wide_option
from edxml_router.core.link.statement import NOT_PROVEN
from edxml_router.services.proof.unproven import each_unproven, require_neighbour
from edxml_router.shapes.evidence.unproven import unproven_end_shape
from edxml_router.wiring.opening import ledger_of


@click.command(cls=Command)
@click.argument("neighbour", required=False, metavar="[NEIGHBOUR]")
@click.option("--since", type=Moment(), default="30d", show_default=True, help="What became known from then on.")
@click.option("--code", type=click.Choice(NOT_PROVEN), help="Only those of this problem.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@wide_option
@json_option
@pass_session
def unproven(
    session: Session, neighbour: str | None, since: datetime, code: str | None, limit: int, as_json: bool
) -> None:
    """List deliveries whose outcome nobody has proven.

    The newest first. The node where they ended has signed nothing, or what was shown does not hold: they rest on the
    word of NEIGHBOUR. `edxml-router trace` shows all that is known of one.
    """
    settings = session.settings()
    if neighbour is not None:
        require_neighbour(settings, neighbour)
    with ledger_of(settings) as ledger:
        found = each_unproven(ledger.views, since, neighbour or "", code or "")
        if as_json:
            for end in islice(found, limit):
                session.json(unproven_end_shape(end))
            return
        shown = list(islice(found, limit + 1))
    if not shown:
        session.line(session.say("unproven.none", since=session.shown(since)))
        return
    rows = [
        (end.told_by, end.document, end.sender, end.receipt.recipient, end.receipt.outcome, end.receipt.at,
         f"{end.finding.code} {session.detail(end.finding.detail)}")
        for end in shown[:limit]
    ]  # fmt: skip
    columns = ("name", "document", "sender", "recipient", "state", "at", "problem")
    session.table(columns, rows, spare=("at", "sender", "name", "problem"))
    if len(shown) > limit:
        session.note(session.say("unproven.cut", limit=limit))
