"""``edxml-router check`` and ``sign``: envelopes as files, without a node and without a configuration."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click

from edxml_router.cli import files
from edxml_router.cli.commands import Command
from edxml_router.cli.opening import Size
from edxml_router.cli.session import Session, json_option, pass_session
from edxml_router.core.agencies.code import AgencyCode, Form
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.delivery.values import Body
from edxml_router.core.message import schema
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.message.letter_day import written_on
from edxml_router.core.message.safe_xml import Limits
from edxml_router.core.problems import Defect, Finding, Refusal, Trouble
from edxml_router.core.signature import signing
from edxml_router.core.signature.by_signxml import Indication, Verdict
from edxml_router.core.signature.form import Coverage
from edxml_router.core.trust.bindings import Bindings, refuse_blocked, speaks_for
from edxml_router.core.trust.certificate import read_all
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.core.wording import in_words
from edxml_router.credentials import keys, token_keys
from edxml_router.credentials.revocation import list_files
from edxml_router.language.texts import LANGUAGES, say
from edxml_router.resources import folder
from edxml_router.shapes.verdict import CheckOutcome, CheckShape, check_shape
from edxml_router.stages.admission import codes_of, recipients_of, sender_of
from edxml_router.stages.examination import examine
from edxml_router.stages.submission import Examined
from edxml_router.store import catalogue
from edxml_router.store.bodies import spool
from edxml_router.wiring import judging

SPEAKS, CONTRADICTS, UNJUDGED = "speaks-for-sender", "contradicts-sender", "not-judged"
LEGACY: Final = "unverifiable-legacy"
CHAIN_UNKNOWN: Final = "chain-unknown"
_EXPLANATIONS: Final = 5
_CATALOGUE: Final = frozenset({"EDX501", "EDX502", "EDX504"})  # another catalogue may know the code after all

_file = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Checked:
    """The verdict on one file. ``finding`` says why it is refused."""

    file: str
    finding: Finding | None
    examined: Examined | None = None
    reasons: tuple[schema.Explanation, ...] = ()
    open: tuple[Finding, ...] = ()  # what a node's catalogue would have to know
    authority: str = ""  # whether the signer speaks for the sender; "" where there is no signer who could

    @property
    def outcome(self) -> CheckOutcome:
        if self.finding is None:
            return "not-judged" if self.authority == UNJUDGED else "accepted"
        return "unread" if self.finding.code == files.UNREADABLE else "refused"


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
    trust = _trust(session, anchors, intermediates, crls)
    limits = Limits() if max_bytes is None else Limits(max_bytes=max_bytes, max_attachment_bytes=max_bytes)
    binding = session.config is not None
    agencies = _wiring("load_registry")(session.settings()) if binding else catalogue.load(folder("agency_codes"))
    now = datetime.now(UTC)
    for authority, trouble in trust.unfit(now):  # said at once, and not of the senders
        detail = f"{authority.subject.rfc4514_string()}: {trouble}"
        session.problem(Finding("EDX323", str(anchors or "trust.anchors"), detail))
    table = _wiring("trust_sources").bindings(session.settings(), agencies, needed=False) if binding else None
    if table is not None:
        trust = trust.blocking(table.blocked_keys(now))
    desk = _Desk(limits, trust, now, agencies, table, required=require_signature, anchored=bool(trust.anchors))
    wrong: list[Finding | None] = []
    counts: dict[CheckOutcome, int] = {"accepted": 0, "not-judged": 0, "refused": 0, "unread": 0}
    with session.progress(session.say("check.working"), len(names)) as advance:
        for file in names:
            checked = desk.check(file)
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


def _trust(session: Session, anchors: Path | None, intermediates: Path | None, crls: Sequence[Path]) -> TrustStore:
    """Whom to trust: as typed, else as the node does that was named, else nobody."""
    if anchors is None and session.config is not None and not (intermediates or crls):
        store: TrustStore = _wiring("trust_sources").trust_store(session.settings(), noting=False)
        return store
    lists = [one for path in crls for one in _lists(path)]
    store = TrustStore.from_pem(_certificates(anchors), _certificates(intermediates), lists)
    if anchors is None and (intermediates or crls):  # they would count for nothing, and a revoked signer would pass
        raise click.UsageError("--intermediates and --crl go with --anchors")
    return store


def _wiring(name: str) -> Any:
    """What needs the database's libraries: imported only where a node is named."""
    return getattr(import_module("edxml_router.wiring.node"), name)


