"""``edxml-router service``: have systemd run the node."""

from __future__ import annotations

from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.session import Session, pass_session
from edxml_router.services.node import installing
from edxml_router.services.node.installing import DATA, SERVICE, ServiceWishes

_CONFIG = Path("/etc/edxml-router/node.toml")


@click.command(cls=Command)
@click.option("--account", default=SERVICE, show_default=True, metavar="NAME", help="The account that runs the node.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    default=DATA,
    show_default=True,
    help="Folder of the node's data, while there is no node.toml to say it.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    default=Path("/"),
    help="Write the files into DIR instead of /, for an image or a package.",
)
@click.option("--replace", is_flag=True, help="Write over files that are there with another content.")
@click.option("--dry-run", is_flag=True, help="Show the files and commands, and do nothing.")
@pass_session
def service(session: Session, *, account: str, data: Path, root: Path, replace: bool, dry_run: bool) -> None:
    """Have systemd run the node.

    Writes a unit, an account, and folders that belong to it, for the configuration of --config, by default
    /etc/edxml-router/node.toml. When that is there, the node may write to the folders it names, and nowhere else: call
    this again when it names others. Nothing is started.
    """
    config = (session.config or _CONFIG).absolute()
    program = installing.installed_program()
    wishes = ServiceWishes(program, config, account, data.absolute(), root.absolute(), replace=replace)
    plan = installing.plan_service(wishes)
    if not dry_run:
        installing.install(plan)
    for path, text in plan.files:
        session.line(session.say("service.would-write" if dry_run else "service.written", file=path))
        for line in text.splitlines() if dry_run else ():
            session.line(f"  {line}")
    for command in plan.commands if dry_run else ():
        session.line(session.say("service.would-run", command=" ".join(command)))
    if not plan.files:
        session.line(session.say("service.unchanged"))
    if not dry_run and plan.commands:
        session.line(session.say("service.next", folder=config.parent, data=data))
