"""Check envelopes outside a node: safety, schema, content rules, signature, and, as far as that can be known, whether
the signer may sign for the sender.

    desk = open_desk(None, Authorities(anchors), None, required=False)
    checked = desk.check("letter.edxml", read)

Nothing is changed, and no database is opened or needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.agencies.code import AgencyCode, CodeForm
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.body import NOTHING, Body
from edxml_router.core.detail import Detail, joined
from edxml_router.core.message.envelope import Envelope
from edxml_router.core.message.letter_day import written_on
from edxml_router.core.problems import Defect, Finding, Refusal, Trouble
from edxml_router.core.signature.verdict import Indication, Verdict
from edxml_router.core.trust.bindings import Bindings, refuse_blocked, speaks_for
from edxml_router.core.trust.certificate import read_all
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.trust.revocation_list import RevocationList
from edxml_router.core.wording import in_words
from edxml_router.core.xml import schema
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.credentials import sources
from edxml_router.credentials.revocation import list_files
from edxml_router.resources import folder
from edxml_router.services.reading import UNREADABLE, Read
from edxml_router.shapes.verdict import CheckOutcome
from edxml_router.stages.acceptance.admission import codes_of, recipients_of, sender_of
from edxml_router.stages.acceptance.examination import examine
from edxml_router.stages.acceptance.submission import Examination
from edxml_router.store import catalogue
from edxml_router.store.bodies import spool
from edxml_router.wiring import judging
from edxml_router.wiring.agencies import load_registry

SPEAKS, CONTRADICTS, UNJUDGED = "speaks-for-sender", "contradicts-sender", "not-judged"
LEGACY: Final = "unverifiable-legacy"
CHAIN_UNKNOWN: Final = "chain-unknown"
_CATALOGUE: Final = frozenset({"EDX501", "EDX502", "EDX504"})  # another catalogue may know the code after all


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The verdict on one file. ``finding`` says why it is refused."""

    file: str
    finding: Finding | None
    examined: Examination | None = None
    reasons: tuple[schema.Explanation, ...] = ()
    open: tuple[Finding, ...] = ()  # codes that only a node's catalogue may know
    authority: str = ""  # whether the signer speaks for the sender; "" where there is no signer who could

    @property
    def outcome(self) -> CheckOutcome:
        if self.finding is None:
            return "not-judged" if self.authority == UNJUDGED else "accepted"
        return "unread" if self.finding.code == UNREADABLE else "refused"

    @property
    def reason(self) -> str:
        """Why the signature has its verdict, as :func:`_reason` tells it; empty where nothing was examined."""
        return _reason(self.examined.verdict) if self.examined else ""


@dataclass(frozen=True, slots=True)
class CheckingDesk:
    """What envelopes are checked against."""

    limits: Limits
    trust: TrustStore
    now: datetime
    agencies: Registry
    table: Bindings | None  # of a node, whose agencies these are; None: they are the ones that came with the program
    required: bool
    anchored: bool
    unfit: tuple[Finding, ...] = ()  # authorities of which nothing can ever pass (EDX323)

    def check(self, file: str, read: Read) -> CheckedFile:
        """The verdict on one envelope; its problems are never raised."""
        body: Body = NOTHING
        try:
            with TemporaryDirectory(prefix="edxml-router-") as room:
                body = read(file, self.limits.max_bytes, partial(_set_down, Path(room)))
                examined = _examined(body, self.limits, self.trust, self.now)
        except Trouble as trouble:
            # xmlschema explains what lxml only names; it is too slow for the router, but not for a person.
            wanted = body.held if trouble.code == "EDX201" else None
            explained = schema.explain(wanted, limits=self.limits) if wanted else ()
            return CheckedFile(file, trouble.finding, reasons=explained)
        except Exception as error:  # noqa: BLE001  # a mistake of ours about one file must not keep the others waiting
            return CheckedFile(file, Defect(Detail("judging the file: {reason}", reason=in_words(error))).finding)
        objection = _objection(examined.verdict, required=self.required, anchored=self.anchored)
        unknown = list(_unaddressed(self.agencies, examined.envelope, self.now))
        if objection is None:
            objection = next((one for one in unknown if self.table is not None or one.code not in _CATALOGUE), None)
        authority, contradiction = self._authority(examined)
        objection = objection or contradiction
        remarks = tuple(one for one in unknown if one != objection)
        return CheckedFile(file, objection, examined, open=remarks, authority=authority)

    def _authority(self, examined: Examination) -> tuple[str, Finding | None]:
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
        """Refuse a blocked agency, signed or not."""
        try:
            refuse_blocked(self.table or Bindings(), (sender,), self.now)
        except Refusal as refusal:
            return Finding(refusal.code, "From/OrganId", refusal.finding.detail)
        return None


