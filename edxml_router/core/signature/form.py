"""The only two forms a signature may have here, checked on the parsed tree before any cryptography.

*Whole*: one reference ``URI=""`` with the enveloped transform. *Parts*: one reference by ``Id`` to each of
MessageHeader, edXMLBody and AttachmentEncoded that the message has. One ``Signature``, directly under ``edXMLHeader``;
no ``Object``, no ``Manifest``, no XPath, XSLT or base64 transforms; no comments or instructions; each id once.
Everything else is refused: signature wrapping lives on what a verifier permits by default.

:func:`read` gives the :class:`Form` of the one signature, ``None`` when there is no signature at all.
:func:`check_placement` alone may run before the schema, so that a doubled or moved signature is called that.

Fails with :class:`Refusal`: EDX109, EDX303 (coverage), EDX304 (several), EDX305 (place), EDX306 (algorithm or
transform), EDX307 (legacy), EDX311 (no certificate), EDX312 (structure).
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.safe_xml import DSIG, NS, Element

PLACE = "/edXML/edXMLEnvelope/edXMLHeader/Signature"

ROOT = f"{{{NS}}}edXML"
ENVELOPE = f"{{{NS}}}edXMLEnvelope"
HEADER = f"{{{NS}}}edXMLHeader"
MESSAGE_HEADER = f"{{{NS}}}MessageHeader"
TRACES = f"{{{NS}}}TraceHeaderList"
BODY = f"{{{NS}}}edXMLBody"
ATTACHMENTS = f"{{{NS}}}AttachmentEncoded"
BUSINESS_KIND = f"{{{NS}}}BussinessDocType"

SIGNATURE = f"{{{DSIG}}}Signature"
LEGACY_SIGNATURE = f"{{{NS}}}Signature"  # written by the old kit; not XML-DSig, whatever it contains

ENVELOPED = f"{DSIG}enveloped-signature"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_INCLUSIVE_NAMESPACES = f"{{{EXCLUSIVE}}}InclusiveNamespaces"
# Without comments only: with them, a reader of .text sees less than what was signed.
CANONICAL = frozenset(
    {EXCLUSIVE, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "http://www.w3.org/2006/12/xml-c14n11"}
)
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SIGNATURE_METHODS = frozenset(
    [_MORE + name for name in ("rsa-sha256", "rsa-sha384", "rsa-sha512")]
    + [_MORE + name for name in ("ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512")]
    + [f"http://www.w3.org/2007/05/xmldsig-more#sha{bits}-rsa-MGF1" for bits in (256, 384, 512)]
)
DIGEST_METHODS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
_DSIG = f"{{{DSIG}}}"
_KEY_INFO = frozenset({"X509Data", "KeyName", "KeyValue"})
_CERTIFICATE = f"{{{DSIG}}}X509Data/{{{DSIG}}}X509Certificate"

MAX_CERTIFICATES = 8
MAX_ELEMENTS = 500  # of a Signature; one with eight certificates and three references has some fifty
MAX_CERTIFICATE_CHARS = 24_000  # 18 kB of DER; ten times a usual certificate
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_SPACE = b" \t\r\n"
# Any attribute that some software takes for an id, in any namespace and case. Two readers that disagree on
# which attribute names an element is how a signed part is swapped for another.
_IDS = etree.XPath("/descendant::*/@*[translate(local-name(), 'DI', 'di') = 'id']", smart_strings=False)


class Coverage(StrEnum):
    """What a signature covers."""

    WHOLE = "whole"
    PARTS = "parts"


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """A signature in an allowed form. ``parts`` are the covered elements' tags, in the order of the
    references.
    """

    coverage: Coverage
    algorithm: str  # the SignatureMethod's fragment, e.g. "ecdsa-sha256"
    parts: tuple[str, ...]
    certificates: tuple[bytes, ...]  # DER, as sent


def read(root: Element) -> SignatureForm | None:
    """The form of the message's signature, or ``None`` for an unsigned message."""
    signature = check_placement(root)
    if signature is None:
        return None
    if signature.tag == LEGACY_SIGNATURE:
        raise Refusal("EDX307", where=PLACE)
    check_text_only(root)
    # A large signature costs several times, and lxml removes an element in time quadratic in its contents.
    count = sum(1 for _ in signature.iter())
    if count > MAX_ELEMENTS:
        raise _refusal(
            "EDX312", Detail("{count} elements in the Signature, at most {most}", count=count, most=MAX_ELEMENTS)
        )
    signed_info, key_info = _skeleton(signature)
    check_ids(root)
    method, references = _signed_info(signed_info)
    uris = [uri for uri, _, _ in references]
    coverage = Coverage.WHOLE if uris == [""] else Coverage.PARTS
    covered = (ROOT,) if coverage is Coverage.WHOLE else _covered_parts(root, uris)
    for uri, transforms, digest in references:
        _check_transforms(uri, transforms)
        if digest not in DIGEST_METHODS:
            raise _refusal("EDX306", Detail("DigestMethod {name}", name=_short(digest)))
    return SignatureForm(coverage, method.rpartition("#")[2], covered, _certificates(key_info))