def _certificates(path: Path | None) -> bytes:
    """The content of a file of certificates. What is wrong with it is said of the file as it was typed."""
    if path is None:
        return b""
    data = path.read_bytes()
    read_all(data, str(path))
    return data


def _lists(path: Path) -> tuple[RevocationList, ...]:
    """The lists of a file. One that cannot be used would be passed over in silence: EDX322."""
    found = list_files.read(path)
    for one in found:
        if one.trouble:
            raise Refusal("EDX322", where=str(path), detail=f"{one.name}: {one.trouble}")
    return found


@dataclass(frozen=True, slots=True)
class _Desk:
    """What files are held against, the same for each."""

    limits: Limits
    trust: TrustStore
    now: datetime
    agencies: Registry
    table: Bindings | None  # of a node, whose agencies these are; None: they are the ones that came with the program
    required: bool
    anchored: bool

    def check(self, file: str) -> Checked:
        data: bytes | Body = b""
        try:
            with TemporaryDirectory(prefix="edxml-router-") as room:
                data = files.read(file, self.limits.max_bytes, partial(_set_down, Path(room)))
                examined = _examined(data, self.limits, self.trust, self.now)
        except Trouble as trouble:
            # xmlschema explains what lxml only names; it is too slow for the router's own path, not for a person.
            wanted = data if isinstance(data, bytes) and trouble.code == "EDX201" else b""
            explained = schema.explain(wanted, limits=self.limits) if wanted else ()
            return Checked(file, trouble.finding, reasons=explained)
        except Exception as error:  # noqa: BLE001  # a mistake of ours about one file must not keep the others waiting
            return Checked(file, Defect(f"judging the file: {in_words(error)}").finding)
        objection = _objection(examined.verdict, required=self.required, anchored=self.anchored)
        unknown = list(_unaddressed(self.agencies, examined.envelope, self.now))
        if objection is None:
            objection = next((one for one in unknown if self.table is not None or one.code not in _CATALOGUE), None)
        authority, contradiction = self._authority(examined)
        objection = objection or contradiction
        remarks = tuple(one for one in unknown if one != objection)
        return Checked(file, objection, examined, open=remarks, authority=authority)

    def _authority(self, examined: Examined) -> tuple[str, Finding | None]:
        """Whether the signer speaks for the sender, as far as it can be known, and the finding where it does not.

        Of a signer whose authority is not known it is asked as well: no node takes the one for the other either.
        """
        verdict, signer = examined.verdict, examined.verdict.signer
        written = examined.envelope.sender.organ_id
        sender = self.agencies.meaning(written, written_on(examined.envelope)) or written
        if signer is None or not (verdict.indication is Indication.PASSED or _reason(verdict) == CHAIN_UNKNOWN):
            return "", self._block_of(sender)
        meaning = codes_of(self.agencies, signer, self.now)
        codes = {meaning(code) for code in signer.agencies}
        opaque = [one for one in (written, *signer.agencies) if _is_opaque(self.agencies, one)]
        if self.table is None and sender not in codes and (opaque or not any(codes)):
            return UNJUDGED, None  # a node's table or catalogue may say that the one is the other
        try:
            speaks_for(signer, sender, self.table or Bindings(), self.now, canonical=meaning)
        except Refusal as refusal:
            found = Finding(refusal.code, "From/OrganId", refusal.finding.detail)
            return CONTRADICTS if refusal.code == "EDX402" else "", found
        return SPEAKS if verdict.indication is Indication.PASSED else "", None

    def _block_of(self, sender: str) -> Finding | None:
        """A blocked agency sends nothing, signed or not."""
        try:
            refuse_blocked(self.table or Bindings(), (sender,), self.now)
        except Refusal as refusal:
            return Finding(refusal.code, "From/OrganId", refusal.finding.detail)
        return None


