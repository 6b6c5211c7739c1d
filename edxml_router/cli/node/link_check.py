"""``edxml-router link check``: whether both ends of a link believe the same to have gone over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.parameters import Age, Moment
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.proof import gaps
from edxml_router.shapes.evidence.gaps import link_comparison_shape
from edxml_router.wiring.opening import ledger_of


@click.command(cls=Command)
@click.argument("neighbour", required=False, metavar="[NEIGHBOUR]")
@click.option("--since", type=Moment(), default="7d", show_default=True, help="Compare what was accepted from then on.")
@click.option(
    "--wait", type=Age(), default="60s", show_default=True, help="Wait so long for answers; 0s: only show what is kept."
)
@json_option
@pass_session
def check(session: Session, neighbour: str | None, since: datetime, wait: timedelta, as_json: bool) -> None:
    """Compare with neighbours what went over the link.

    The running node shows each neighbour, or NEIGHBOUR, its list of what it handed over and took, and the neighbour its
    own. A document that one end lists and the other does not know is a gap; it is kept, with what the neighbour has
    signed.
    """
    settings = session.settings()
    findings = []
    with ledger_of(settings) as ledger:
        views, name = ledger.views, neighbour or ""
        asked = gaps.begin_comparison(settings, ledger, name, since, datetime.now(UTC)) if wait else ()
        gaps.wait_for(settings, views, asked, wait)
        rows: list[tuple[object, ...]] = []
        for each in gaps.comparisons(settings, views, datetime.now(UTC), [name] if name else None):
            lacking = gaps.unanswered(each) if wait else each.finding
            found = list(gaps.each_gap(views, each.peer))
            findings += [lacking, *(gap.finding for gap in found if not gap.excused)]
            if as_json:
                kept = ((gap, gaps.gap_evidence(views, gap)) for gap in found)
                session.json(link_comparison_shape(each.peer, each.reached, each.compared, lacking, kept))
                continue
            trouble = f"{lacking.code} {session.detail(lacking.detail)}" if lacking else ""
            rows.append((each.peer, each.compared, len(found), trouble))
            rows += [
                ("", "", "", f"{gap.code} {session.detail(gap.finding.detail)}") for gap in found if not gap.excused
            ]
            rows += [("", "", "", session.say("gap.excused", document=gap.document)) for gap in found if gap.excused]
    if not as_json:
        session.table(("name", "#compared", "#gaps", "problem"), rows)
    exit_with(findings)
