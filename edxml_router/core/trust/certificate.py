"""One certificate: whom it names, and whether it may sign documents at all.

:func:`read` loads what a signature brought along, :func:`signer` says whom a certificate names,
:func:`check_leaf` applies the leaf policy. Chains and trust are in :mod:`edxml_router.core.trust.chain`.

``cryptography``'s verifier accepts leaves that must not sign documents (RSA-1024, a leaf that is itself an authority),
and by default it requires what document certificates do not have (a host name, clientAuth). So the leaf policy is
written here, and the verifier only judges the chain.

Fails with :class:`Refusal` EDX309 (expired or not yet valid), EDX310 (unfit), EDX311 (not readable).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.trust.containers import unpack

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

# The subject attribute that holds the agency's code; EN 319 412-1 uses it for the identity of legal persons.
AGENCY_ATTRIBUTE = NameOID.ORGANIZATION_IDENTIFIER
SERVES = "edxml:serves:"  # an agency that a node serves, or an authority of nodes certifies
SERVED_LIMIT = 2000  # names of one certificate that are looked at

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192  # larger keys and exponents are no safer, and let a stranger choose how long we compute
MAX_RSA_EXPONENT = 2**64
CURVES = ("secp256r1", "secp384r1", "secp521r1")

# Authorities express document signing in several ways: RFC 9336, Microsoft, Adobe; the public Vietnamese ones
# issue clientAuth + emailProtection. A certificate for TLS servers or code alone is none of these.
SIGNING_PURPOSES = frozenset(
    {
        ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # id-kp-documentSigning
        ObjectIdentifier("1.3.6.1.4.1.311.10.3.12"),  # Microsoft document signing
        ObjectIdentifier("1.2.840.113583.1.1.5"),  # Adobe authentic documents
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
)


# Raised by the library when a part is read of a certificate that it could load.
DAMAGED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    OverflowError,
    InternalError,
)


@dataclass(frozen=True, slots=True)
class Signer:
    """Whom a certificate names. ``agencies`` are the codes written in it, which prove nothing by
    themselves.
    """

    subject: str  # RFC 4514
    issuer: str  # RFC 4514
    serial: str  # hex
    spki_sha256: str  # hex; names the key, whatever certificate it is in
    agencies: tuple[str, ...]
    not_after: datetime
    fingerprint: str = ""  # SHA-256 of the whole certificate, hex: what most programs show; counts in blocks only
    not_before: datetime | None = None  # its codes mean what they meant to whoever issued it


def read(der: bytes) -> x509.Certificate:
    """The certificate in ``der``; anything else is EDX311."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        # The library parses these on first use, and no later caller expects that to fail.
        _ = certificate.issuer, certificate.subject, certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except DAMAGED as error:
        raise Refusal("EDX311", detail=Detail("not a DER certificate")) from error
    return certificate


def read_all(data: bytes, where: str = "") -> tuple[x509.Certificate, ...]:
    """Every certificate of a file (PEM, DER, PKCS#7), in the file's order; EDX902 for none, or a damaged one."""
    try:
        found = tuple(read(der) for der in unpack(data).certificates)
    except (Refusal, ValueError) as error:
        raise Refusal("EDX902", where=where, detail=Detail("no readable certificate (PEM, DER or PKCS#7)")) from error
    if not found:
        raise Refusal("EDX902", where=where, detail=Detail("no certificate in it (PEM, DER or PKCS#7)"))
    return found


def write_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it says CA:TRUE; False where its extensions cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *DAMAGED):
        return False


