"""``edxml-router check``: envelopes as files, held against everything that a node would hold against them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command
from edxml_router.cli.parameters import Size
from edxml_router.cli.session import Session, for_people, json_option, pass_session
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.problems import Finding
from edxml_router.core.signature.verdict import Verdict
from edxml_router.language.texts import LANGUAGES, say
from edxml_router.services.checking import Authorities, CheckedFile, open_desk
from edxml_router.shapes.verdict import CheckOutcome, CheckShape, check_shape

_EXPLANATIONS: Final = 5
_file = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="FILE...", type=files.File)
@click.option("--anchors", type=_file, metavar="FILE", help="Certificates of the authorities to trust.")
@click.option("--intermediates", type=_file, metavar="FILE", help="Intermediate certificates that signers leave out.")
@click.option("--crl", "crls", type=_file, multiple=True, metavar="FILE", help="A revocation list; may be repeated.")
@click.option("--require-signature", is_flag=True, help="Refuse what has no signature that passes.")
@click.option("--max-bytes", type=Size(), metavar="SIZE", help='Largest envelope, e.g. "256 MiB"; 64 MiB if not given.')
@json_option
@pass_session
def check(
    session: Session,
    names: Sequence[str],
    anchors: Path | None,
    intermediates: Path | None,
    crls: Sequence[Path],
    require_signature: bool,
    max_bytes: int | None,
    as_json: bool,
) -> None:
    """Check envelopes: safety, schema, content rules, signature. "-" reads standard input.

    Needs no configuration and changes nothing. A broken signature is always refused. Without --anchors nobody is
    trusted, so a sound signature stays indeterminate; it is refused only with --require-signature. With --anchors
    every XML signature must pass. With --config the agencies are looked up as that node does; otherwise in the
    catalogue that came with the program, and a code that is not there is only remarked. Without --anchors of your own,
    --config also means the anchors, revocation lists and answers of that node. What a file suffers from does not stop
    the others.

    Where the codes in the certificate contradict the sender, the file is refused. Where the certificate has no code,
    only a node's table of bindings knows whether it speaks for the sender: "not judged". With --config this node's
    table is asked. The exit status is that of the refusals' problem (1, mostly), 66 if nothing is wrong but that some
    cannot be read.
    """
    settings = session.settings() if session.config is not None else None
    authorities = Authorities(anchors, intermediates, tuple(crls))
    desk = open_desk(settings, authorities, max_bytes, required=require_signature)
    if anchors is None and (intermediates or crls):  # they would count for nothing, and a revoked signer would pass
        raise click.UsageError(for_people(Detail("--intermediates and --crl go with --anchors")))
    for finding in desk.unfit:
        session.problem(finding)
    wrong: list[Finding | None] = []
    counts: dict[CheckOutcome, int] = {"accepted": 0, "not-judged": 0, "refused": 0, "unread": 0}
    with session.progress(session.say("check.working"), len(names)) as advance:
        for file in names:
            checked = desk.check(file, files.read)
            counts[checked.outcome] += 1
            wrong += [checked.finding] if checked.outcome in ("refused", "unread") else []
            if as_json:
                session.json(_shape(checked))
            else:
                _show(session, checked)
            advance(1)
    if len(names) > 1 and not as_json:
        told = {key.replace("-", "_"): count for key, count in counts.items()}
        session.line(session.say("check.summary", **told))
    files.exit_after(wrong)


def _shape(checked: CheckedFile) -> CheckShape:
    examined = checked.examined
    return check_shape(
        checked.file,
        checked.outcome,
        checked.finding,
        examined.digest if examined else "",
        examined.envelope if examined else None,
        examined.verdict if examined else None,
        authority=checked.authority,
        reason=checked.reason,
        remedy=_remedy(checked) or None,
        remarks=(*examined.remarks, *checked.open) if examined else (),
        expected=checked.reasons,
    )


def _show(session: Session, checked: CheckedFile) -> None:
    finding, examined = checked.finding, checked.examined
    said = session.say(f"check.{checked.outcome}")
    style = {"accepted": "bold green", "not-judged": "bold yellow"}.get(checked.outcome, "bold red")
    session.line(f"{checked.file}: {said}", style)
    if finding:
        session.problem(finding, about=checked.file, out=True, remedy=_remedy(checked).get(session.language))
    for one in checked.reasons[:_EXPLANATIONS]:
        session.line(f"    {one.path}: {session.detail(one.expected)} ← {session.detail(one.found)}")
    if examined is None:
        return
    session.line("  " + "  ".join(_summary(session, examined.envelope, examined.verdict, checked.reason)))
    for remark in (*examined.remarks, *checked.open):
        where = f" ({session.detail(remark.where)})" if remark.where else ""
        why = f": {session.detail(remark.detail)}" if remark.detail else ""
        session.line(f"  {session.say('error.remark')}: {remark.code} {remark.title(session.language)}{why}{where}")


def _remedy(checked: CheckedFile) -> Mapping[str, str]:
    """Where the table's advice is to call this command, another one, by language; else nothing."""
    if checked.finding is None or checked.finding.code != "EDX201":
        return {}
    key = "check.expected" if checked.reasons else "check.correct"
    return {language: say(language, key) for language in LANGUAGES}


def _summary(session: Session, envelope: Envelope, verdict: Verdict, reason: str) -> Iterable[str]:
    yield session.say(f"kind.{envelope.kind}")
    yield envelope.status_code or session.say(f"business.{int(envelope.business)}")
    recipients = envelope.recipients
    shown = ", ".join(recipients[:3]) + (f", … ({len(recipients)})" if len(recipients) > 3 else "")
    yield f"{envelope.sender.organ_id} → {shown}"
    yield envelope.document_id
    signer = f", {verdict.signer.subject}" if verdict.signer else ""
    indication = session.say(f"signature.{verdict.indication}")
    yield f"{session.say('check.signature')}: {indication} ({reason}{signer})"
    if envelope.attachments:
        yield session.say("check.attachments", count=len(envelope.attachments))