@dataclass(frozen=True, slots=True)
class Authorities:
    """The files of those who are trusted, as they were typed; where none are, those of the node that is named, else
    nobody. Intermediates and lists without ``anchors`` would count for nothing."""

    anchors: Path | None = None
    intermediates: Path | None = None
    crls: tuple[Path, ...] = ()


def open_desk(
    settings: Settings | None, authorities: Authorities, max_bytes: int | None, *, required: bool
) -> CheckingDesk:
    """Read what envelopes are held against: agencies and bindings as a node's settings have them, or the packaged
    agencies. ``required``: refuse what has no signature that passes. Raises Refusal EDX322, EDX902, EDX903 for files.
    """
    trust = _trust(settings, authorities)
    agencies = load_registry(settings) if settings is not None else catalogue.load_catalogue(folder("agency_codes"))
    now = datetime.now(UTC)
    unfit = [  # said at once, and not of the senders
        Finding(
            "EDX323",
            str(authorities.anchors or "trust.anchors"),
            joined(": ", (one.subject.rfc4514_string(), trouble)),
        )
        for one, trouble in trust.unfit(now)
    ]
    table = sources.bindings(settings, agencies, needed=False) if settings is not None else None
    if table is not None:
        trust = trust.blocking(table.blocked_keys(now))
    limits = Limits.up_to(max_bytes)
    return CheckingDesk(limits, trust, now, agencies, table, required, bool(trust.anchors), tuple(unfit))


def _is_opaque(agencies: Registry, text: str) -> bool:
    """A code that says nothing by its form, and that this catalogue does not know."""
    if agencies.canonical_or_none(text) in agencies:
        return False
    try:
        return AgencyCode.parse(text).form is CodeForm.TECHNICAL
    except Refusal:
        return True


def _unaddressed(agencies: Registry, envelope: Envelope, now: datetime) -> Iterable[Finding]:
    """What stands in the way of the codes of sender and recipients, as a node asks when it takes the message."""
    for what, ask in (("From/OrganId", sender_of), ("", partial(recipients_of, reach=str))):
        try:
            ask(agencies, envelope, now)
        except Refusal as refusal:
            yield Finding(refusal.code, refusal.finding.where or what, refusal.finding.detail)


def _examined(body: Body, limits: Limits, trust: TrustStore, now: datetime) -> Examination:
    """Examine in a separate process: whatever a file does to it, the others are still checked."""

    def work() -> Examination | Exception:
        try:
            return examine(body, limits, trust, now)
        except Exception as error:  # noqa: BLE001  # raised again where it is dealt with
            return error

    seconds = judging.seconds_for(body.size, judging.MOST_TIME)
    try:
        found = judging.apart(work, seconds)
    except judging.ProcessEnded as ended:
        raise ended.trouble(seconds) from None
    if isinstance(found, Exception):
        raise found
    return found


def _set_down(room: Path, pieces: Iterable[bytes]) -> Body:
    """A private copy of a large file, which nobody else can change while it is judged."""
    try:
        return spool.set_down(room, pieces)
    except OSError as error:
        raise spool.disk_setback(error) from error


def _objection(verdict: Verdict, *, required: bool, anchored: bool) -> Finding | None:
    """The finding if the signature leads to a refusal."""
    if verdict.indication is Indication.PASSED:
        return None
    if required or verdict.indication is Indication.FAILED:
        return verdict.finding
    # Anchors were given to be used, but legacy signatures cannot be verified by anybody.
    if anchored and verdict.indication is Indication.INDETERMINATE and verdict.reason != LEGACY:
        return verdict.finding
    return None


def _trust(settings: Settings | None, typed: Authorities) -> TrustStore:
    if settings is not None and typed == Authorities():
        return sources.trust_store(settings, noting=False)
    lists = [one for path in typed.crls for one in _lists(path)]
    return TrustStore.from_pem(_certificates(typed.anchors), _certificates(typed.intermediates), lists)


def _certificates(path: Path | None) -> bytes:
    """The content of a certificate file. A problem names the file as it was typed."""
    if path is None:
        return b""
    data = path.read_bytes()
    read_all(data, str(path))
    return data


def _lists(path: Path) -> tuple[RevocationList, ...]:
    """The lists in a file. EDX322 for an unusable one, which would otherwise be ignored silently."""
    found = list_files.read(path)
    for one in found:
        if one.trouble:
            raise Refusal("EDX322", where=str(path), detail=joined(": ", (one.name, one.trouble)))
    return found


def _reason(verdict: Verdict) -> str:
    """Without --anchors every chain is unknown; a node whose operator configured none is another matter."""
    return CHAIN_UNKNOWN if verdict.reason == "no-anchors" else verdict.reason
