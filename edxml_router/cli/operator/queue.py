"""``edxml-router queue``: the group of what operators look at and do."""

from __future__ import annotations

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.operator import acts, looks, quarantined


@click.group(cls=Group)
def queue() -> None:
    """Look at deliveries that have not ended, and act on them."""


for command in (looks.list_, looks.shape, looks.show, acts.hold, acts.release, acts.retry, acts.cancel):
    queue.add_command(command)
queue.add_command(quarantined.discard)
