"""``edxml-router link``: what a child node or an office needs to connect to this node's hub, as files.

Two folders are written: ``here/`` for this node and its broker, ``there/`` to be handed over. Nothing is changed
anywhere else, so that a person looks at it before it holds. Fails with EDX901 (no hub, a name that is taken), EDX902
and EDX908 for files.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from edxml_router.cli.commands import Command
from edxml_router.cli.naming import agency_code
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.config import HubSettings, Settings
from edxml_router.config.values import Name
from edxml_router.core.problems import Refusal
from edxml_router.credentials import trial_authority as pki_files
from edxml_router.credentials.keys import write_new
from edxml_router.shapes.node import LinkShape
from edxml_router.transport import topology
from edxml_router.transport.definitions import definitions
from edxml_router.transport.topology import Role

PASSWORD_BYTES = 32
PRIVATE = 0o600
_UNPROVEN = (
    "# Its receipts do not count (EDX411) until its certificate stands here, or an authority for it:",
    '# certificate = "{name}.cert.pem"',
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A link to be made."""

    settings: Settings
    hub: HubSettings
    name: str
    role: Role
    agencies: Sequence[str]
    codes: Sequence[str]
    host: str
    port: int | None
    by_certificate: bool
    here: Path
    there: Path


@click.command(cls=Command)
@click.argument("name")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder to make; default NAME.")
@click.option("--office", is_flag=True, help="NAME is an office that attaches over AMQP, not a child node.")
@click.option(
    "--agency", "agencies", multiple=True, metavar="CODE", help="A child's prefix, or an agency of the office."
)
@click.option("--code", "codes", multiple=True, metavar="CODE", help="A single agency of a child besides its prefixes.")
@click.option("--host", help="The broker's name as NAME reaches it; default hub.host.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port; default hub.port.")
@click.option("--login", type=click.Choice(["password", "certificate"]), default="password", help="How NAME logs in.")
@click.option(
    "--pki", type=click.Path(path_type=Path, exists=True), help="Issue a certificate for NAME here (see pki)."
)
@json_option
@pass_session
def link(
    session: Session,
    name: str,
    folder: Path | None,
    office: bool,
    agencies: Sequence[str],
    codes: Sequence[str],
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
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise Refusal("EDX901", where="NAME", detail="a name has a-z, 0-9, hyphen and underscore") from error
    settings = session.settings()
    hub = settings.hub
    if hub is None:
        raise Refusal("EDX901", where=str(settings.path), detail="a link needs a section [hub]")
    if office and codes:
        raise click.UsageError("--code is for children; name an office's agencies with --agency")
    if login == "certificate" and hub.tls_ca is None:
        raise Refusal("EDX901", where="hub.tls_ca", detail="a log-in by certificate needs TLS")
    known = _known(settings, name, office)
    if not (known or agencies or codes):
        raise click.UsageError("name at least one --agency: who lives there")
    base = folder or Path(name)
    plan = Plan(
        settings,
        hub,
        name,
        Role.OFFICE if office else Role.CHILD,
        [agency_code(code).text for code in agencies],
        [agency_code(code).text for code in codes],
        host or hub.host or "",
        port or hub.port,
        login == "certificate",
        base / "here",
        base / "there",
    )
    for each in (base, plan.here, plan.there):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
        if each != base and any(each.iterdir()):  # before a certificate is issued in vain
            raise Refusal("EDX908", where=str(each), detail="the folder is not empty")
    _write(plan, pki, section=not known)
    files = sorted(str(path) for each in (plan.here, plan.there) for path in each.iterdir())
    if as_json:
        missing = [key.removeprefix("link.") for key in _missing(plan, pki)]
        made: LinkShape = {"name": name, "role": str(plan.role), "files": files, "missing": missing}
        session.json(made)
        return
    for file in files:
        session.line(file)
    session.line(session.say("link.next", here=plan.here, there=plan.there, file=settings.path))
    for key in _missing(plan, pki):
        session.line(session.say(key, name=name, there=plan.there))


def _missing(plan: Plan, pki: Path | None) -> Iterable[str]:
    """What this link still lacks to work, as the texts that say so. A child that is known has its section already."""
    settings, certified = plan.settings, pki is not None
    if plan.role is Role.CHILD:
        known = next((each for each in settings.children if each.name == plan.name), None)
        named = known is not None and (known.certificate or known.authority or known.unsigned_receipts)
        if not certified and not named:
            yield "link.child_unproven"
        if settings.node.certificate is None:
            yield "link.own_unproven"
    if plan.hub.tls_ca is not None and not certified:
        yield "link.no_tls_key"


def _known(settings: Settings, name: str, office: bool) -> bool:
    """Whether the configuration has this child or office already. A name of something else is refused."""
    children, offices = ({each.name for each in kind} for kind in (settings.children, settings.offices))
    if name in (offices if office else children):
        return True
    others = {settings.node.name, *children, *offices}
    if settings.parent is not None:
        others.add(settings.parent.name)
    if name in others:
        raise Refusal("EDX901", where=str(settings.path), detail=f"{name} is already taken")
    return False


def _write(plan: Plan, pki: Path | None, *, section: bool) -> None:
    settings, hub, name = plan.settings, plan.hub, plan.name
    if pki is not None:
        issued = pki_files.issue_node(pki, name, datetime.now(UTC))
        write_new(plan.there / f"{name}.key.pem", issued.key.read_bytes(), mode=PRIVATE)
        for each in (plan.here, plan.there):
            write_new(each / f"{name}.cert.pem", issued.certificate.read_bytes())
    if section:
        write_new(plan.here / "node.toml.part", _text(_section(plan, certified=pki is not None)))
    if hub.kind == "rabbitmq":
        password = None if plan.by_certificate else secrets.token_urlsafe(PASSWORD_BYTES)
        made = definitions(hub.vhost, name, plan.role, password, secrets.token_bytes(4))
        write_new(plan.here / "definitions.json", json.dumps(made, indent=1).encode() + b"\n", mode=PRIVATE)
        if password is not None:
            write_new(plan.there / f"{name}.password", password.encode() + b"\n", mode=PRIVATE)
    if hub.tls_ca is not None:
        write_new(plan.there / "hub-ca.pem", hub.tls_ca.read_bytes())
    if settings.node.certificate is not None:
        write_new(plan.there / f"{settings.node.name}.cert.pem", settings.node.certificate.read_bytes())
    write_new(plan.there / "node.toml.part", _text(_connection(plan)))


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _section(plan: Plan, *, certified: bool) -> Iterable[str]:
    """For this node's configuration."""
    yield f"[[{'offices' if plan.role is Role.OFFICE else 'children'}]]"
    yield _set("name", plan.name)
    if plan.role is Role.OFFICE:
        yield _set("agencies", plan.agencies)
        yield _set("attach", "amqp")
        return
    yield _set("prefixes", plan.agencies)
    if plan.codes:
        yield _set("codes", plan.codes)
    if certified:
        certificate = (plan.here / f"{plan.name}.cert.pem").absolute()
        yield _set("certificate", os.path.relpath(certificate, plan.settings.path.absolute().parent))
    else:
        yield from (line.format(name=plan.name) for line in _UNPROVEN)


def _connection(plan: Plan) -> Iterable[str]:
    """For the other side's configuration; an office's program reads it in its own way."""
    settings, hub = plan.settings, plan.hub
    if plan.role is Role.CHILD:
        yield "[parent]"
        yield _set("name", settings.node.name)
        if settings.node.certificate is not None:
            yield _set("certificate", f"{settings.node.name}.cert.pem")
        yield ""
        yield "[parent.hub]"
    else:
        exchange, key = topology.address(topology.submit(plan.name))
        yield "[office]"
        yield _set("exchange", exchange)
        yield _set("routing_key", key)
        yield _set("inbox", topology.inbox(plan.name))
        yield ""
        yield "[office.hub]"
    yield _set("kind", hub.kind)
    if hub.kind == "local":
        yield _set("path", str(hub.path))
        return
    yield _set("host", plan.host)
    if plan.port is not None:
        yield f"port = {plan.port}"
    yield _set("vhost", hub.vhost)
    yield _set("user", plan.name)
    if plan.by_certificate:
        yield _set("login", "certificate")
    else:
        yield _set("password_file", f"{plan.name}.password")
    if hub.tls_ca is not None:
        yield _set("tls_ca", "hub-ca.pem")
        yield _set("tls_certificate", f"{plan.name}.cert.pem")
        yield _set("tls_key", f"{plan.name}.key.pem")


def _set(key: str, value: str | Sequence[str]) -> str:
    return f"{key} = {json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)}"