def check_placement(root: Element) -> Element | None:
    """The one signature, real or legacy, in its place; ``None`` when there is none; EDX304 or EDX305."""
    found = list(root.iter(SIGNATURE, LEGACY_SIGNATURE))
    if not found:
        return None
    if len(found) != 1:
        raise _refusal("EDX304", Detail("{count} Signature elements", count=len(found)))
    signature = found[0]
    above = [item.tag for item in signature.iterancestors()]
    if above != [HEADER, ENVELOPE, ROOT]:
        names = [etree.QName(tag).localname for tag in reversed([signature.tag, *above])]
        raise Refusal("EDX305", where="/" + "/".join(names))
    return signature


def check_text_only(root: Element) -> None:
    """No comment or processing instruction, inside or beside the root: EDX109.

    A comment splits a text in two, and a reader of the first half sees another agency code than the one
    signed.
    """
    inside = next(root.iter(etree.Comment, etree.PI, etree.Entity), None)
    if inside is not None or root.getprevious() is not None or root.getnext() is not None:
        line = getattr(inside, "sourceline", None)
        raise Refusal(
            "EDX109", where=Detail("line {line}", line=line) if line else "", detail=Detail("in a signed message")
        )


def check_ids(root: Element) -> None:
    """Every id-like value occurs once in the whole document: EDX312."""
    values = _IDS(root)
    if len(set(values)) != len(values):
        raise _refusal("EDX312", Detail("the same id on two elements"))


def parts(root: Element) -> list[Element]:
    """The parts that a signature by parts must cover: MessageHeader, then edXMLBody and AttachmentEncoded if present.

    Anything else would be uncovered, so only the trace list and the signature may stand beside them: EDX303.
    """
    if root.tag != ROOT:
        raise _refusal("EDX303", Detail("the root is not edXML"))
    envelope, attachments = _only(root, ENVELOPE, ATTACHMENTS)
    header, body = _only(envelope, HEADER, BODY)
    message_header, _, _ = _only(header, MESSAGE_HEADER, TRACES, SIGNATURE)
    return [part for part in (message_header, body, attachments) if part is not None]


def check_kind_without_cover(root: Element) -> None:
    """``Bussiness`` stands in the trace list, which parts do not cover: only a new document may be signed so.

    Otherwise a node on the way could turn a new document into the recall of another, or take a recall back,
    and the signature would still hold. EDX303.
    """
    kinds = {"".join(kind.itertext()).strip() for kind in root.iter(BUSINESS_KIND)}
    if kinds - {"", "0"}:
        raise _refusal("EDX303", Detail('BussinessDocType is not covered by parts; sign with URI=""'))


def _only(parent: Element, first: str, *optional: str) -> list[Element]:
    """The children of ``parent``: ``first`` exactly once, each of ``optional`` at most once (None),
    nothing else.
    """
    found: dict[str, Element] = {}
    for child in parent:
        name = etree.QName(child.tag).localname
        if child.tag not in (first, *optional):
            raise _refusal("EDX303", Detail("{name} is outside the signed parts", name=name))
        if child.tag in found:
            raise _refusal("EDX303", Detail("{name} occurs twice", name=name))
        found[child.tag] = child
    if first not in found:
        raise _refusal("EDX303", Detail("no {name}", name=etree.QName(first).localname))
    return [found.get(tag) for tag in (first, *optional)]


def _skeleton(signature: Element) -> tuple[Element, Element]:
    names = [_local(child) for child in signature]
    if names[:2] != ["SignedInfo", "SignatureValue"]:
        raise _refusal("EDX312", Detail("Signature has no proper begin"))
    if len(names) <= 2:
        raise _refusal("EDX311", Detail("no KeyInfo"))
    if names[2:] != ["KeyInfo"]:
        raise _refusal("EDX312", Detail("only KeyInfo may follow SignatureValue, once"))
    value = signature[1]
    if len(value) or not (value.text or "").strip():
        raise _refusal("EDX312", Detail("SignatureValue has no value"))
    return signature[0], signature[2]


def _signed_info(signed_info: Element) -> tuple[str, list[tuple[str, list[str], str]]]:
    """SignatureMethod, and of each reference: URI, transforms, DigestMethod."""
    names = [_local(child) for child in signed_info]
    expected = ["CanonicalizationMethod", "SignatureMethod"]
    if names[:2] != expected or len(names) <= 2:
        raise _refusal("EDX312", Detail("SignedInfo is incomplete"))
    if set(names[2:]) != {"Reference"}:
        raise _refusal("EDX312", Detail("SignedInfo holds something else than references"))
    canonicalization, method = signed_info[0], signed_info[1]
    if canonicalization.get("Algorithm") not in CANONICAL:
        raise _refusal("EDX306", _algorithm(canonicalization))
    _check_parameters(canonicalization)
    if method.get("Algorithm") not in SIGNATURE_METHODS or len(method):
        raise _refusal("EDX306", _algorithm(method))
    return method.get("Algorithm"), [_reference(reference) for reference in signed_info[2:]]


