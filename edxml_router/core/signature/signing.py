"""Signing: an edXML message by XML-DSig, and plain bytes (receipts) by the same keys.

    signed = sign(data, key, [certificate, issuing], Coverage.WHOLE)
    info = to_sign(data, "rsa-sha256")                         # or in two steps, where the key is elsewhere
    signed = with_value(data, "rsa-sha256", value, [certificate, issuing])

Digests are computed here, from lxml's canonical form and ``cryptography``'s keys. signxml's own signer takes no parser
and therefore stops at 10 MB of text, and its placement needs a placeholder in the document; python-xmlsec would add a
second XML stack to every installation in place of forty lines. The tests verify what is written here with signxml and
with the xmlsec1 program.

ECDSA is the deterministic kind (RFC 6979): the same message and key give the same bytes, as for RSA.

Fails with :class:`Refusal`: what the parser refuses; EDX109 comments or instructions; EDX110 not edXML;
EDX302 a value that was made of something else;
EDX303 parts would not cover the meaning; EDX304 already signed; EDX903 key and certificate do not belong
together; and with what a token fails with.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.signature import form
from edxml_router.core.signature.form import Coverage
from edxml_router.core.trust.certificate import PublicKey
from edxml_router.core.xml.safe_xml import DSIG, Element, Limits, parse

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class TokenKey(Protocol):
    """A private key that never leaves its token: only signatures come out."""

    def public_key(self) -> PublicKey: ...

    def sign_data(self, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
        """A signature over ``data``: RSA PKCS#1 v1.5, or ECDSA (DER; not the deterministic kind). Raises Setback
        EDX909."""


SigningKey = PrivateKey | TokenKey


class _Hashing:
    """A file object that only feeds a digest, so that the canonical form of a large message is never in memory."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def value(self) -> str:
        return b64encode(self._digest.digest()).decode()


