"""The fields of a signature, read strictly before either engine sees it; the stream engine computes with them.

:func:`read` takes a Signature that :mod:`~edxml_router.core.signature.form` has found to be in an allowed form and
gives its values decoded. What a library leaves to the W3C's schema or to a lenient decoder is checked here explicitly:
no text between elements, no attributes but the standard's, base64 exactly as it would be written again, a bare key
beside the certificate only if it is the certificate's own. So both engines see only input that they read alike, and a
spelling refused here is not reported as an alteration.

Fails with :class:`Refusal` EDX320 for the spelling, EDX112 for too many prefixes, EDX302 for another key.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import form
from edxml_router.core.xml import content
from edxml_router.core.xml.safe_xml import DSIG, Element

_DSIG11: Final = "http://www.w3.org/2009/xmldsig11#"
_WHITE_SPACE: Final = " \t\r\n"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PREFIX: Final = re.compile(r"#default|[A-Za-z_][A-Za-z0-9_.-]*")
_WORD: Final = re.compile(r"[^ \t\r\n]+")
_MOST_PREFIXES: Final = 64  # of one list; software that writes lists names those in scope, which are two to ten
# Canonical XML 1.0 lets an inner element inherit these from above, 1.1 only some of them, and signxml none.
_XML_ATTRIBUTES: Final = etree.XPath("ancestor-or-self::*/@xml:*", smart_strings=False)
_SERIAL: Final = re.compile(r"[+-]?[0-9]{1,100}")
_CURVES: Final[Mapping[str, str]] = {
    "secp256r1": "urn:oid:1.2.840.10045.3.1.7",
    "secp384r1": "urn:oid:1.3.132.0.34",
    "secp521r1": "urn:oid:1.3.132.0.35",
}


def _shape(children: str = "", attributes: str = "", least: int = 0) -> _Shape:
    """``children``: names that may stand inside, ``TEXT`` for a value instead. ``least``: so many of them."""
    tags = frozenset(_tag(name) for name in children.split())
    return _Shape(frozenset(attributes.split()), None if children == _TEXT else tags, least)


def _tag(name: str) -> str:
    if name == "InclusiveNamespaces":
        return f"{{{form.EXCLUSIVE}}}{name}"
    return f"{{{_DSIG11 if name in _NEWER else DSIG}}}{name}"


@dataclass(frozen=True, slots=True)
class _Shape:
    attributes: frozenset[str]
    children: frozenset[str] | None  # None: a value
    least: int


_TEXT: Final = "TEXT"
_NEWER: Final = frozenset({"ECKeyValue", "NamedCurve", "PublicKey", "X509Digest"})
# What each element may hold. Text between elements is allowed nowhere.
_SHAPES: Final[Mapping[str, _Shape]] = {
    _tag(name): shape
    for name, shape in {
        "Signature": _shape("SignedInfo SignatureValue KeyInfo", "Id"),
        "SignedInfo": _shape("CanonicalizationMethod SignatureMethod Reference", "Id"),
        "CanonicalizationMethod": _shape("InclusiveNamespaces", "Algorithm"),
        "SignatureMethod": _shape("", "Algorithm"),
        "Reference": _shape("Transforms DigestMethod DigestValue", "Id URI"),
        "Transforms": _shape("Transform", least=1),
        "Transform": _shape("InclusiveNamespaces", "Algorithm"),
        "InclusiveNamespaces": _shape("", "PrefixList"),
        "DigestMethod": _shape("", "Algorithm"),
        "DigestValue": _shape(_TEXT),
        "SignatureValue": _shape(_TEXT, "Id"),
        "KeyInfo": _shape("KeyName KeyValue X509Data", "Id"),
        "KeyName": _shape(_TEXT),
        "KeyValue": _shape("RSAKeyValue ECKeyValue", least=1),
        "RSAKeyValue": _shape("Modulus Exponent"),
        "Modulus": _shape(_TEXT),
        "Exponent": _shape(_TEXT),
        "ECKeyValue": _shape("NamedCurve PublicKey", "Id"),
        "NamedCurve": _shape("", "URI"),
        "PublicKey": _shape(_TEXT),
        "X509Data": _shape("X509IssuerSerial X509SKI X509SubjectName X509Certificate X509CRL X509Digest", least=1),
        "X509IssuerSerial": _shape("X509IssuerName X509SerialNumber", least=2),
        "X509IssuerName": _shape(_TEXT),
        "X509SerialNumber": _shape(_TEXT),
        "X509SKI": _shape(_TEXT),
        "X509SubjectName": _shape(_TEXT),
        "X509Certificate": _shape(_TEXT),
        "X509CRL": _shape(_TEXT),
        "X509Digest": _shape(_TEXT, "Algorithm"),
    }.items()
}
_ROOT: Final = frozenset({form.SIGNATURE})
_BASE64: Final = frozenset(map(_tag, ("X509SKI", "X509Certificate", "X509CRL", "X509Digest")))


@dataclass(frozen=True, slots=True)
class Canonical:
    """A canonicalisation: exclusive with these prefixes, or inclusive."""

    exclusive: bool
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """``uri`` "" for the whole document; ``method`` is the name of the hash, as :mod:`hashlib` knows it."""

    uri: str
    canonical: Canonical
    method: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of a signature. ``method`` is the fragment of its address, e.g. ``ecdsa-sha256``."""

    canonical: Canonical
    method: str
    references: tuple[Reference, ...]
    value: bytes


