"""``edxml-router link``: what a child node or an office needs to connect to this node's hub, as files; and whether both
ends of a link believe the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.node.link_check import check
from edxml_router.cli.node.link_unproven import unproven
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.services.node import linking
from edxml_router.shapes.node import LinkShape


class NamesToo(Group):
    """``link NAME`` stands for ``link new NAME``: it was a command of its own before there were several."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        place = 0
        while args[place : place + 1] and args[place] in ("--config", "--lang"):
            place += 2
        first = args[place : place + 1]
        if first and first[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = [*args[:place], "new", *args[place:]]
        return super().parse_args(ctx, args)


@click.group(cls=NamesToo)
def link() -> None:
    """Connect a child or an office, or compare both ends of a link."""


link.add_command(check)
link.add_command(unproven)


@link.command()
@click.argument("name")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder to make; default NAME.")
@click.option("--office", is_flag=True, help="NAME is an office that attaches over AMQP, not a child node.")
@click.option(
    "--agency", "agencies", multiple=True, metavar="CODE", help="A child's prefix, or an agency of the office."
)
@click.option("--code", "codes", multiple=True, metavar="CODE", help="A single agency of a child besides its prefixes.")
@click.option(
    "--serves",
    multiple=True,
    metavar="CODE",
    help="What its certificate is to name (with --pki): agencies that NAME itself serves, CODE.* with all below; "
    "default: each --agency and --code, alone.",
)
@click.option("--host", help="The broker's name as NAME reaches it; default hub.host.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port; default hub.port.")
@click.option("--login", type=click.Choice(["password", "certificate"]), default="password", help="How NAME logs in.")
@click.option(
    "--pki", type=click.Path(path_type=Path, exists=True), help="Issue a certificate for NAME here (see pki)."
)
@json_option
@pass_session
def new(
    session: Session,
    name: str,
    folder: Path | None,
    office: bool,
    agencies: Sequence[str],
    codes: Sequence[str],
    serves: Sequence[str],
    host: str | None,
    port: int | None,
    login: str,
    pki: Path | None,
    as_json: bool,
) -> None:
    """Write what the child (or office) NAME needs to connect here.

    Two folders: here/ has the section for this node.toml and the broker's definitions (user, permissions, queues);
    there/ has the connection file, the password and the certificates, to be handed over in a safe way.
    """
    if office and codes:
        raise click.UsageError(for_people(Detail("--code is for children; name an office's agencies with --agency")))
    settings = session.settings()
    plan = linking.plan_link(
        settings,
        name,
        office=office,
        agencies=agencies,
        codes=codes,
        host=host or "",
        port=port,
        by_certificate=login == "certificate",
        serves=serves,
    )
    if not plan.somebody:
        raise click.UsageError(for_people(Detail("name at least one --agency: who lives there")))
    base = folder or Path(name)
    made = linking.write(plan, base, pki)
    files = [str(path) for path in made.files]
    if as_json:
        told: LinkShape = {"name": name, "role": str(plan.role), "files": files, "missing": list(made.missing)}
        session.json(told)
        return
    for file in files:
        session.line(file)
    here, there = base / "here", base / "there"
    session.line(session.say("link.next", here=here, there=there, file=settings.path))
    for key in made.missing:
        session.line(session.say(f"link.{key}", name=name, there=there))
