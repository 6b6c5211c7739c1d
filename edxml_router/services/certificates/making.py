"""Make a delivery certificate of a document: what this node's journal says of it, with the proofs, signed.

    data = certify(node, identity, settings, "H53,2026/11/27,1/UBND", "", now)

The certificate is made of what is in the journal under the checkpoint that says most of it. Raises Refusal EDX606,
EDX613 and EDX659 for a document, EDX658 where the node has no key, or what is to be told is not under a checkpoint yet;
EDX603 for a letter that is damaged; Setback EDX909 for a token, and what the views raise.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from cryptography import x509

from edxml_router.config import Settings
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.asice import container
from edxml_router.core.delivery.lifecycle import outcome
from edxml_router.core.delivery.views import EnvelopeHistory
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.checkpoint import TreeHead
from edxml_router.core.proof.note import VerifierKey
from edxml_router.core.proof.time_stamp import bare_token, completed_token
from edxml_router.core.signature import form
from edxml_router.core.trust import certificate as certificates
from edxml_router.core.xml import safe_xml
from edxml_router.credentials.identities import SigningIdentity, log_signer
from edxml_router.ports.views import Views
from edxml_router.services import auditor
from edxml_router.services.auditor import EnvelopeStory
from edxml_router.services.certificates import page
from edxml_router.services.certificates.checkpoint import best_checkpoint, stamp_holds, witness_keys
from edxml_router.services.certificates.claims import Ground, claims
from edxml_router.services.certificates.decisions import (
    KnownStanding,
    authorities_of,
    decision_record,
    read_decision,
)
from edxml_router.services.certificates.entries import (
    accepted_in,
    entry_files,
    read_entries,
    telling_entries,
    unsigned_checkpoint,
)
from edxml_router.services.certificates.statements import (
    Judge,
    SignedEnd,
    proven_ends,
    read_statements,
    statement_files,
)
from edxml_router.services.certificates.verifying import JOURNAL_STAMP, LETTER, LOG_KEY, PAGE, STATEMENT
from edxml_router.shapes.delivery import traced_delivery_shape
from edxml_router.shapes.envelope import envelope_shape
from edxml_router.shapes.evidence.certificate import certificate_shape
from edxml_router.shapes.evidence.decision import DecisionShape
from edxml_router.stages.forwarding.bodiless import report_missing_body
from edxml_router.stages.node import Node

SIGNER_SOUGHT_IN: Final = 4 * 1024 * 1024  # bytes of a letter that is parsed for the certificate of who signed it
# Gives a time stamp over these bytes, or None where none is to be had now.
Stamper = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class CertificateOrder:
    """Of what a certificate is wanted. ``document``: a DocumentId, or a digest's beginning; ``recipient``: a canonical
    code, empty for all; ``office``: only of what this office sent."""

    document: str
    recipient: str = ""
    office: str = ""
    with_letter: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a certificate encloses besides the entries: how deliveries ended, and by what the letter was judged."""

    ends: Sequence[SignedEnd]
    decision: DecisionShape
    standings: Sequence[KnownStanding]


def certify(
    node: Node,
    identity: SigningIdentity | None,
    settings: Settings,
    order: CertificateOrder,
    now: datetime,
    stamp: Stamper | None = None,
) -> bytes:
    """The certificate, as things stand now."""
    if identity is None:
        raise Refusal("EDX658", where=str(settings.path), detail=Detail("node.key and node.certificate are not set"))
    views = node.ledger.views
    told = _told(views, order)
    files = _entries(views, told.trace, settings)
    chain = [x509.load_der_x509_certificate(each) for each in identity.certificates]
    ends = _ends(node, told.trace, chain[1:], now, files)
    letter = _letter(node, told.trace.envelope.digest, required=order.with_letter)
    accepted = accepted_in(read_entries(files, None, ()).said)
    decision, enclosed = decision_record(node.rules, accepted, _letter_signers(letter), now)
    files.update(enclosed)
    standings = read_decision(files, decision, accepted, authorities_of(node.rules.trust))
    if order.with_letter:
        files[LETTER] = letter or b""

    registry = node.rules.registry

    def sign(data: bytes) -> bytes:
        return base64.b64decode(identity.sign(data))

    def signed(files: Mapping[str, bytes], *, stamped: bool) -> dict[str, bytes]:
        contents = _contents(
            settings, told, files, Found(ends, decision, standings), chain[0], now, registry, stamped=stamped
        )
        return container.signed({**contents, **files}, chain, now, sign)

    for hoped in _hoped(files) if stamp is not None else ():
        # The page tells of the stamp, which is over the page: so it is written for the stamp that is hoped for.
        members = signed(hoped, stamped=True)
        token = stamp(container.to_stamp(members)) if stamp is not None else None
        if token is None:
            break
        if _is_whole(hoped, token, files):
            return container.sealed(members, token)
    return container.sealed(signed(files, stamped=False))


def _hoped(files: Mapping[str, bytes]) -> Iterator[Mapping[str, bytes]]:
    """The files for a stamp of the authority that has stamped the checkpoint, whose certificates are then there once;
    and for one of another."""
    if JOURNAL_STAMP in files:
        yield {**files, JOURNAL_STAMP: bare_token(files[JOURNAL_STAMP])}
    yield files


def _is_whole(hoped: Mapping[str, bytes], token: bytes, files: Mapping[str, bytes]) -> bool:
    """Whether the stamp ``token`` shows what was left out."""
    if JOURNAL_STAMP not in files:
        return True
    return completed_token(hoped[JOURNAL_STAMP], token) == files[JOURNAL_STAMP]