def _reference(reference: Element) -> tuple[str, list[str], str]:
    names = [_local(child) for child in reference]
    transforms = reference[0] if names[:1] == ["Transforms"] else []
    names = names[1:] if names[:1] == ["Transforms"] else names
    if names != ["DigestMethod", "DigestValue"]:
        raise _refusal("EDX312", Detail("Reference has missing or repeated parts"))
    if set(reference.attrib) - {"URI", "Id"}:
        raise _refusal("EDX312", Detail("Reference has foreign attributes"))
    uri = reference.get("URI")
    if uri is None:
        raise _refusal("EDX303", Detail("a Reference without URI"))
    algorithms = []
    for transform in transforms:
        if _local(transform) != "Transform":
            raise _refusal("EDX312", Detail("Transforms holds something else"))
        _check_parameters(transform)
        algorithms.append(transform.get("Algorithm") or "")
    if len(reference[-2]) or len(reference[-1]):
        raise _refusal("EDX312", Detail("a digest with elements inside"))
    return uri, algorithms, reference[-2].get("Algorithm") or ""


def _check_parameters(method: Element) -> None:
    """A transform takes no parameter but InclusiveNamespaces of exclusive canonicalisation."""
    for child in method:
        prefixes = child.tag == _INCLUSIVE_NAMESPACES and len(child) == 0
        if not prefixes or method.get("Algorithm") != EXCLUSIVE:
            raise _refusal("EDX306", Detail("{name} with a parameter", name=_local(method)))


def _check_transforms(uri: str, transforms: list[str]) -> None:
    """[enveloped, c14n] for the whole, [c14n] for a part; a c14n left out means Canonical XML 1.0 (XMLDSig
    4.4.3.2).
    """
    rest = transforms
    if uri == "":
        if transforms[:1] != [ENVELOPED]:
            raise _refusal("EDX306", Detail("the first transform must be enveloped-signature"))
        rest = transforms[1:]
    for name in rest:
        if name not in CANONICAL:
            raise _refusal("EDX306", Detail("transform {name}", name=_short(name)))
    if len(rest) > 1:
        raise _refusal("EDX306", Detail("more than one canonicalisation"))


def _covered_parts(root: Element, uris: list[str]) -> tuple[str, ...]:
    """The references must name exactly the parts present, each once."""
    by_uri = {}
    for part in parts(root):
        name = part.get("Id") or ""
        if not _NAME.fullmatch(name):
            missing = etree.QName(part).localname
            raise Refusal(
                "EDX303", where=PLACE, detail=Detail("{missing} is not covered: it has no usable Id", missing=missing)
            )
        by_uri[f"#{name}"] = part.tag
    left_out = [etree.QName(tag).localname for uri, tag in by_uri.items() if uri not in uris]
    if left_out:
        raise _refusal("EDX303", Detail("not covered: {left_out}", left_out=", ".join(left_out)))
    if sorted(uris) != sorted(by_uri):
        raise _refusal("EDX303", Detail("a reference to something else than the three parts"))
    check_kind_without_cover(root)
    return tuple(by_uri[uri] for uri in uris)


def _certificates(key_info: Element) -> tuple[bytes, ...]:
    """The certificates sent along, the leaf wherever it stands; names, serials and bare keys beside it are
    ignored (signxml compares a KeyValue with the certificate)."""
    for child in key_info:
        if _local(child) not in _KEY_INFO:
            raise _refusal("EDX312", Detail("{name} in KeyInfo", name=_local(child)))
    texts = ["".join(item.itertext()) for item in key_info.iterfind(_CERTIFICATE)]
    if not texts:
        raise _refusal("EDX311", Detail("no X509Certificate"))
    if len(texts) > MAX_CERTIFICATES:
        raise _refusal("EDX312", Detail("more than {most} certificates", most=MAX_CERTIFICATES))
    for text in texts:
        if len(text) > MAX_CERTIFICATE_CHARS:
            raise _refusal("EDX311", Detail("a certificate is too long"))
    return tuple(map(_der, texts))


@lru_cache(maxsize=256)  # a signer sends the same certificates with every message; 11 MB of them at most
def _der(text: str) -> bytes:
    """A certificate as it was sent, decoded."""
    try:
        return b64decode(text.encode().translate(None, _SPACE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("EDX311", where=PLACE, detail=Detail("a certificate is not base64")) from error


def _local(element: Element) -> str:
    """The local name of an XML-DSig element; an element of another namespace has a name that is never
    expected.
    """
    tag: str = element.tag
    if tag.startswith(_DSIG):
        return tag[len(_DSIG) :]
    return Detail("{name} of another namespace", name=etree.QName(tag).localname)


def _algorithm(element: Element) -> str:
    return f"{_local(element)} {_short(element.get('Algorithm') or 'without Algorithm')}"


def _short(text: str) -> str:
    """An algorithm's address for people: printable and short, whatever a stranger wrote."""
    return ascii(text[:80])[1:-1]


def _refusal(code: str, detail: str) -> Refusal:
    """Built only when something is wrong: the message costs more than the check."""
    return Refusal(code, where=PLACE, detail=detail)
