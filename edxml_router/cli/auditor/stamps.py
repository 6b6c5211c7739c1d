"""``edxml-router journal stamps``: the time stamps over the journal's checkpoints."""

from __future__ import annotations

import click

from edxml_router.cli.asking import database_option, open_asked
from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.services.proof import time_stamps
from edxml_router.shapes.evidence.time_stamp import time_stamp_shape
from edxml_router.wiring.reading import DatabasePlace


@click.command(cls=Command)
@click.option("--limit", type=click.IntRange(min=1, max=1000), default=50, show_default=True, help="At most so many.")
@click.option("--before", type=click.IntRange(min=1), metavar="SIZE", help="Only over checkpoints of fewer entries.")
@database_option
@json_option
@pass_session
def stamps(session: Session, limit: int, before: int | None, database: DatabasePlace | None, as_json: bool) -> None:
    """List the time stamps over the journal, the newest first.

    One is asked for every journal.stamp_interval of each authority in journal.stamps. `journal checkpoint --stamped
    --token OUT` writes what was stamped, and the stamp, for openssl.
    """
    with open_asked(session, database) as asked:
        found = time_stamps.kept_stamps(asked.views, None if before is None else (before, ""), limit)
    if as_json:
        for one in found:
            session.json(time_stamp_shape(one))
    elif found:
        session.table(("#entries", "at", "authority"), [(one.size, one.at, one.authority) for one in found])
    else:
        session.line(session.say("queue.empty"))
    if len(found) == limit:
        session.note(session.say("journal.stamps.cut", limit=limit, size=found[-1].size))