def _is_opaque(agencies: Registry, text: str) -> bool:
    """A code that says nothing by its form, and that this catalogue does not know."""
    if agencies.canonical_or_none(text) in agencies:
        return False
    try:
        return AgencyCode.parse(text).form is Form.TECHNICAL
    except Refusal:
        return True


def _unaddressed(agencies: Registry, envelope: Envelope, now: datetime) -> Iterable[Finding]:
    """What stands in the way of the codes of sender and recipients, as a node asks when it takes the message."""
    for what, ask in (("From/OrganId", sender_of), ("", partial(recipients_of, reach=str))):
        try:
            ask(agencies, envelope, now)
        except Refusal as refusal:
            yield Finding(refusal.code, refusal.finding.where or what, refusal.finding.detail)


def _examined(data: bytes | Body, limits: Limits, trust: TrustStore, now: datetime) -> Examined:
    """In a process of its own: whatever a file does to that, the others are checked."""

    def work() -> Examined | Exception:
        try:
            return examine(data, limits, trust, now)
        except Exception as error:  # noqa: BLE001  # raised again where it is dealt with
            return error

    seconds = judging.seconds_for(len(data), judging.MOST_TIME)
    try:
        found = judging.apart(work, seconds)
    except judging.Ended as ended:
        raise ended.trouble(seconds) from None
    if isinstance(found, Exception):
        raise found
    return found


def _set_down(room: Path, pieces: Iterable[bytes]) -> Body:
    """A copy of a large file, which nobody else can change while it is judged."""
    try:
        return spool.receive(room, pieces)
    except OSError as error:
        raise spool.setback(error) from error


def _objection(verdict: Verdict, *, required: bool, anchored: bool) -> Finding | None:
    """Why the signature stands in the way, if it does."""
    if verdict.indication is Indication.PASSED:
        return None
    if required or verdict.indication is Indication.FAILED:
        return verdict.finding
    # Anchors were given to be used; but what old software wrote cannot be verified by anybody.
    if anchored and verdict.indication is Indication.INDETERMINATE and verdict.reason != LEGACY:
        return verdict.finding
    return None


def _shape(checked: Checked) -> CheckShape:
    examined = checked.examined
    return check_shape(
        checked.file,
        checked.outcome,
        checked.finding,
        examined.digest if examined else "",
        examined.envelope if examined else None,
        examined.verdict if examined else None,
        authority=checked.authority,
        reason=_reason(examined.verdict) if examined else "",
        remedy=_remedy(checked) or None,
        remarks=(*examined.remarks, *checked.open) if examined else (),
        expected=checked.reasons,
    )


def _reason(verdict: Verdict) -> str:
    """Without --anchors every chain is unknown; that the operator of a node named none is another matter."""
    return CHAIN_UNKNOWN if verdict.reason == "no-anchors" else verdict.reason


def _show(session: Session, checked: Checked) -> None:
    finding, examined = checked.finding, checked.examined
    said = session.say(f"check.{checked.outcome}")
    style = {"accepted": "bold green", "not-judged": "bold yellow"}.get(checked.outcome, "bold red")
    session.line(f"{checked.file}: {said}", style)
    if finding:
        session.problem(finding, about=checked.file, out=True, remedy=_remedy(checked).get(session.language))
    for one in checked.reasons[:_EXPLANATIONS]:
        session.line(f"    {one.path}: {one.expected} ← {one.found}")
    if examined is None:
        return
    session.line("  " + "  ".join(_summary(session, examined)))
    for remark in (*examined.remarks, *checked.open):
        where = f" ({session.detail(remark.where)})" if remark.where else ""
        detail = f": {session.detail(remark.detail)}" if remark.detail else ""
        session.line(f"  {session.say('error.remark')}: {remark.code} {remark.title(session.language)}{detail}{where}")


