"""The fields of a signature, read strictly: what the stream engine computes with.

:func:`read` takes a Signature that :mod:`~edxml_router.core.signature_form` has found to be in an allowed form and
gives its values decoded. Where signxml leaves something to the W3C's schema or to a lenient decoder, it is asked for
here in so many words: no text between elements, no attributes but the standard's, base64 exactly as it would be
written again, a bare key beside the certificate only if it is the certificate's own.

Fails with :class:`Refusal` EDX302.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from edxml_router.core import content
from edxml_router.core import signature_form as form
from edxml_router.core.problems import Refusal
from edxml_router.core.safe_xml import DSIG, Element

_DSIG11: Final = "http://www.w3.org/2009/xmldsig11#"
_C14N10: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_PREFIXES: Final = f"{{{form.EXCLUSIVE}}}InclusiveNamespaces"
_WHITE_SPACE: Final = " \t\r\n"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_PREFIX_LIST: Final = re.compile(r"(?:(?:#default|[A-Za-z_][A-Za-z0-9_.-]*)(?: |$))*")
_SERIAL: Final = re.compile(r"[+-]?[0-9]{1,100}")
_CURVES: Final[Mapping[str, str]] = {
    "secp256r1": "urn:oid:1.2.840.10045.3.1.7",
    "secp384r1": "urn:oid:1.3.132.0.34",
    "secp521r1": "urn:oid:1.3.132.0.35",
}

# The attributes and children that each element may have; "text" for one that holds a value and no elements. Text
# between elements is allowed nowhere: an empty tuple is an element that holds nothing at all.
_SHAPES: Final[Mapping[str, tuple[frozenset[str], tuple[str, ...] | str]]] = {
    "Signature": (frozenset({"Id"}), ("SignedInfo", "SignatureValue", "KeyInfo")),
    "SignedInfo": (frozenset({"Id"}), ("CanonicalizationMethod", "SignatureMethod", "Reference")),
    "CanonicalizationMethod": (frozenset({"Algorithm"}), ("InclusiveNamespaces",)),
    "SignatureMethod": (frozenset({"Algorithm"}), ()),
    "Reference": (frozenset({"Id", "URI"}), ("Transforms", "DigestMethod", "DigestValue")),
    "Transforms": (frozenset(), ("Transform",)),
    "Transform": (frozenset({"Algorithm"}), ("InclusiveNamespaces",)),
    "InclusiveNamespaces": (frozenset({"PrefixList"}), ()),
    "DigestMethod": (frozenset({"Algorithm"}), ()),
    "DigestValue": (frozenset(), "text"),
    "SignatureValue": (frozenset({"Id"}), "text"),
    "KeyInfo": (frozenset({"Id"}), ("KeyName", "KeyValue", "X509Data")),
    "KeyName": (frozenset(), "text"),
    "KeyValue": (frozenset(), ("RSAKeyValue", "ECKeyValue")),
    "RSAKeyValue": (frozenset(), ("Modulus", "Exponent")),
    "Modulus": (frozenset(), "text"),
    "Exponent": (frozenset(), "text"),
    "ECKeyValue": (frozenset({"Id"}), ("NamedCurve", "PublicKey")),
    "NamedCurve": (frozenset({"URI"}), ()),
    "PublicKey": (frozenset(), "text"),
    "X509Data": (
        frozenset(),
        ("X509IssuerSerial", "X509SKI", "X509SubjectName", "X509Certificate", "X509CRL", "X509Digest"),
    ),
    "X509IssuerSerial": (frozenset(), ("X509IssuerName", "X509SerialNumber")),
    "X509IssuerName": (frozenset(), "text"),
    "X509SerialNumber": (frozenset(), "text"),
    "X509SKI": (frozenset(), "text"),
    "X509SubjectName": (frozenset(), "text"),
    "X509Certificate": (frozenset(), "text"),
    "X509CRL": (frozenset(), "text"),
    "X509Digest": (frozenset({"Algorithm"}), "text"),
}
_NAMESPACES: Final[Mapping[str, str]] = {
    "InclusiveNamespaces": form.EXCLUSIVE,
    **dict.fromkeys(("ECKeyValue", "NamedCurve", "PublicKey", "X509Digest"), _DSIG11),
}
_LEAST: Final[Mapping[str, int]] = {"Transforms": 1, "KeyValue": 1, "X509Data": 1, "X509IssuerSerial": 2}  # children
_BASE64: Final = frozenset({"X509SKI", "X509Certificate", "X509CRL", "X509Digest"})


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
    _check_shape(signature)
    signed_info, value, key_info = signature
    for key_value in key_info.iterfind(f"{{{DSIG}}}KeyValue"):
        _expect(_same_key(key_value, leaf), "KeyValue")
    for serial in key_info.iter(f"{{{DSIG}}}X509SerialNumber"):
        _expect(_SERIAL.fullmatch((serial.text or "").strip(_WHITE_SPACE)) is not None, "X509SerialNumber")
    return Fields(
        _canonical(signed_info[0]),
        signed_info[1].get("Algorithm").rpartition("#")[2],
        tuple(_reference(item) for item in signed_info[2:]),
        _base64(value),
    )


def _check_shape(element: Element) -> None:
    """This element and those below it are as the table says."""
    name = etree.QName(element.tag)
    local = name.localname
    shape = _SHAPES.get(local)
    _expect(shape is not None and name.namespace == _NAMESPACES.get(local, DSIG), local)
    assert shape is not None  # noqa: S101  # said above
    attributes, children = shape
    _expect(attributes.issuperset(element.attrib), local)
    _expect("Id" not in element.attrib or _NAME.fullmatch(element.get("Id")) is not None, local)
    if children == "text":
        _expect(not len(element), local)
        if local in _BASE64:
            _base64(element)
        return
    _expect(_blank(element.text), local)
    _expect(len(element) >= _LEAST.get(local, 0), local)
    for child in element:
        _expect(etree.QName(child.tag).localname in children and _blank(child.tail), local)
        _check_shape(child)


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
    _expect(len(method) <= (1 if exclusive else 0), "InclusiveNamespaces")
    listed = method[0].get("PrefixList", "") if len(method) else ""
    _expect(_PREFIX_LIST.fullmatch(listed) is not None, "InclusiveNamespaces")
    return Canonical(exclusive, tuple(listed.split()))


def _same_key(key_value: Element, leaf: x509.Certificate) -> bool:
    key = leaf.public_key()
    values = [_base64(item) for item in key_value.iter() if _SHAPES[etree.QName(item.tag).localname][1] == "text"]
    names = [etree.QName(item.tag).localname for item in key_value.iter()][1:]
    if isinstance(key, rsa.RSAPublicKey) and names == ["RSAKeyValue", "Modulus", "Exponent"]:
        numbers = key.public_numbers()
        return [int.from_bytes(value, "big") for value in values] == [numbers.n, numbers.e]
    if isinstance(key, ec.EllipticCurvePublicKey) and names == ["ECKeyValue", "NamedCurve", "PublicKey"]:
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return values == [point] and key_value[0][0].get("URI") == _CURVES.get(key.curve.name)
    return False


def _base64(element: Element) -> bytes:
    text = (element.text or "").encode().translate(None, content.WHITE_SPACE)
    try:
        value = content.decode(text)
    except ValueError:
        value = b""
    # Written again, so that no bit is ignored and two texts never stand for one value.
    _expect(bool(value) and b64encode(value) == text, etree.QName(element.tag).localname)
    return value


def _blank(text: str | None) -> bool:
    return not text or not text.strip(_WHITE_SPACE)


def _expect(condition: bool, name: str) -> None:
    if not condition:
        raise Refusal("EDX302", where=form.PLACE, detail=f"{name[:80]} is not as the standard has it")
