"""``edxml-router demo``: a tree of nodes on this machine, whose e-offices write to each other."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, pass_session
from edxml_router.demo import folder as places
from edxml_router.demo import play


@click.command(cls=Command)
@click.argument(
    "folder", metavar="[DIR]", default=places.DEFAULT, type=click.Path(path_type=Path, file_okay=False, writable=True)
)
@click.option("--once", is_flag=True, help="End after the story, with 0 only if all went as expected.")
@click.option("--broker", is_flag=True, help="Over a private RabbitMQ; two offices attach over AMQP.")
@click.option("--load", type=click.IntRange(0), default=0, metavar="N", help="Send N more envelopes.")
@click.option("--kill", is_flag=True, help="kill -9 every node once while envelopes travel.")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Keep what was shown as an SVG."
)
@pass_session
def demo(session: Session, folder: Path, once: bool, broker: bool, load: int, kill: bool, picture: Path | None) -> None:
    """Run a tree of seven nodes on this machine, and watch.

    Their e-offices send each other signed envelopes, good and bad ones, and what must come of each is checked. The
    nodes, their keys and their databases are in DIR (by default ./edxml-router-demo), which must be new, empty, or left
    by an earlier run; it is emptied first. No configuration is needed. After the story the tree keeps running for you
    to play with, until Ctrl-C.
    """
    options = play.Options(folder, session.language, once, broker, load, kill, picture)
    click.get_current_context().exit(play.run(options))