def _told(views: Views, order: CertificateOrder) -> EnvelopeStory:
    """The one letter that is meant; statuses and changes of a document have its id as well."""
    found = auditor.find(views, order.document)
    if order.office:
        found = [one for one in found if one.envelope.peer == order.office and one.envelope.channel != "link"]
    if len(found) > 1:
        found = [one for one in found if one.envelope.kind == Kind.DOCUMENT] or found
    if not found:
        raise Refusal("EDX606", where=order.document[:100])
    if len(found) > 1:
        shown = ", ".join(one.envelope.digest[:16] for one in found)
        raise Refusal("EDX613", where=order.document[:100], detail=shown)
    past = auditor.history(views, found[0].envelope.digest, order.recipient)
    if not past.told:
        raise Refusal("EDX659", where=order.document[:100], detail=Detail("no entry tells of its acceptance"))
    [told] = past.told
    if not told.trace.deliveries:
        raise Refusal("EDX606", where=order.recipient or order.document[:100])
    return told


def _entries(views: Views, trace: EnvelopeHistory, settings: Settings) -> dict[str, bytes]:
    """The entries with their proofs under one checkpoint, the key that signed it, and its time stamp."""
    lines = telling_entries(trace.lines, len(trace.deliveries))
    places = [line.position for line in lines if line.position is not None]
    least = max(places, default=0) + 1
    newest = views.signed_checkpoint(least) or views.checkpoint()
    if newest is None or len(places) < len(lines) or newest.size < least:
        raise Refusal("EDX658", where="journal", detail=Detail("the newest entries are not under a checkpoint yet"))
    signer = log_signer(settings)
    if signer is not None and (
        found := best_checkpoint(views, least, signer.verifier, witness_keys(settings), partial(stamp_holds, settings))
    ):
        stamp = {JOURNAL_STAMP: found.token} if found.token else {}
        proofs = entry_files(views, places, found.size, found.note)
        return {**proofs, LOG_KEY: f"{signer.verifier.text}\n".encode(), **stamp}
    head = TreeHead(settings.origin, newest.size, bytes.fromhex(newest.root))
    return entry_files(views, places, newest.size, unsigned_checkpoint(head))


def _ends(
    node: Node, trace: EnvelopeHistory, above: Sequence[x509.Certificate], now: datetime, files: dict[str, bytes]
) -> Sequence[SignedEnd]:
    """How deliveries ended, as the nodes have signed where they did; their statements get into ``files``."""
    proven = proven_ends(trace.receipts, [(one.recipient, one.state.value) for one in trace.deliveries])
    if not proven:
        return ()
    wanted = {signed.signer for one in proven for signed in (one.end, *one.passes) if signed}
    with node.ledger.book() as book:
        chains = book.signers.chains(wanted)
    judge = Judge(node.rules.nodes, now)
    enclosed = statement_files(proven, chains, above, judge)
    files.update(enclosed)
    return read_statements(enclosed, above, judge)


def _contents(
    settings: Settings,
    told: EnvelopeStory,
    files: Mapping[str, bytes],
    found: Found,
    signer: x509.Certificate,
    now: datetime,
    registry: Registry,
    *,
    stamped: bool,
) -> dict[str, bytes]:
    """The statement and the page."""
    trace = told.trace
    key = VerifierKey.read(files[LOG_KEY].decode().strip()) if LOG_KEY in files else None
    entries = read_entries(files, key, witness_keys(settings))
    ground = Ground(
        node=settings.node.name,
        signer=signer.subject.rfc4514_string(),
        origin=entries.head.origin,
        size=entries.head.size,
        entries=len(entries.entries),
        log_signed=entries.signed,
        witnesses=entries.witnesses,
        others_signed=entries.others,
        outcomes=[(one.recipient, one.state) for one in trace.deliveries],
        ends=found.ends,
        standings=found.standings,
        letter_signed=bool(trace.envelope.signer),
        digest=trace.envelope.digest,
        with_letter=LETTER in files,
        stamp_enclosed=stamped or JOURNAL_STAMP in files,
        gone=told.gone,
    )
    proved, not_proved = claims(ground)
    statement = certificate_shape(
        settings.node.name,
        settings.node.title,
        now,
        envelope_shape(trace.envelope),
        outcome(one.state for one in trace.deliveries),
        [
            traced_delivery_shape(one, trace.envelope.document_id, told.paths.get(one.recipient, trace.envelope.hops))
            for one in trace.deliveries
        ],
        entries.entries,
        found.decision,
        with_letter=LETTER in files,
        proved=proved,
        not_proved=not_proved,
    )
    text = json.dumps(statement, ensure_ascii=False, indent=1) + "\n"
    codes = (trace.envelope.sender, *(one.recipient for one in trace.deliveries))
    names = {code: agency.name for code in codes if (agency := registry.get(code))}
    return {STATEMENT: text.encode(), PAGE: page.write(statement, proved, not_proved, ground.signer, names)}


def _letter(node: Node, digest: str, *, required: bool) -> bytes | None:
    """The letter's bytes; None where they are not here any more and not wanted. Raises Refusal EDX603."""
    data = node.bodies.read([digest]).get(digest)
    if data is None and required:
        raise report_missing_body(node, digest)
    return data


def _letter_signers(letter: bytes | None) -> tuple[x509.Certificate, ...]:
    """The certificates that the letter's own signature shows."""
    if letter is None or len(letter) > SIGNER_SOUGHT_IN:
        return ()
    try:
        signature = form.read(safe_xml.parse(letter, safe_xml.Limits(max_bytes=SIGNER_SOUGHT_IN)))
        return tuple(certificates.read(each) for each in signature.certificates) if signature else ()
    except Refusal:
        return ()
