"""``edxml-router link check``: whether both ends of a link believe the same to have gone over it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import click

from edxml_router.cli.commands import Command, exit_with
from edxml_router.cli.parameters import Age, Moment
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services.proof import gaps
from edxml_router.shapes.evidence.gaps import link_comparison_shape
from edxml_router.wiring.opening import ledger_of


class _Shown(NamedTuple):
    """A neighbour's comparison, what is wrong with it, and the gaps that are shown of it."""

    comparison: gaps.LinkComparison
    finding: Finding | None
    page: gaps.GapPage


@click.command(cls=Command)
@click.argument("neighbour", required=False, metavar="[NEIGHBOUR]")
@click.option("--since", type=Moment(), default="7d", show_default=True, help="Compare what was accepted from then on.")
@click.option(
    "--wait", type=Age(), default="60s", show_default=True, help="Wait so long for answers; 0s: only show what is kept."
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Gaps of a neighbour that are shown."
)
@click.option("--after", type=click.IntRange(min=1), metavar="NUMBER", help="Gaps behind this one, of NEIGHBOUR.")
@json_option
@pass_session
def check(
    session: Session,
    neighbour: str | None,
    since: datetime,
    wait: timedelta,
    limit: int,
    after: int | None,
    as_json: bool,
) -> None:
    """Compare with neighbours what went over the link.

    The running node shows each neighbour, or NEIGHBOUR, its list of what it handed over and took, and the neighbour its
    own. A document that one end lists and the other does not know is a gap, and so is one of which each end says that
    something else became of it; it is kept, with what the neighbour has signed.
    """
    if after and not neighbour:
        raise click.UsageError(for_people(Detail("--after goes with NEIGHBOUR")))
    settings, name = session.settings(), neighbour or ""
    findings: list[Finding | None] = []
    with ledger_of(settings) as ledger:
        views = ledger.views
        if wait:
            asked = gaps.begin_comparison(settings, ledger, name, since, datetime.now(UTC))
            with session.progress(session.say("gap.working"), None) as advance:
                gaps.wait_for(settings, views, asked, wait, advance)
        found = gaps.comparisons(settings, views, datetime.now(UTC), [name] if name else None)
        shown = [
            _Shown(
                each,
                gaps.unanswered(each) if wait else each.finding,
                gaps.gap_page(views, each.peer, after or 0, limit),
            )
            for each in found
        ]
        for each in shown:
            one, page = each.comparison, each.page
            findings += [each.finding, *(gap.finding for gap in page.every if not gap.excused)]
            if as_json:
                kept = [(gap, gaps.gap_evidence(views, gap)) for gap in page.shown]
                numbers = one.reached, one.compared, each.finding, len(page.every)
                session.json(link_comparison_shape(one.peer, *numbers, kept, page.following))
    if not as_json:
        _show(session, shown)
    exit_with(findings)


def _show(session: Session, shown: Sequence[_Shown]) -> None:
    if not shown:
        session.line(session.say("gap.nobody"))
        return
    session.table(("name", "#compared", "#gaps", "problem"), [row for each in shown for row in _rows(session, each)])
    for each in shown:
        if each.page.following is not None:
            peer, number = each.comparison.peer, each.page.following
            session.note(session.say("gap.more", peer=peer, limit=len(each.page.shown), number=number))


def _rows(session: Session, each: _Shown) -> Iterator[tuple[object, ...]]:
    lacking = each.finding
    trouble = f"{lacking.code} {session.detail(lacking.detail)}" if lacking else ""
    yield each.comparison.peer, each.comparison.compared, len(each.page.every), trouble
    for gap in each.page.shown:
        if gap.excused:
            yield "", "", "", session.say("gap.excused", document=gap.document)
        else:
            yield "", "", "", f"{gap.code} {session.detail(gap.finding.detail)}"