def read(signature: Element, leaf: x509.Certificate) -> Fields:
    """The fields of ``signature``, which must name no other key than that of ``leaf``."""
    _check_shape(signature, _ROOT)
    signed_info, value, key_info = signature
    for key_value in key_info.iterfind(f"{{{DSIG}}}KeyValue"):
        if not _same_key(key_value, leaf):
            raise Refusal("EDX302", where=form.PLACE, detail=Detail("KeyValue is not the certificate's key"))
    for serial in key_info.iter(f"{{{DSIG}}}X509SerialNumber"):
        if not _SERIAL.fullmatch((serial.text or "").strip(_WHITE_SPACE)):
            raise _odd(serial)
    return Fields(
        _canonical(signed_info[0]),
        signed_info[1].get("Algorithm").rpartition("#")[2],
        tuple(_reference(item) for item in signed_info[2:]),
        _base64(value),
    )


def check_inherited(element: Element, canonical: Canonical) -> None:
    """Refuse (EDX320) an inner element whose inclusive canonical form depends on attributes of the namespace xml."""
    if not canonical.exclusive and _XML_ATTRIBUTES(element):
        name = etree.QName(element.tag).localname
        raise Refusal(
            "EDX320", where=form.PLACE, detail=Detail("attributes of the namespace xml on or above {name}", name=name)
        )


def prefixes(listed: str) -> tuple[str, ...]:
    """The prefixes of a PrefixList, each once (XML Schema's NMTOKENS: any white space between them, and around)."""
    return tuple(dict.fromkeys(_WORD.findall(listed)))


def _check_shape(element: Element, allowed: frozenset[str]) -> None:
    """Refuse an element that the table does not allow, or whose contents it does not allow."""
    shape = _SHAPES.get(element.tag) if element.tag in allowed else None
    attributes = element.keys()
    if shape is None or not shape.attributes.issuperset(attributes):
        raise _odd(element)
    if "Id" in attributes and not _NAME.fullmatch(element.get("Id")):
        raise _odd(element)
    if shape.children is None:
        if len(element):
            raise _odd(element)
        if element.tag in _BASE64 and not _is_base64(element.text or ""):
            raise _odd(element)
        return
    if len(element) < shape.least or not _blank(element.text):
        raise _odd(element)
    for child in element:
        _check_shape(child, shape.children)
        if not _blank(child.tail):
            raise _odd(element)


def _reference(element: Element) -> Reference:
    transforms = element[0] if len(element) == 3 else []
    # XMLDSig 4.4.3.2: without a canonicalisation among the transforms it is Canonical XML 1.0.
    canonical = Canonical(exclusive=False)
    for transform in transforms:
        if transform.get("Algorithm") != form.ENVELOPED:
            canonical = _canonical(transform)
    method = element[-2].get("Algorithm").rpartition("#")[2]
    return Reference(element.get("URI"), canonical, method, _base64(element[-1]))


def _canonical(method: Element) -> Canonical:
    exclusive = method.get("Algorithm") == form.EXCLUSIVE
    if len(method) > (1 if exclusive else 0):
        raise _odd(method)
    named = prefixes(method[0].get("PrefixList", "")) if len(method) else ()
    if len(named) > _MOST_PREFIXES:
        raise Refusal(
            "EDX112", where=form.PLACE, detail=Detail("{count} prefixes in InclusiveNamespaces", count=len(named))
        )
    if not all(map(_PREFIX.fullmatch, named)):
        raise _odd(method[0])
    return Canonical(exclusive, named)


def _same_key(key_value: Element, leaf: x509.Certificate) -> bool:
    key = leaf.public_key()
    values = [_base64(item) for item in key_value.iter() if _SHAPES[item.tag].children is None]
    names = [etree.QName(item.tag).localname for item in key_value.iter()][1:]
    if isinstance(key, rsa.RSAPublicKey) and names == ["RSAKeyValue", "Modulus", "Exponent"]:
        numbers = key.public_numbers()
        return [int.from_bytes(value, "big") for value in values] == [numbers.n, numbers.e]
    if isinstance(key, ec.EllipticCurvePublicKey) and names == ["ECKeyValue", "NamedCurve", "PublicKey"]:
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return values == [point] and key_value[0][0].get("URI") == _CURVES.get(key.curve.name)
    return False


def _base64(element: Element) -> bytes:
    value = _decoded(element.text or "")
    if not value:
        raise _odd(element)
    return value


def _decoded(text: str) -> bytes:
    """The bytes of a base64 text; empty when the text is empty or not base64."""
    plain = text.encode().translate(None, content.WHITE_SPACE)
    try:
        value = content.decode_base64(plain)
    except ValueError:
        return b""
    # Encoded again and compared, so that no bit is ignored and no value has two spellings.
    return value if b64encode(value) == plain else b""


@lru_cache(maxsize=256)  # mostly certificates, the same in every message of a signer; a text is of 64 KiB at most
def _is_base64(text: str) -> bool:
    return bool(_decoded(text))


def _blank(text: str | None) -> bool:
    return not text or not text.strip(_WHITE_SPACE)


def _odd(element: Element) -> Refusal:
    name = etree.QName(element.tag).localname[:80]
    return Refusal("EDX320", where=form.PLACE, detail=Detail("{name} is not as the standard has it", name=name))
