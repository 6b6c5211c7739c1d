"""``edxml-router pki``: a throw-away authority for demonstrations, tests and pilots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import click

from edxml_router.cli.commands import Group
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.cli.trust.delegation import adopt, request, sign
from edxml_router.core.detail import Detail
from edxml_router.core.link.manifest import instant
from edxml_router.services import trial_authority
from edxml_router.services.naming import agency_code
from edxml_router.services.trial_authority import IssuedRow, KeyFiles, KeyType
from edxml_router.shapes.trust import IssuedRowShape, IssuedShape, TrialAuthorityShape

_folder = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
_key_type = click.option(
    "--key-type",
    type=click.Choice([str(one) for one in KeyType]),
    default="ec",
    show_default=True,
    help="P-256, or RSA of 3072 bits.",
)
_DAYS = click.IntRange(1, 36500)
_days = click.option(
    "--days", type=_DAYS, default=trial_authority.LEAF_DAYS, show_default=True, help="How long they are valid."
)


@click.group(cls=Group)
def pki() -> None:
    """Make throw-away certificates. A production network uses its national authority's."""


for _command in (request, sign, adopt):
    pki.add_command(_command)


@pki.command()
@_folder
@click.option(
    "--days", type=_DAYS, default=trial_authority.AUTHORITY_DAYS, show_default=True, help="How long it is valid."
)
@json_option
@pass_session
def init(session: Session, folder: Path, days: int, as_json: bool) -> None:
    """Make a root, an issuing authority and anchors.pem in DIR."""
    anchors = trial_authority.init(folder, datetime.now(UTC), days)
    if as_json:
        made: TrialAuthorityShape = {"anchors": str(anchors), "crl": str(folder / trial_authority.LIST)}
        session.json(made)
        return
    session.line(session.say("pki.made", folder=folder, anchors=anchors))
    session.line(session.say("pki.throwaway"))


@pki.command()
@_folder
@click.option("--agency", "agencies", multiple=True, metavar="CODE", help="An agency's code; may be repeated.")
@click.option("--node", "nodes", multiple=True, metavar="NAME", help="A node's name; may be repeated.")
@click.option("--host", "hosts", multiple=True, metavar="HOST", help="Host names of the node, for TLS.")
@click.option(
    "--serves",
    multiple=True,
    metavar="CODE",
    help="An agency that the node serves; CODE.* means all at and below it. Proves the outcome of their mail.",
)
@_key_type
@_days
@json_option
@pass_session
def issue(
    session: Session,
    folder: Path,
    agencies: Sequence[str],
    nodes: Sequence[str],
    hosts: Sequence[str],
    serves: Sequence[str],
    key_type: str,
    days: int,
    as_json: bool,
) -> None:
    """Issue keys and certificates.

    They are CODE.key.pem and CODE.cert.pem in DIR.
    """
    if not agencies and not nodes:
        raise click.UsageError(for_people(Detail("name at least one --agency or --node")))
    if hosts and len(nodes) != 1:
        raise click.UsageError(for_people(Detail("--host goes with exactly one --node")))
    if serves and len(nodes) != 1:
        raise click.UsageError(for_people(Detail("--serves goes with exactly one --node")))
    now, kind = datetime.now(UTC), KeyType(key_type)
    served = trial_authority.served_names(serves)
    for agency in agencies:
        code = agency_code(agency).text  # as written: the file is named as the caller expects
        _show(session, code, trial_authority.issue(folder, code, now, kind, days), as_json)
    for node in nodes:
        _show(session, node, trial_authority.issue_node(folder, node, now, hosts, kind, days, served), as_json)


@pki.command("list")
@_folder
@json_option
@pass_session
def list_(session: Session, folder: Path, as_json: bool) -> None:
    """List what the authority in DIR has issued."""
    rows = trial_authority.issued(folder)
    if as_json:
        for row in rows:
            session.json(_row(row))
        return
    shown = [(row.serial, row.name, _day(row.issued), _day(row.until), _day(row.revoked)) for row in rows]
    session.table(("serial", "name", "issued", "until", "revoked"), shown)


@pki.command()
@_folder
@click.argument("serial")
@pass_session
def revoke(session: Session, folder: Path, serial: str) -> None:
    """Revoke a certificate, and write issuing.crl.pem anew.

    SERIAL is as `pki list` shows it.
    """
    session.line(str(trial_authority.revoke(folder, serial, datetime.now(UTC))))


@pki.command()
@_folder
@click.option(
    "--days", type=_DAYS, default=trial_authority.LIST_DAYS, show_default=True, help="Until the next one is due."
)
@pass_session
def crl(session: Session, folder: Path, days: int) -> None:
    """Write issuing.crl.pem anew, with the next number.

    Do it before its days are over, or envelopes wait.
    """
    session.line(str(trial_authority.publish(folder, datetime.now(UTC), days)))


def _show(session: Session, name: str, files: KeyFiles, as_json: bool) -> None:
    if as_json:
        key, certificate, anchors = map(str, (files.key, files.certificate, files.anchors))
        told: IssuedShape = {"name": name, "key_file": key, "certificate": certificate, "anchors": anchors}
        session.json(told)
        return
    session.line(session.say("pki.issued", agency=name, key=files.key, certificate=files.certificate))


def _day(at: str) -> date | None:
    return datetime.fromisoformat(at).date() if at else None


def _row(row: IssuedRow) -> IssuedRowShape:
    issued, until, revoked = (
        instant(datetime.fromisoformat(at)) if at else "" for at in (row.issued, row.until, row.revoked)
    )
    return {"serial": row.serial, "name": row.name, "issued": issued, "until": until, "revoked": revoked or None}
