"""What would become of an envelope, told before its bytes are sent.

    told = forecast(node, "vp", Announcement("H53", ("H01.151",), size=40_000_000, attachments=(…)))

Everything that acceptance asks of what is written there is asked by the same functions, in the same order: markings,
sizes, the sender and its right, the signer's certificate with its chain and revocation, each recipient, and whether the
DocumentId belongs to other bytes. An envelope of a digest that this office handed in before is answered as if it came
again. A forecast promises nothing: it is of this moment, takes what it is told for true, and knows nothing of what only
the bytes show (the schema, the signature over them, the attachments themselves), nor of quotas and full disks when they
come. But who is refused here would have sent megabytes to hear the same.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow, identity
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.message import attachments, contents
from edxml_router.core.message.document_id import comparable
from edxml_router.core.message.envelope import Envelope, Kind
from edxml_router.core.message.letter_day import addressed_on
from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.core.signature.verdict import Indication, Verdict
from edxml_router.core.trust import bindings
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.trust.certificate import Signer
from edxml_router.services.gateway.announcement import AnnouncedFile, Announcement
from edxml_router.stages.acceptance import admission
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.rules import PeerRole
from edxml_router.wiring.stored import StoredNode

MOST_CERTIFICATES: Final = 10
_COMPARED: Final = 64 * 1024 * 1024  # bytes of an envelope that is opened to compare attachments


class RecipientForecast(NamedTuple):
    """``agency``: the canonical code that is meant, where one is; ``here``: an office of this node serves it;
    ``successors`` of an agency that is closed; ``state`` where it was accepted before."""

    written: str
    agency: str = ""
    here: bool = False
    finding: Finding | None = None
    successors: tuple[str, ...] = ()
    state: State | None = None


class SignerForecast(NamedTuple):
    """The certificate that is to sign."""

    signer: Signer | None
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """``finding``: the first reason why the whole would be refused or put off. ``before``: the envelope, where this
    office handed it in already; then nothing else is judged."""

    finding: Finding | None = None
    recipients: Sequence[RecipientForecast] = ()
    files: Mapping[str, Finding] = field(default_factory=dict)  # attachments that would be refused, by name
    signer: SignerForecast | None = None
    remarks: Sequence[Finding] = ()
    before: EnvelopeRow | None = None


def forecast(node: StoredNode, office: str, told: Announcement) -> Forecast:
    """See the module. Raises Refusal EDX418 for certificates that cannot be read."""
    before = _before(node, office, told.digest)
    if before is not None:
        standing = node.ledger.views.list_deliveries(digest=before.digest, limit=10_000)
        rows = [
            RecipientForecast(one.recipient, one.recipient, _is_here(node, one.route), state=one.state)
            for one in standing
        ]
        return Forecast(recipients=rows, before=before)
    envelope, now = told.envelope(), node.now()
    signer = _signer_of(node, told, now) if told.certificates.strip() else None
    files = _files(node, told)
    first = [
        _raised(node.bodies.require_room),
        _raised(lambda: _require_size(node, told)),
        next(iter(files.values()), None),
        _raised(lambda: admission.admit(node.rules, Submission(MemoryBody(b""), office, "http"), envelope, now)),
        *_sender(node, office, told, envelope, signer),
    ]
    return Forecast(
        next((one for one in first if one is not None), None),
        _reach(node, envelope, told.size),
        files,
        signer,
        _remarks(told.attachments),
    )


def _before(node: StoredNode, office: str, digest: str) -> EnvelopeRow | None:
    """An envelope that this office handed in before; None for any other, whoever sent it."""
    found = node.ledger.views.find_envelopes(office=office, digest=digest, limit=1) if digest else ()
    return found[0].envelope if found else None


def _raised(check: Callable[[], object]) -> Finding | None:
    try:
        check()
    except Trouble as trouble:
        return trouble.finding
    return None


def _require_size(node: StoredNode, told: Announcement) -> None:
    limits = node.rules.limits
    if told.size > limits.max_bytes:
        raise Refusal("EDX102", detail=Detail("{size} bytes; at most {most}", size=told.size, most=limits.max_bytes))
    if len(told.recipients) > limits.max_recipients:
        count, most = len(told.recipients), limits.max_recipients
        raise Refusal("EDX407", detail=Detail("{count} recipients, at most {most}", count=count, most=most))
    if len(told.attachments) > limits.max_attachments:
        count, most = len(told.attachments), limits.max_attachments
        raise Refusal("EDX210", detail=Detail("{count} attachments, at most {most}", count=count, most=most))


def _files(node: StoredNode, told: Announcement) -> Mapping[str, Finding]:
    limits, found = node.rules.limits, dict[str, Finding]()
    for one in told.attachments:
        if fault := attachments.name_fault(one.name, limits):
            found[one.name] = Finding("EDX209", one.name, fault)
        elif one.size > limits.max_attachment_bytes:
            detail = Detail("{size} bytes, at most {most}", size=one.size, most=limits.max_attachment_bytes)
            found[one.name] = Finding("EDX210", one.name, detail)
    return found


def _remarks(files: Sequence[AnnouncedFile]) -> Sequence[Finding]:
    """Of files whose first bytes were told: those that are not what they are declared to be."""
    found = (attachments.type_remark(one.content_type, one.begins, one.name) for one in files if one.content_type)
    return [one for one in found if one is not None]


def _signer_of(node: StoredNode, told: Announcement, now: datetime) -> SignerForecast:
    try:
        chain = certificates.read_all(told.certificates, "certificates")
    except Refusal as refusal:
        raise Refusal("EDX418", where="certificates", detail=refusal.finding.detail) from refusal
    if len(chain) > MOST_CERTIFICATES:
        detail = Detail("{count} certificates, at most {most}", count=len(chain), most=MOST_CERTIFICATES)
        raise Refusal("EDX418", where="certificates", detail=detail)
    trust = node.rules.trust.blocking(node.rules.bindings.blocked_keys(now))
    verdict = trust.judge([one.public_bytes(Encoding.DER) for one in chain], now)
    finding = verdict.finding or (None if verdict.signer else Finding("EDX311"))
    return SignerForecast(verdict.signer, finding)


def _sender(
    node: StoredNode, office: str, told: Announcement, envelope: Envelope, signer: SignerForecast | None
) -> Sequence[Finding | None]:
    """Who it is of, whether this office may bring it and the signer sign it, and whether its identity is free."""
    rules, now = node.rules, node.now()
    peer = rules.peers[office]
    try:
        sender = admission.sender_of(rules.registry, envelope, now)
        bindings.may_bring(peer.prefixes, peer.codes, sender, inside=True)
        bindings.refuse_blocked(rules.bindings, (sender,), now)
    except Trouble as trouble:
        return [trouble.finding]
    found: list[Finding | None] = []
    if signer is not None and signer.finding is not None:
        found.append(signer.finding)
    elif signer is not None or not told.signed:
        found.append(_raised(lambda: admission.authorise(rules, peer, _verdict(signer), sender, now)))
    found.append(_raised(lambda: _require_free(node, told, sender)))
    return found


def _verdict(signer: SignerForecast | None) -> Verdict:
    """The verdict on a signature that will hold, or on one that is not there."""
    if signer is None:
        return Verdict(Indication.ABSENT, "signature-missing", Finding("EDX301"))
    return Verdict(Indication.PASSED, "ok", None, signer.signer)


def _require_free(node: StoredNode, told: Announcement, sender: str) -> None:
    """Raise Refusal EDX404 where the DocumentId belongs to other bytes. Without a digest they may be the same."""
    if not told.document_id or not told.digest:
        return
    unique = identity(sender, Kind.DOCUMENT, int(told.business), told.digest, comparable(told.document_id))
    views = node.ledger.views
    for one in views.find_envelopes(document_id=told.document_id, sender=sender, kind=str(Kind.DOCUMENT), limit=50):
        if one.envelope.identity == unique and one.envelope.digest != told.digest:
            raise Refusal("EDX404", where="DocumentId", detail=_conflict(node, told, one.envelope))


def _conflict(node: StoredNode, told: Announcement, other: EnvelopeRow) -> Detail:
    """Software that writes a letter anew at each try meets this; so it is told whether its attachments are the same."""
    values = {"document_id": other.document_id, "digest": other.digest, "at": other.accepted_at}
    wanted = {one.name: one.digest for one in told.attachments if one.digest}
    body = node.bodies.open([other.digest]).get(other.digest) if wanted and other.size <= _COMPARED else None
    if body is not None:
        with suppress(Refusal):
            there = contents.opened(body, node.rules.limits, secrets.token_hex(16)).envelope.attachments
            digests = {one.sha256 for one in there}
            if differ := [name for name, digest in wanted.items() if digest not in digests]:
                names = ", ".join(differ)[:200]
                return Detail("{document_id} was accepted at {at} as {digest}, without {names}", **values, names=names)
            return Detail("{document_id} was accepted at {at} as {digest}, with these attachments", **values)
    return Detail("{document_id} was accepted at {at} as {digest}", **values)


def _reach(node: StoredNode, envelope: Envelope, size: int) -> Sequence[RecipientForecast]:
    """One recipient at a time, because each is to be answered, and then whether two mean the same."""
    rules, found, codes = node.rules, list[RecipientForecast](), set[str]()
    for party in envelope.to:
        written = party.organ_id
        try:
            [(code, route)] = admission.recipients_of(
                rules.registry,
                replace(envelope, to=(party,)),
                node.now(),
                lambda one: admission.route_for(rules, size, one),
            ).items()
            if code in codes:
                raise Refusal("EDX207", detail=Detail("{written} is {code}", written=written, code=code))
            codes.add(code)
            found.append(RecipientForecast(written, code, _is_here(node, route)))
        except Trouble as trouble:
            finding = Finding(trouble.code, written, trouble.finding.detail)
            meant = rules.registry.meaning(written, addressed_on(envelope)) or ""
            steps = rules.registry.successions(meant) if meant else ()
            agency = meant if meant and rules.registry.get(meant) else ""
            found.append(RecipientForecast(written, agency, False, finding, tuple(one.successor for one in steps)))
    return found


def _is_here(node: StoredNode, route: Route) -> bool:
    """Whether it leads to an office of this node, and not to the axis above, which is spoken to as one."""
    peer = node.rules.peers.get(route.name)
    return route.is_office and peer is not None and peer.role is PeerRole.OFFICE