def spki_sha256(certificate: x509.Certificate) -> str:
    """SHA-256 (hex) of the public key in its DER form, the name of the key in bindings."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def identifying_digests(certificate: x509.Certificate) -> tuple[str, str]:
    """The SHA-256 (hex) of its key and of all of it: what a block may name. Raises one of DAMAGED."""
    return spki_sha256(certificate), certificate.fingerprint(hashes.SHA256()).hex()


def refuse_blocked_chain(chain: Iterable[x509.Certificate], blocked: Collection[str]) -> None:
    """EDX409 if the key or the whole of one of these is among ``blocked``: nothing below it counts."""
    for each in chain if blocked else ():
        found = [name for name in identifying_digests(each) if name in blocked]
        if found:
            raise Refusal("EDX409", where=each.subject.rfc4514_string(), detail=found[0])


def signer(certificate: x509.Certificate) -> Signer:
    """Whom ``certificate`` names; EDX310 when its names or key are damaged."""
    try:
        codes = certificate.subject.get_attributes_for_oid(AGENCY_ATTRIBUTE)
        return Signer(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            serial=f"{certificate.serial_number:x}",
            spki_sha256=spki_sha256(certificate),
            agencies=tuple(code.value for code in codes if isinstance(code.value, str)),
            not_after=certificate.not_valid_after_utc,
            fingerprint=identifying_digests(certificate)[1],
            not_before=certificate.not_valid_before_utc,
        )
    except DAMAGED as error:
        raise Refusal("EDX310", detail=Detail("the certificate's subject or key cannot be read")) from error


def check_leaf(certificate: x509.Certificate, at: datetime) -> None:
    """May this certificate sign documents at the moment ``at``? EDX309 or EDX310 if not."""
    try:
        _check_key(certificate.public_key())
        _check_extensions(certificate.extensions)
    except DAMAGED as error:
        raise Refusal("EDX310", detail=Detail("the certificate's key or extensions cannot be read")) from error
    if at < certificate.not_valid_before_utc:
        raise Refusal(
            "EDX309", detail=Detail("valid from {since:%Y-%m-%dT%H:%M:%SZ}", since=certificate.not_valid_before_utc)
        )
    if at > certificate.not_valid_after_utc:
        raise Refusal(
            "EDX309", detail=Detail("valid until {until:%Y-%m-%dT%H:%M:%SZ}", until=certificate.not_valid_after_utc)
        )


def has_usable_key(certificate: x509.Certificate) -> bool:
    """Whether the key is of a kind, size and exponent that we compute with; asked of certificates from strangers."""
    try:
        _check_key(certificate.public_key())
    except (Refusal, *DAMAGED):
        return False
    return True


def _check_key(key: object) -> None:
    if isinstance(key, rsa.RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            raise Refusal("EDX310", detail=Detail("RSA key of {bits} bits", bits=key.key_size))
        if key.public_numbers().e >= MAX_RSA_EXPONENT:
            raise Refusal("EDX310", detail=Detail("RSA key with a very large exponent"))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in CURVES:
            raise Refusal("EDX310", detail=Detail("elliptic curve {name}", name=key.curve.name))
    else:
        raise Refusal("EDX310", detail=Detail("the key is neither RSA nor EC"))


def _check_extensions(extensions: x509.Extensions) -> None:
    """RFC 5280, 4.2: not an authority; KeyUsage and ExtendedKeyUsage must allow signing where present.

    KeyUsage itself is required: a certificate that states no purpose was not issued for signing documents.
    nonRepudiation alone is enough, it is the usual form for signatures of an organisation.
    """
    found = {extension.oid: extension.value for extension in extensions}
    constraints = found.get(x509.BasicConstraints.oid)
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        raise Refusal("EDX310", detail=Detail("an authority's own certificate (CA:TRUE)"))
    usage = found.get(x509.KeyUsage.oid)
    if not isinstance(usage, x509.KeyUsage):
        raise Refusal("EDX310", detail=Detail("no KeyUsage"))
    if usage.key_cert_sign or not (usage.digital_signature or usage.content_commitment):
        raise Refusal("EDX310", detail=Detail("KeyUsage does not allow signing documents"))
    purposes = found.get(x509.ExtendedKeyUsage.oid)
    if isinstance(purposes, x509.ExtendedKeyUsage) and not SIGNING_PURPOSES.intersection(purposes):
        raise Refusal("EDX310", detail=Detail("ExtendedKeyUsage does not allow signing documents"))


def names_of(certificate: x509.Certificate, kind: str) -> tuple[str, ...]:
    """What stands behind ``kind`` in the URIs of a certificate; none where its names cannot be read."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, *DAMAGED):
        return ()
    return tuple(uri.removeprefix(kind) for uri in uris[:SERVED_LIMIT] if uri.startswith(kind))
