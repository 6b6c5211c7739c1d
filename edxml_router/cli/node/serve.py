"""``edxml-router init`` and ``serve``: make a node, and run it."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, pass_session
from edxml_router.services.node import serving


@click.command(cls=Command)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", required=True, help="Name of the node: a-z, 0-9, hyphen, underscore.")
@click.option("--title", default="", help="Its name for people.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of its data, if not beside node.toml.",
)
@pass_session
def init(session: Session, folder: Path, name: str, title: str, data: Path | None) -> None:
    """Make a node in DIR: node.toml, data folder and database.

    A node.toml that is there already is not touched; the database is brought up to date. Called by root in a folder of
    another account, it makes everything as that account.
    """
    file, new = serving.initialise(folder, name, title, data)
    if not new:
        session.note(session.say("file.exists", file=file), "yellow")
    session.line(session.say("init.done", file=file))
    session.line(session.say("init.next", file=file))


@click.command(cls=Command)
@pass_session
def serve(session: Session) -> None:
    """Run the node: its worker processes, until SIGTERM or Ctrl-C. SIGHUP reloads the configuration.

    Brings the database up to date before it starts, but makes none: where there is none the volume may not be mounted
    (EDX617). The log is on standard error. While one runs on the same data folder, another refuses to start (EDX609);
    so does one whose mail another takes already (EDX620), or whose database is another node's (EDX619).
    """
    click.get_current_context().exit(serving.serve(session.settings()))