# The hash grows with the curve (RFC 9231 names the methods).
_BY_CURVE: Mapping[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
# Algorithms for signing elsewhere: the fragment of the SignatureMethod, and its hash.
ALGORITHMS: Final[Mapping[str, hashes.HashAlgorithm]] = {
    f"{kind}-{one.name}": one
    for kind in ("rsa", "ecdsa")
    for one in (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
}
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def sign_document(
    data: bytes,
    key: SigningKey,
    chain: Sequence[x509.Certificate],
    coverage: Coverage = Coverage.WHOLE,
    limits: Limits | None = None,
) -> bytes:
    """``data`` with a Signature in its edXMLHeader. ``chain``: the signer's certificate, then
    intermediates.
    """
    if not chain or chain[0].public_key() != key.public_key():
        raise Refusal("EDX903", where="key", detail=Detail("the key does not belong to the first certificate"))
    method, algorithm = _method(key)
    prepared = _prepare(data, method, coverage, limits)
    return _completed(prepared, _sign_raw(key, prepared.canonical, algorithm), chain)


def to_sign(data: bytes, algorithm: str, coverage: Coverage = Coverage.WHOLE, limits: Limits | None = None) -> bytes:
    """The canonical SignedInfo, to be signed elsewhere with ``algorithm`` (one of :data:`ALGORITHMS`). The same bytes
    on every call.
    """
    return _prepare(data, _MORE + algorithm, coverage, limits).canonical


def with_value(
    data: bytes,
    algorithm: str,
    value: bytes,
    chain: Sequence[x509.Certificate],
    coverage: Coverage = Coverage.WHOLE,
    limits: Limits | None = None,
) -> bytes:
    """``data`` with the signature that somebody else made of :func:`to_sign`. ``value``: as XMLDSig has it, or for
    ECDSA in DER as well. Raises Refusal EDX302 for a value that the certificate's key does not hold for."""
    prepared = _prepare(data, _MORE + algorithm, coverage, limits)
    hashed, key = ALGORITHMS[algorithm], chain[0].public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm.startswith("rsa-"):
            key.verify(value, prepared.canonical, padding.PKCS1v15(), hashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm.startswith("ecdsa-"):
            size = (key.key_size + 7) // 8
            if len(value) == 2 * size:
                r, s = int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big")
                der = encode_dss_signature(r, s)
            else:
                der, value = value, _side_by_side(value, size)
            key.verify(der, prepared.canonical, ec.ECDSA(hashed))
        else:
            raise Refusal("EDX302", where="value", detail=Detail("SignatureMethod and key are of different kinds"))
    except (InvalidSignature, ValueError) as error:
        raise Refusal("EDX302", where="value", detail=Detail("the value is not that of this letter and key")) from error
    return _completed(prepared, value, chain)


class _Prepared(NamedTuple):
    """A document whose Signature lacks only value and certificates."""

    document: Element
    last: Element  # what the Signature follows
    signature: Element
    canonical: bytes  # SignedInfo


def _prepare(data: bytes, method: str, coverage: Coverage, limits: Limits | None) -> _Prepared:
    document = parse(data, limits or Limits())
    last = _last_before_signature(document)
    form.check_text_only(document)
    if next(document.iter(form.SIGNATURE, form.LEGACY_SIGNATURE), None) is not None:
        raise Refusal("EDX304", where=form.PLACE, detail=Detail("the message is signed already"))
    signature = etree.Element(form.SIGNATURE, nsmap={None: DSIG})
    signed_info = etree.SubElement(signature, f"{{{DSIG}}}SignedInfo")
    _algorithm(signed_info, "CanonicalizationMethod", form.EXCLUSIVE)
    _algorithm(signed_info, "SignatureMethod", method)
    for uri, element in _targets(document, coverage):
        reference = etree.SubElement(signed_info, f"{{{DSIG}}}Reference", URI=uri)
        transforms = etree.SubElement(reference, f"{{{DSIG}}}Transforms")
        for name in ([] if uri else [form.ENVELOPED]) + [form.EXCLUSIVE]:
            _algorithm(transforms, "Transform", name)
        _algorithm(reference, "DigestMethod", _SHA256)
        etree.SubElement(reference, f"{{{DSIG}}}DigestValue").text = _digest(element)
    canonical = etree.tostring(signed_info, method="c14n", exclusive=True, with_comments=False)
    return _Prepared(document, last, signature, canonical)


def _completed(prepared: _Prepared, signed: bytes, chain: Sequence[x509.Certificate]) -> bytes:
    document, last, signature, _ = prepared
    value = etree.SubElement(signature, f"{{{DSIG}}}SignatureValue")
    value.text = b64encode(signed).decode()
    x509_data = etree.SubElement(etree.SubElement(signature, f"{{{DSIG}}}KeyInfo"), f"{{{DSIG}}}X509Data")
    for certificate in chain:
        encoded = b64encode(certificate.public_bytes(Encoding.DER)).decode()
        etree.SubElement(x509_data, f"{{{DSIG}}}X509Certificate").text = encoded
    last.addnext(signature)
    text: bytes = etree.tostring(document, encoding="UTF-8", xml_declaration=False)
    return _DECLARATION + text


def sign_bytes(key: SigningKey, data: bytes) -> bytes:
    """A signature over ``data``: RSA PKCS#1 v1.5 or ECDSA (DER), with SHA-256. For receipts."""
    return _signed(key, data, hashes.SHA256())


def verify_bytes(certificate: x509.Certificate, data: bytes, signature: bytes) -> None:
    """Did the key of ``certificate`` sign ``data`` with :func:`sign_bytes`? EDX315 if not.

    The certificate is one that the operator named for this neighbour; its chain and dates are not asked.
    """
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            raise Refusal("EDX315", detail=Detail("the certificate's key is neither RSA nor EC"))
    except InvalidSignature as error:
        raise Refusal("EDX315") from error


def _last_before_signature(document: Element) -> Element:
    """What the Signature follows in the standard's order: TraceHeaderList, or MessageHeader where there is
    none.
    """
    for tag in (form.TRACES, form.MESSAGE_HEADER):
        found = document.find(f"{form.ENVELOPE}/{form.HEADER}/{tag}")
        if found is not None:
            return found
    raise Refusal("EDX202", where="/edXML/edXMLEnvelope/edXMLHeader", detail=Detail("no MessageHeader"))


def _targets(document: Element, coverage: Coverage) -> list[tuple[str, Element]]:
    """What is signed, by its reference; parts get an ``Id`` where they have none."""
    if coverage is Coverage.WHOLE:
        return [("", document)]
    form.check_kind_without_cover(document)
    parts = form.parts(document)
    for part in parts:
        if not part.get("Id"):
            part.set("Id", etree.QName(part).localname)
    form.check_ids(document)
    return [(f"#{part.get('Id')}", part) for part in parts]


def _digest(element: Element) -> str:
    sink = _Hashing()
    etree.ElementTree(element).write_c14n(sink, exclusive=True, with_comments=False)
    return sink.value()


def _method(key: SigningKey) -> tuple[str, hashes.HashAlgorithm]:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return f"{_MORE}rsa-sha256", hashes.SHA256()
    algorithm = _BY_CURVE.get(public.curve.name)
    if algorithm is None:
        raise Refusal("EDX903", where="key", detail=Detail("elliptic curve {name}", name=public.curve.name))
    return f"{_MORE}ecdsa-{algorithm.name}", algorithm


def _sign_raw(key: SigningKey, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """The SignatureValue's bytes. For ECDSA that is r and s side by side (XMLDSig 6.4.3), not DER."""
    signature, public = _signed(key, data, algorithm), key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return signature
    return _side_by_side(signature, (public.key_size + 7) // 8)


def _side_by_side(der: bytes, size: int) -> bytes:
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _signed(key: SigningKey, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))
    return key.sign_data(data, algorithm)


def _algorithm(parent: Element, name: str, algorithm: str) -> None:
    etree.SubElement(parent, f"{{{DSIG}}}{name}", Algorithm=algorithm)
