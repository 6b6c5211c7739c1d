"""``edxml-router certificate``: what can be proved of a document, as a file, and its verification."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Group, exit_with
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.certificates import issuing, verifying
from edxml_router.services.certificates.issuing import CertificateOrder
from edxml_router.services.certificates.verifying import VerifiedCertificate
from edxml_router.shapes.evidence.certificate import certificate_verification_shape

_SHARED: Final = ("--config", "--lang")
_file = click.Path(path_type=Path, dir_okay=False)


class CertificateGroup(Group):
    """A group in which a document stands for ``issue`` and the document."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = 0
        while at < len(args) and args[at].partition("=")[0] in _SHARED:
            at += 1 if "=" in args[at] else 2
        if at < len(args) and args[at] not in (*self.commands, "-h", "--help"):
            args = [*args[:at], "issue", *args[at:]]
        return super().parse_args(ctx, args)


@click.group(cls=CertificateGroup)
def certificate() -> None:
    """Certify what became of a document, and verify that.

    `edxml-router certificate DOCUMENT -o FILE.asice` is short for `certificate issue`.
    """


@certificate.command()
@click.argument("document")
@click.option("--recipient", metavar="CODE", default="", help="Only of the way to this agency.")
@click.option("--with-letter", is_flag=True, help="Enclose the signed original.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help='File; "-" is standard output.',
)
@pass_session
def issue(session: Session, document: str, recipient: str, with_letter: bool, output: Path) -> None:
    """Write the certificate of a DOCUMENT to a file.

    The file (ASiC-E) holds what the journal says of the document, the proof that it is in the journal, and a page to
    print, all signed with node.key, and stamped by an authority of journal.stamps. Whoever gets it verifies it without
    this node.
    """
    order = CertificateOrder(document, recipient, with_letter=with_letter)
    data = issuing.issue(session.settings(), order, session.problem)
    files.write(output, data)
    if str(output) != files.STDIO:
        session.note(session.say("certificate.written", size=len(data), file=output))


@certificate.command()
@click.argument("file", type=files.File)
@click.option("--anchors", required=True, type=_file, metavar="FILE", help="Authorities of nodes (PEM) that you trust.")
@click.option("--crl", "crls", type=_file, multiple=True, metavar="FILE", help="A revocation list; may be repeated.")
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A journal's or witness's key that you know; may be repeated."
)
@click.option(
    "--stamp-anchors", type=_file, metavar="FILE", help="Roots of time stamp authorities (PEM) that you trust."
)
@json_option
@pass_session
def verify(
    session: Session,
    file: str,
    anchors: Path,
    crls: Sequence[Path],
    keys: Sequence[str],
    stamp_anchors: Path | None,
    as_json: bool,
) -> None:
    """Verify the certificate in a FILE, and say what it proves.

    Needs neither a node nor the network. The anchors must come from a source that you trust, not with the certificate.
    """
    try:
        found = verifying.verify_file(file, anchors, crls, keys, datetime.now(UTC), stamp_anchors)
    except Refusal as refusal:
        if as_json:
            session.json(certificate_verification_shape(file, refusal.finding))
        _refused(session, refusal.finding, file, as_json=as_json)
        return
    if as_json:
        session.json(
            certificate_verification_shape(
                file,
                None,
                found.statement,
                found.signer,
                found.signed_at,
                found.stamped,
                found.journal_stamped,
                found.witnesses,
                [session.detail(each) for each in found.proved],
                [session.detail(each) for each in found.not_proved],
            )
        )
    else:
        _show(session, found)


@certificate.command()
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="OUT", default=Path(files.STDIO), help="File.")
def script(output: Path) -> None:
    """Print the script that verifies without this program.

    It is one of the POSIX shell, and needs openssl (3 or later), unzip, sha256sum and xxd.
    """
    files.write(output, verifying.script())


def _refused(session: Session, finding: Finding, file: str, *, as_json: bool) -> None:
    if not as_json:
        session.problem(finding, about=file)
    exit_with([finding])


def _show(session: Session, found: VerifiedCertificate) -> None:
    statement = found.statement
    envelope = statement["envelope"]
    session.line(session.say("certificate.holds"), "bold green")
    session.line(f"{envelope['document_id']}  {envelope['sender']}  {envelope['digest']}", "bold")
    session.table(
        ("recipient", "state", "at", "problem"),
        [
            (
                one["recipient"],
                session.say(f"state.{one['state']}"),
                one["ended_at"] or one["updated_at"],
                one["problem"]["code"] if one["problem"] else "",
            )
            for one in statement["deliveries"]
        ],
    )
    session.table(
        ("place", "at", "event", "recipient"),
        [(one["position"], one["at"], one["event"], one["recipient"] or "") for one in statement["entries"]],
    )
    for key, sentences in (("certificate.proved", found.proved), ("certificate.not_proved", found.not_proved)):
        session.line(session.say(key), "bold")
        for each in sentences:
            session.line(f"- {session.detail(each)}")