def _remedy(checked: Checked) -> Mapping[str, str]:
    """Where the table's advice is to call this command, another one, by language; else nothing."""
    if checked.finding is None or checked.finding.code != "EDX201":
        return {}
    key = "check.expected" if checked.reasons else "check.correct"
    return {language: say(language, key) for language in LANGUAGES}


def _summary(session: Session, examined: Examined) -> Iterable[str]:
    envelope, verdict = examined.envelope, examined.verdict
    yield session.say(f"kind.{envelope.kind}")
    yield envelope.status_code or session.say(f"business.{int(envelope.business)}")
    recipients = envelope.recipients
    shown = ", ".join(recipients[:3]) + (f", … ({len(recipients)})" if len(recipients) > 3 else "")
    yield f"{envelope.sender.organ_id} → {shown}"
    yield envelope.document_id
    signer = f", {verdict.signer.subject}" if verdict.signer else ""
    indication = session.say(f"signature.{verdict.indication}")
    yield f"{session.say('check.signature')}: {indication} ({_reason(verdict)}{signer})"
    if envelope.attachments:
        yield session.say("check.attachments", count=len(envelope.attachments))


@click.command(cls=Command)
@click.argument("file", type=files.File)
@click.option("--key", required=True, metavar="PEM", help="Private key, RSA or EC, mode 0600; or pkcs11:… in a token.")
@click.option("--cert", required=True, type=_file, metavar="PEM", help="Its certificate, then any intermediates.")
@click.option("--parts", is_flag=True, help="Sign header, body and attachments by Id instead of the whole document.")
@click.option("--max-bytes", type=Size(), metavar="SIZE", help='Largest envelope, e.g. "256 MiB"; 64 MiB if not given.')
@click.option("-o", "--output", required=True, type=_file, metavar="OUT", help='File to write; "-" is standard output.')
@pass_session
def sign(session: Session, file: str, key: str, cert: Path, parts: bool, max_bytes: int | None, output: Path) -> None:
    """Sign the envelope FILE with XML-DSig and write it to OUT. "-" reads standard input.

    The whole document is signed; with --parts the signature stays valid when a relay adds a trace.
    """
    limits = Limits() if max_bytes is None else Limits(max_bytes=max_bytes, max_attachment_bytes=max_bytes)
    for given in (Path(file), Path(key), cert):
        if output.exists() and given.exists() and output.samefile(given):
            raise Refusal("EDX908", where=str(output), detail=f"the same file as {given}, which would be lost")
    data = files.read_whole(file, limits.max_bytes)
    coverage = Coverage.PARTS if parts else Coverage.WHOLE
    opened, chain = token_keys.open_key(key), keys.load_certificates(cert)
    try:
        signed = signing.sign(data, opened, chain, coverage, limits)
    except Refusal as refusal:
        problem, where = refusal.finding, ", ".join(filter(None, (file, refusal.finding.where)))
        if refusal.code == "EDX903":  # of an address in a token only what is no secret
            where = f"{key.partition('?')[0]}, {cert}"
        raise Refusal(problem.code, where=where, detail=problem.detail) from refusal
    if str(output) == files.STDIO:
        sys.stdout.buffer.write(signed)
        return
    try:
        output.write_bytes(signed)
    except OSError as error:
        raise Refusal("EDX908", where=str(output), detail=error.strerror or "") from error
    digest = hashlib.sha256(signed).hexdigest()
    session.note(session.say("sign.done", file=output, digest=digest))
