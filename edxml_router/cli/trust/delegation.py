"""``edxml-router pki request``, ``sign`` and ``adopt``: a node issues the certificates of the nodes below it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from edxml_router.cli.commands import Command
from edxml_router.cli.files import read_whole
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import instant
from edxml_router.services import trial_authority
from edxml_router.services.trial_authority import KeyType
from edxml_router.services.trust import delegation
from edxml_router.shapes.trust import RequestedShape, SignedRequestShape

MOST = 1 << 20  # bytes of certificates
_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.command(cls=Command)
@_folder
@click.argument("name")
@click.option("--authority", is_flag=True, help="For an authority of NAME, which issues to nodes below it.")
@click.option("--depth", type=click.IntRange(0, 3), default=0, help="With --authority: so many authorities below it.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Host names of the node, for TLS.")
@click.option(
    "--serves", multiple=True, metavar="CODE", help="An agency that it serves, or certifies; CODE.* with all below."
)
@click.option(
    "--key-type", type=click.Choice([str(one) for one in KeyType]), default="ec", help="P-256, or RSA of 3072 bits."
)
@json_option
@pass_session
def request(
    session: Session,
    folder: Path,
    name: str,
    authority: bool,
    depth: int,
    hosts: Sequence[str],
    serves: Sequence[str],
    key_type: str,
    as_json: bool,
) -> None:
    """Make a key, and a request for its certificate.

    The key stays in DIR; NAME.request.pem goes to whoever is above, who signs it with `edxml-router pki sign`.
    """
    if authority and hosts:
        raise click.UsageError(for_people(Detail("--host goes with a node")))
    kind = KeyType(key_type)
    if authority:
        path, key = delegation.request_authority(folder, name, serves, depth, kind), trial_authority.ISSUING_KEY
    else:
        path, key = delegation.request_node(folder, name, hosts, serves, kind), f"{name}.key.pem"
    if as_json:
        told: RequestedShape = {"name": name, "key_file": str(folder / key), "request": str(path)}
        session.json(told)
        return
    session.line(session.say("pki.requested", name=name, key=folder / key, request=path))


@click.command(cls=Command)
@_folder
@click.argument("file", metavar="REQUEST", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--days", type=click.IntRange(1, 36500), default=trial_authority.LEAF_DAYS, show_default=True,
    help="How long it is valid; no longer than the authority.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Sign; without it only what is asked for is shown.")
@json_option
@pass_session
def sign(session: Session, folder: Path, file: Path, days: int, yes: bool, as_json: bool) -> None:
    """Sign a request, by the authority in DIR.

    It is for the certificate of a node, or of the authority of a node, below this one. An authority of a node may
    certify agencies at and below its own prefixes only.
    """
    asked = delegation.read_request(read_whole(str(file), delegation.REQUEST_LIMIT), str(file))
    now, path = datetime.now(UTC), folder / f"{asked.name}.cert.pem"
    until = delegation.may_sign(folder, asked, now, days)
    if yes:
        delegation.write_signed(path, delegation.sign_request(folder, asked, now, days))
    if as_json:
        told: SignedRequestShape = {
            "name": asked.name,
            "authority": asked.depth is not None,
            "serves": list(asked.serves),
            "until": instant(until),
            "certificate": str(path) if yes else None,
        }
        session.json(told)
        return
    key = "pki.signing_node" if asked.depth is None else "pki.signing_authority"
    session.line(session.say(key, name=asked.name, serves=", ".join(asked.serves) or "-", until=f"{until:%Y-%m-%d}"))
    session.line(session.say("pki.signed" if yes else "pki.unsigned", path=path))


@click.command(cls=Command)
@_folder
@click.argument("file", metavar="CERTIFICATE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--anchors", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="The root that it leads to, from whoever is above.",
)  # fmt: skip
@pass_session
def adopt(session: Session, folder: Path, file: Path, anchors: Path) -> None:
    """Take the certificate of the authority in DIR.

    From then on DIR is one for `edxml-router pki issue`, `sign`, `revoke` and `crl`, and for `edxml-router link`.
    """
    chain, roots = (read_whole(str(each), MOST) for each in (file, anchors))
    session.line(str(delegation.adopt(folder, chain, roots, datetime.now(UTC))))
