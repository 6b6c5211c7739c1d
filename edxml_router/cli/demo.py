"""``edxml-router demo``: a tree of nodes on this machine, whose e-offices write to each other."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, for_people, pass_session
from edxml_router.core.detail import Detail
from edxml_router.demo import folder as places
from edxml_router.demo import play
from edxml_router.demo.axis.faults import FAULTS
from edxml_router.demo.axis.show import AxisOptions, show_axis


@click.command(cls=Command)
@click.argument(
    "given", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False, writable=True)
)
@click.option("--once", is_flag=True, help="End after the story, with 0 only if all went as expected.")
@click.option("--broker", is_flag=True, help="Over a private RabbitMQ; two offices attach over AMQP.")
@click.option("--load", type=click.IntRange(0), default=0, metavar="N", help="Send N more envelopes.")
@click.option("--kill", is_flag=True, help="kill -9 every node once while envelopes travel.")
@click.option(
    "--picture", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Keep what was shown as an SVG."
)
@click.option("--axis", is_flag=True, help="Run a test axis for makers of e-office software.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, writable=True),
    metavar="DIR",
    help="With --axis: work in this folder, and leave it afterwards.",
)
@click.option("--webhook", metavar="URL", help="With --axis: the address that is called for the office van-thu.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=click.Choice(tuple(FAULTS)),
    metavar="NAME",
    help="With --axis: a trouble that is planted from the start.",
)
@pass_session
def demo(
    session: Session,
    given: Path | None,
    once: bool,
    broker: bool,
    load: int,
    kill: bool,
    picture: Path | None,
    axis: bool,
    folder: Path | None,
    webhook: str | None,
    faults: tuple[str, ...],
) -> None:
    """Run a tree of seven nodes on this machine, and watch.

    Their e-offices send each other signed envelopes, good and bad ones, and what must come of each is checked. The
    nodes, their keys and their databases are in DIR (by default ./edxml-router-demo), which must be new, empty, or left
    by an earlier run; it is emptied first. No configuration is needed. After the story the tree keeps running for you
    to play with, until Ctrl-C.

    With --axis it is a test axis instead: two nodes with their gateways, addresses and credentials for two offices of
    yours, an office that answers by itself, and troubles on request. DIR/README.md says how to begin. Afterwards the
    folder is removed, unless you have named it.
    """
    if not axis and (folder or webhook or faults):
        raise click.UsageError(for_people(Detail("--folder, --webhook and --fault need --axis")))
    if axis:
        chosen = folder or given
        wanted = AxisOptions(chosen or places.DEFAULT, session.language, chosen is not None, webhook, faults)
        click.get_current_context().exit(show_axis(wanted))
    folder = given or places.DEFAULT
    options = play.Options(folder, session.language, once, broker, load, kill, picture)
    click.get_current_context().exit(play.run(options))
