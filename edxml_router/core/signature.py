"""The verdict on a message's signature; the only file that knows signxml.

    verdict = verify(data, root, trust, at)
    verdict.indication      # passed, failed, indeterminate, absent (words of ETSI EN 319 102-1)
    verdict.signed_root     # the tree of exactly what was signed; the reader takes values from nothing else

Order: the form of the signature (:mod:`~edxml_router.core.signature_form`), the certificate and its chain
(:mod:`~edxml_router.core.trust`), and only then signxml, with *bytes*, the pinned certificate, the exact
place, the number of references and closed sets of algorithms. signxml never chooses whom to trust: by default
that is every authority of the public web. Whether the signer may speak for the sender is asked afterwards, in
:mod:`~edxml_router.core.authority`.

``verify`` does not raise for bad input: everything that goes wrong becomes a verdict with a finding.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from edxml_router.core import signature_form as form
from edxml_router.core.certificate import Signer
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.safe_xml import NS, Element
from edxml_router.core.signature_form import Coverage, Form
from edxml_router.core.trust import ChainVerdict, TrustStore

__all__ = ["LEGACY", "Coverage", "Indication", "Signer", "Verdict", "verify"]

# At DEBUG signxml prints whole documents, which hold personal data.
logging.getLogger("signxml").setLevel(logging.INFO)


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
}

_LOCATION = f"./{form.ENVELOPE}/{form.HEADER}/"
_METHODS = frozenset(item for item in SignatureMethod if item.value in form.SIGNATURE_METHODS)
_DIGESTS = frozenset(item for item in DigestAlgorithm if item.value in form.DIGEST_METHODS)


# A signature of a stranger's certificate is not accepted; but a broken one is broken, whoever made it.
_STRANGER: Final = frozenset({"EDX308", "EDX316"})


class _Verifier(XMLVerifier):
    """signxml with one correction. lxml's inclusive canonical form of an *inner* element loses a default
    namespace declared above it, so signxml refuses ``<Signature xmlns="…">`` whose SignedInfo is in Canonical
    XML 1.0: what .NET, Java and xmlsec write by default. Standing alone, the element is canonicalised rightly.
    """

    def _c14n(
        self, nodes: Element, algorithm: CanonicalizationMethod, inclusive_ns_prefixes: list[str] | None = None
    ) -> bytes:
        if nodes.getparent() is not None:
            nodes = etree.fromstring(etree.tostring(nodes, with_tail=False), self.parser)
        canonical: bytes = super()._c14n(nodes, algorithm, inclusive_ns_prefixes)
        return canonical


class _Tools(threading.local):
    """signxml's parser, one per thread: threads that share one wait for each other, and making one for each
    message costs a tenth of the verification. huge_tree: attachments above 10 MB of text."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            huge_tree=True, resolve_entities=False, no_network=True, load_dtd=False, encoding="utf-8"
        )


_tools = _Tools()


def verify(data: bytes, root: Element, trust: TrustStore, at: datetime) -> Verdict:
    """The verdict on the signature of ``data``, which was parsed into ``root``, at the moment ``at``
    (aware).
    """
    try:
        found = form.read(root)
    except Refusal as refusal:
        return _refused(refusal.finding)
    if found is None:
        return _refused(Finding("EDX301"))
    chain = trust.judge(found.certificates, at)
    finding = chain.finding or (None if chain.leaf else Finding("EDX311"))
    signed_root = None
    if chain.leaf is not None and (finding is None or finding.code in _STRANGER):
        try:
            signed_root = _signed(data, found, chain.leaf, at)
        except Refusal as refusal:
            finding = refusal.finding
    if finding is not None:
        return _refused(finding, found, chain)
    return Verdict(
        Indication.PASSED, "ok", None, chain.signer, found.coverage, found.algorithm, chain.marks, signed_root
    )


def _refused(finding: Finding, found: Form | None = None, chain: ChainVerdict | None = None) -> Verdict:
    indication, reason = _VERDICTS[finding.code]
    verdict = Verdict(indication, reason, finding)
    if found is not None:
        verdict = replace(verdict, coverage=found.coverage, algorithm=found.algorithm)
    if chain is not None:
        verdict = replace(verdict, signer=chain.signer, marks=chain.marks)
    return verdict


def _signed(data: bytes, found: Form, leaf: x509.Certificate, at: datetime) -> Element:
    """Check signature and digests with signxml; the tree of what was signed, or EDX302/EDX312."""
    expected = SignatureConfiguration(
        require_x509=True,
        location=_LOCATION,
        expect_references=len(found.parts),
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        verification_time=at,
        # XMLDSig 4.4.3.2: without a canonicalisation among the transforms it is Canonical XML 1.0.
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    try:
        result = _Verifier().verify(
            data, x509_cert=leaf, id_attribute="Id", parser=_tools.parser, expect_config=expected
        )
        return _signed_tree(found, result if isinstance(result, list) else [result])
    except etree.C14NError as error:
        # E.g. a relative namespace address: such a document has no canonical form.
        raise Refusal("EDX312", where=form.PLACE, detail="the message has no canonical form") from error
    except (MemoryError, Refusal):
        raise  # short of memory is not the sender's fault
    except Exception as error:  # signxml lets through whatever lxml, base64 and cryptography raise
        raise Refusal("EDX302", where=form.PLACE, detail=type(error).__name__) from error


def _signed_tree(found: Form, results: list[VerifyResult]) -> Element:
    """The message as signed. For parts, an edXML of exactly the signed parts is put together."""
    elements = [result.signed_xml for result in results]
    if [None if item is None else item.tag for item in elements] != list(found.parts):
        raise Refusal("EDX303", where=form.PLACE, detail="other elements are signed than those referenced")
    if found.coverage is Coverage.WHOLE:
        return elements[0]
    by_tag = dict(zip(found.parts, elements, strict=True))
    root = etree.Element(form.ROOT, nsmap={None: NS})
    envelope = etree.SubElement(root, form.ENVELOPE)
    etree.SubElement(envelope, form.HEADER).append(by_tag[form.MESSAGE_HEADER])
    if form.BODY in by_tag:
        envelope.append(by_tag[form.BODY])
    if form.ATTACHMENTS in by_tag:
        root.append(by_tag[form.ATTACHMENTS])
    return root
