"""OCSP (RFC 6960): the question about one certificate, and what a responder's answer says.

    data = question(certificate, issuer)                           # to be sent
    answer = read_answer(came, certificate, issuer, named)         # or Setback EDX319: it says nothing

An answer counts when it is about this certificate and no other, and signed, with a strong hash, by the issuer itself,
by a responder that the issuer delegated this to (RFC 6960, 4.2.2.2: issued directly by it, with OCSPSigning), or by the
one whose certificate the operator named. There is no nonce: answers are kept, so their age is judged by their dates.
What follows from them is in :mod:`~edxml_router.core.trust.standing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.core.trust.certificate import DAMAGED, has_usable_key
from edxml_router.core.trust.revocation_list import STRONG

MAX_BYTES: Final = 64 * 1024  # of an answer; usual ones have one or two thousand
_MAX_CERTIFICATES: Final = 4  # in an answer; one is usual
_CRITICAL: Final = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)  # understood in a responder's own


@dataclass(frozen=True, slots=True)
class OcspResponse:
    """What a responder said. ``revoked`` is since when, None means good; ``signer`` is the certificate that it was
    signed with, None means the issuer's."""

    this_update: datetime
    next_update: datetime | None
    revoked: datetime | None
    signer: x509.Certificate | None

    @property
    def fresh_until(self) -> datetime:
        """When a newer answer will be available; an answer without that date is never fresh."""
        return self.next_update or self.this_update


def useless(detail: str) -> Setback:
    """The Setback for an answer that says nothing."""
    return Setback("EDX319", detail=detail)


def question(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The request to send (DER). SHA-1 only names the issuer here, and is what every responder knows (RFC 5019)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
    return builder.build().public_bytes(Encoding.DER)


def read_answer(
    data: bytes, certificate: x509.Certificate, issuer: x509.Certificate, named: x509.Certificate | None = None
) -> OcspResponse:
    """What ``data`` (DER) says of ``certificate``; Setback EDX319 where that is nothing. Dates are not judged here."""
    try:
        return _read(data, certificate, issuer, named)
    except DAMAGED as error:
        raise useless(Detail("not an answer that is understood")) from error


def status(data: bytes) -> str:
    """The status of any answer, such as ``unauthorized``, which shows that a responder is there. Setback EDX319 for
    anything else.
    """
    try:
        return ocsp.load_der_ocsp_response(data).response_status.name.lower()
    except DAMAGED as error:
        raise useless(Detail("not an answer that is understood")) from error


def _read(
    data: bytes, certificate: x509.Certificate, issuer: x509.Certificate, named: x509.Certificate | None
) -> OcspResponse:
    if len(data) > MAX_BYTES:
        raise useless(Detail("more than {most} bytes", most=MAX_BYTES))
    response = ocsp.load_der_ocsp_response(data)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise useless(Detail("status {status}", status=response.response_status.name.lower()))
    if len(list(response.responses)) != 1:
        raise useless(Detail("about more than the one certificate"))
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, response.hash_algorithm).build()
    if (response.serial_number, response.issuer_name_hash, response.issuer_key_hash) != (
        asked.serial_number,
        asked.issuer_name_hash,
        asked.issuer_key_hash,
    ):
        raise useless(Detail("about another certificate"))
    if any(item.critical for item in (*response.extensions, *response.single_extensions)):
        raise useless(Detail("a critical extension that is not known here"))
    signer = _signer(response, issuer, named)
    if response.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise useless(Detail("the responder does not know the certificate"))
    # The time is there when, and only when, the status is revoked (4.2.1).
    return OcspResponse(response.this_update_utc, response.next_update_utc, response.revocation_time_utc, signer)


def _signer(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, named: x509.Certificate | None
) -> x509.Certificate | None:
    """The certificate of who signed, if they may; None for the issuer's."""
    algorithm = response.signature_hash_algorithm
    if not isinstance(algorithm, STRONG):
        raise useless(
            Detail(
                "the hash of its signature is {algorithm}", algorithm=algorithm.name if algorithm else Detail("unknown")
            )
        )
    if _signed_by(response, algorithm, issuer):
        return None
    if named is not None and _signed_by(response, algorithm, named):
        return named
    signers = [each for each in response.certificates[:_MAX_CERTIFICATES] if _signed_by(response, algorithm, each)]
    for each in signers:
        if _is_delegated(each, issuer):
            return each
    if signers:
        raise useless(
            Detail(
                "signed by {subject}, who may not answer for the authority", subject=signers[0].subject.rfc4514_string()
            )
        )
    raise useless(Detail("not signed by the authority, nor by anybody whose certificate is there"))


def _signed_by(response: ocsp.OCSPResponse, algorithm: hashes.HashAlgorithm, signer: x509.Certificate) -> bool:
    """Whether the answer says that it is of this signer, and is."""
    if not has_usable_key(signer):
        return False
    key = signer.public_key()
    by_key = x509.SubjectKeyIdentifier.from_public_key(key).digest  # SHA-1 of the key, as a ResponderID has it
    if response.responder_name != signer.subject and response.responder_key_hash != by_key:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _is_delegated(signer: x509.Certificate, issuer: x509.Certificate) -> bool:
    """RFC 6960, 4.2.2.2: issued directly by the issuer, for this purpose. Any purpose is not this purpose."""
    if not isinstance(signer.signature_hash_algorithm, STRONG):
        return False
    if any(item.critical and not isinstance(item.value, _CRITICAL) for item in signer.extensions):
        return False
    found = {item.oid: item.value for item in signer.extensions}
    purposes, usage = found.get(x509.ExtendedKeyUsage.oid), found.get(x509.KeyUsage.oid)
    if not isinstance(purposes, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
        return False
    if isinstance(usage, x509.KeyUsage) and not (usage.digital_signature or usage.content_commitment):
        return False
    try:
        signer.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
