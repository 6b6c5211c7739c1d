"""The verdict on a message's signature, and the steps that lead to it with either engine.

:func:`judge_signature` goes the way that both engines share: the form of the signature
(:mod:`~edxml_router.core.signature.form`), the certificate and its chain (:mod:`~edxml_router.core.trust.chain`), the
spelling (:mod:`~edxml_router.core.signature.fields`), and only then the engine, with the signer's certificate pinned.
An engine never chooses whom to trust, and computes nothing for a signer who is not trusted. Whether the signer may
speak for the sender is asked afterwards, in :mod:`~edxml_router.core.trust.bindings`.

``judge_signature`` does not raise for bad input: everything that goes wrong becomes a verdict with a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature import form
from edxml_router.core.signature.form import Coverage, SignatureForm
from edxml_router.core.xml.safe_xml import NS, Element

if TYPE_CHECKING:  # who only shows a verdict need not wait for what judges certificates
    from cryptography import x509

    from edxml_router.core.signature.fields import Fields
    from edxml_router.core.trust.certificate import Signer
    from edxml_router.core.trust.chain import ChainVerdict, TrustStore

# The elements that were signed, in the order of ``SignatureForm.parts``; Refusal EDX112, EDX302,
# EDX303, EDX312, EDX320.
Check = Callable[[SignatureForm, "Fields", "x509.Certificate"], list[Element]]
# The message as signed, from the coverage, the tags of the signed elements, and these elements.
Assemble = Callable[[Coverage, tuple[str, ...], list[Element]], Element]


class Engine(StrEnum):
    """Which engine checks the digests: signxml (the reference), our own in
    :mod:`~edxml_router.core.signature.by_stream`, or both, which must then agree.
    """

    SIGNXML = "signxml"
    STREAM = "stream"
    BOTH = "both"


class Indication(StrEnum):
    """ETSI EN 319 102-1: passed; failed = proven bad; indeterminate = cannot be known; absent = not
    signed.
    """

    PASSED = "passed"
    FAILED = "failed"
    INDETERMINATE = "indeterminate"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a signature. ``finding`` is None only if it passed."""

    indication: Indication
    reason: str  # a slug: "ok", "signature-broken", "chain-unknown", …
    finding: Finding | None = None
    signer: Signer | None = None
    coverage: Coverage | None = None
    algorithm: str = ""
    marks: tuple[str, ...] = ()
    signed_root: Element | None = field(default=None, compare=False, repr=False)


LEGACY = "unverifiable-legacy"  # the reason of the old kit's Signature in the QCVN namespace

_FAILED, _UNKNOWN = Indication.FAILED, Indication.INDETERMINATE
_VERDICTS: Final = {
    "EDX112": (_UNKNOWN, "namespaces-costly"),
    "EDX109": (_FAILED, "comment-or-instruction"),
    "EDX301": (Indication.ABSENT, "signature-missing"),
    "EDX302": (_FAILED, "signature-broken"),
    "EDX303": (_FAILED, "signature-partial"),
    "EDX304": (_FAILED, "signature-doubled"),
    "EDX305": (_FAILED, "signature-moved"),
    "EDX306": (_UNKNOWN, "algorithm-not-allowed"),
    "EDX307": (_UNKNOWN, LEGACY),
    "EDX308": (_UNKNOWN, "chain-unknown"),
    "EDX309": (_FAILED, "certificate-expired"),
    "EDX310": (_UNKNOWN, "certificate-unfit"),
    "EDX311": (_UNKNOWN, "certificate-missing"),
    "EDX312": (_FAILED, "signature-structure"),
    "EDX313": (_FAILED, "certificate-revoked"),
    "EDX314": (_UNKNOWN, "revocation-unknown"),
    "EDX316": (_UNKNOWN, "no-anchors"),
    "EDX320": (_UNKNOWN, "signature-spelling"),
    "EDX323": (_UNKNOWN, "authority-unfit"),
    "EDX409": (_FAILED, "certificate-blocked"),
}

