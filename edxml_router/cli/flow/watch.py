"""``watch``: a live view of queues, links, what passes, the oldest, and alarms, on a terminal of 80 by 24."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.problems import Finding, Setback
from edxml_router.observe.escape import printable
from edxml_router.services.flow.watching import Watched, WatchedRoute, look_at_flow
from edxml_router.shapes.flow.watch import WatchShape, watch_shape, watched_route_shape

_ALARMS: Final = 6  # shown
_ROUTES_LEAST: Final = 3
_OTHER_LINES: Final = 9  # heading, pace, heads, what is left out, the key


@click.command(cls=Command)
@click.option("--every", type=click.FloatRange(1, 3600), default=2.0, show_default=True, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Look once and end, for scripts.")
@json_option
@pass_session
def watch(session: Session, every: float, once: bool, as_json: bool) -> None:
    """Watch queues, links, what passes, and alarms.

    The oldest of each way, what happened in the last minute, and what needs a look, on one page of 80 columns and 24
    lines, until Ctrl-C. Into a pipe, and with --json, it looks once.
    """
    settings = session.settings()
    if once or as_json or not session.out.is_terminal:
        watched = look_at_flow(settings, datetime.now(UTC))
        if as_json:
            session.json(_shape(watched))
        else:
            session.out.print(_page(session, watched, None, 1000))
        return
    with suppress(KeyboardInterrupt), Live(console=session.out, auto_refresh=False, screen=True) as live:
        shown: Watched | None = None
        while True:
            trouble: Finding | None = None
            try:
                shown = look_at_flow(settings, datetime.now(UTC))
            except Setback as setback:  # the last page stays, with why it is old
                trouble = setback.finding
            live.update(_page(session, shown, trouble, session.out.height), refresh=True)
            time.sleep(every)


def _page(session: Session, watched: Watched | None, trouble: Finding | None, height: int) -> Group:
    lines: list[Text | Table] = []
    at = session.shown(watched.at if watched else datetime.now(UTC))
    lines.append(Text(session.say("watch.head", node=watched.node if watched else "-", at=at), style="bold"))
    alarms = ([trouble] if trouble else []) + (list(watched.alarms) if watched else [])
    if watched is not None:
        pace = watched.pace
        seconds = round(pace.seconds)
        lines.append(
            Text(session.say("watch.pace", seconds=seconds, accepted=pace.accepted, forwarded=pace.forwarded,
                             offered=pace.offered, confirmed=pace.confirmed, failed=pace.failed))
        )  # fmt: skip
        alarm_lines = min(len(alarms), _ALARMS)
        most = max(_ROUTES_LEAST, height - _OTHER_LINES - alarm_lines)
        lines.append(_table(session, watched, most))
        if len(watched.routes) > most:
            left = watched.routes[most:]
            lines.append(Text(session.say("watch.more", ways=len(left), count=sum(one.total for one in left))))
        if not watched.routes:
            lines.append(Text(session.say("watch.empty"), style="green"))
    for one in alarms[:_ALARMS]:
        where = ": ".join(part for part in (session.detail(one.where), session.detail(one.detail)) if part)
        text = f"{one.code} {one.title(session.language)}" + (f" ({where})" if where else "")
        lines.append(Text(printable(text), style="yellow", no_wrap=True, overflow="ellipsis"))
    if len(alarms) > _ALARMS:
        lines.append(Text(session.say("watch.alarms", count=len(alarms) - _ALARMS), style="yellow"))
    return Group(*lines)


def _table(session: Session, watched: Watched, most: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(session.say("col.route"), no_wrap=True, overflow="ellipsis", max_width=28)
    for name in ("to_send", "put_off", "held", "answers", "urgent", "age"):
        table.add_column(session.say(f"watch.{name}"), justify="right", no_wrap=True)
    for one in watched.routes[:most]:
        counts = (one.to_send, one.put_off, one.held, one.answers, one.urgent)
        name = printable(one.route) + (" !" if one.silent else "")
        style = "yellow" if one.silent or one.held else ""
        table.add_row(Text(name), *(str(count or "·") for count in counts), _age(watched.at, one), style=style)
    return table


def _age(now: datetime, one: WatchedRoute) -> str:
    """In the largest unit that says something."""
    age = max(now - one.oldest, timedelta(0))
    for unit, text in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m")):
        if age >= 2 * unit:
            return f"{age // unit}{text}"
    return f"{round(age.total_seconds())}s"


def _shape(watched: Watched) -> WatchShape:
    pace = watched.pace
    routes = [
        watched_route_shape(
            one.route, (one.to_send, one.put_off, one.held, one.answers, one.urgent), one.oldest, silent=one.silent
        )
        for one in watched.routes
    ]
    counts = (pace.accepted, pace.forwarded, pace.offered, pace.confirmed, pace.failed)
    return watch_shape(watched.at, pace.seconds, counts, routes, watched.alarms)