_NO_ANCHORS: Final = "EDX316"


def judge_signature(root: Element, trust: TrustStore, at: datetime, check: Check, assemble: Assemble) -> Verdict:
    """The verdict on the signature of the message ``root`` at the moment ``at`` (aware)."""
    try:
        found = form.read(root)
    except Refusal as refusal:
        return _refused(refusal.finding)
    if found is None:
        return _refused(Finding("EDX301"))
    chain = trust.judge(found.certificates, at)
    finding = chain.finding or (None if chain.leaf else Finding("EDX311"))
    signed: list[Element] = []
    # A stranger's digests are not worth computing: it is refused whatever they are. Where nobody was named to be
    # trusted nothing can be refused for that, and then a broken signature is broken, whoever made it.
    if chain.leaf is not None and (finding is None or finding.code == _NO_ANCHORS):
        try:
            given = _fields(root, chain.leaf)
            signed = _checked(check, found, given, chain.leaf)
        except Refusal as refusal:
            finding = refusal.finding
    if finding is not None:
        return _refused(finding, found, chain)
    # Not sooner: an engine's elements may be the message's own, which is read as it came when its signer is unknown.
    signed_root = assemble(found.coverage, found.parts, signed)
    return Verdict(
        Indication.PASSED, "ok", None, chain.signer, found.coverage, found.algorithm, chain.marks, signed_root
    )


def _checked(check: Check, found: SignatureForm, given: Fields, leaf: x509.Certificate) -> list[Element]:
    try:
        return check(found, given, leaf)
    except Refusal as refusal:
        lists = (given.canonical.prefixes, *(one.canonical.prefixes for one in given.references))
        if refusal.code == "EDX302" and any("#default" in listed for listed in lists):
            # lxml does not hand it on to libxml2. Mostly it changes nothing; where it does, nobody altered anything.
            raise Refusal("EDX320", where=form.PLACE, detail=Detail("#default in a PrefixList")) from refusal
        raise


def _fields(root: Element, leaf: x509.Certificate) -> Fields:
    """The fields of the signature, in a spelling that both engines read alike."""
    from edxml_router.core.signature import fields  # noqa: PLC0415  # as above

    signature = root.find(f"{form.ENVELOPE}/{form.HEADER}/{form.SIGNATURE}")
    given = fields.read(signature, leaf)
    fields.check_inherited(signature[0], given.canonical)
    if any(reference.uri for reference in given.references):
        parts = {f"#{part.get('Id')}": part for part in form.parts(root)}
        for reference in given.references:
            fields.check_inherited(parts[reference.uri], reference.canonical)
    return given


def _refused(finding: Finding, found: SignatureForm | None = None, chain: ChainVerdict | None = None) -> Verdict:
    indication, reason = _VERDICTS[finding.code]
    verdict = Verdict(indication, reason, finding)
    if found is not None:
        verdict = replace(verdict, coverage=found.coverage, algorithm=found.algorithm)
    if chain is not None:
        verdict = replace(verdict, signer=chain.signer, marks=chain.marks)
    return verdict


def put_together(coverage: Coverage, tags: tuple[str, ...], elements: list[Element]) -> Element:
    """The message as signed, from the signed ``elements`` of these ``tags``, each a document of its own. For parts, an
    edXML of exactly the signed parts is put together.
    """
    if coverage is Coverage.WHOLE:
        return elements[0]
    by_tag = dict(zip(tags, elements, strict=True))
    root = etree.Element(form.ROOT, nsmap={None: NS})
    envelope = etree.SubElement(root, form.ENVELOPE)
    etree.SubElement(envelope, form.HEADER).append(by_tag[form.MESSAGE_HEADER])
    if form.BODY in by_tag:
        envelope.append(by_tag[form.BODY])
    if form.ATTACHMENTS in by_tag:
        root.append(by_tag[form.ATTACHMENTS])
    return root
