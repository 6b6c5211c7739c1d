"""A small authority: certificates and revocation lists as pure functions of keys, names and dates.

For tests, demonstrations and pilots; a production network uses its national authority's certificates. Keys,
serial numbers and the date are given by the caller, so nothing here reads a clock or draws a number;
:mod:`edxml_router.services.trial_authority` keeps such an authority in a folder.

The shape is that of a real one: a root, an issuing authority below it, agencies and nodes below that. An
agency's code stands in the subject as organizationIdentifier (EN 319 412-1), once per code. The agencies that a node
serves stand in its certificate as alternative names, see :data:`SERVES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edxml_router.core.signature.signing import PrivateKey
from edxml_router.core.trust.certificate import AGENCY_ATTRIBUTE, SERVES, PublicKey, names_of

BACKDATE = timedelta(minutes=5)  # a certificate is valid at once on a machine whose clock is a little behind
ORGANIZATION = "edxml-router"
# URIs among a node's alternative names: that it is the node of this name, and that it serves an agency
# ("edxml:serves:H53.31"), or one and all below it ("edxml:serves:H53.31.*"). Every authority's software can write such
# names, and no TLS library minds them.
NODE: Final = "edxml:node:"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority able to issue: its key and its certificate."""

    key: PrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class RevokedCertificate:
    """One row of a revocation list."""

    serial: int
    at: datetime
    reason: x509.ReasonFlags = x509.ReasonFlags.unspecified


def subject_name(common_name: str, agencies: Sequence[str] = ()) -> x509.Name:
    """``C=VN, O=edxml-router, CN=common_name`` and one organizationIdentifier per agency code."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            *(x509.NameAttribute(AGENCY_ATTRIBUTE, code) for code in agencies),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def root(key: PrivateKey, name: str, *, serial: int, at: datetime, days: int, depth: int = 1) -> Issuer:
    """A root that signs itself; ``depth``: how many authorities may stand below each other under it."""
    named = subject_name(name)
    builder = _begin(named, named, key.public_key(), key.public_key(), serial, at, days)
    return Issuer(key, _as_authority(builder, depth).sign(key, hashes.SHA256()))


def issuing(
    parent: Issuer, key: PrivateKey, name: str, *, serial: int, at: datetime, days: int, depth: int = 0
) -> Issuer:
    """An authority below ``parent`` that issues to agencies and nodes; and, down to ``depth``, to authorities of nodes
    (:func:`node_authority`)."""
    builder = _below(parent, subject_name(name), key.public_key(), serial, at, days)
    return Issuer(key, _as_authority(builder, depth).sign(parent.key, hashes.SHA256()))


def node_authority(
    parent: Issuer,
    key: PublicKey,
    name: str,
    serves: Sequence[str],
    *,
    serial: int,
    at: datetime,
    days: float,
    depth: int = 0,
) -> x509.Certificate:
    """A certificate by which the node ``name`` issues the certificates of nodes below it, for the agencies that it
    ``serves`` and no others (:func:`entitled`). It certifies nothing but nodes, and, down to ``depth``, such
    authorities."""
    uris = [x509.UniformResourceIdentifier(SERVES + code) for code in serves]
    builder = _below(parent, subject_name(name), key, serial, at, days)
    builder = builder.add_extension(x509.SubjectAlternativeName(uris), critical=False)
    return _as_authority(builder, depth).sign(parent.key, hashes.SHA256())


def request(key: PrivateKey, name: str, hosts: Sequence[str], serves: Sequence[str], depth: int | None) -> bytes:
    """A request (PKCS #10, PEM) for the certificate of a node, or with ``depth`` for that of a node's authority."""
    uris = [] if depth is not None else [NODE + name]
    named = [] if depth is not None else [*map(_host, hosts or [name])]
    names = [*named, *map(x509.UniformResourceIdentifier, [*uris, *(SERVES + code for code in serves)])]
    built = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject_name(name))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(depth is not None, depth), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


def agency(
    parent: Issuer, key: PublicKey, codes: Sequence[str], *, serial: int, at: datetime, days: int
) -> x509.Certificate:
    """A certificate that signs documents for the agencies ``codes``."""
    builder = _below(parent, subject_name(codes[0], codes), key, serial, at, days)
    return _as_leaf(builder, content_commitment=True).sign(parent.key, hashes.SHA256())


def node(
    parent: Issuer,
    key: PublicKey,
    name: str,
    hosts: Sequence[str],
    serves: Sequence[str] = (),
    *,
    serial: int,
    at: datetime,
    days: float,
) -> x509.Certificate:
    """A node's certificate: TLS in both directions under its host names, its receipts, and the outcomes of mail to the
    agencies that it ``serves``: each a code, or a code with ``.*`` for all at and below it."""
    uris = [NODE + name, *(SERVES + code for code in serves)]
    names = [*map(_host, hosts or [name]), *map(x509.UniformResourceIdentifier, uris)]
    builder = (
        _below(parent, subject_name(name), key, serial, at, days)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
    )
    return _as_leaf(builder, content_commitment=False).sign(parent.key, hashes.SHA256())


def served(certificate: x509.Certificate) -> tuple[str, ...]:
    """The agencies that a node's certificate names, as they are written there; none where its names cannot be read."""
    return names_of(certificate, SERVES)


def is_of_node(certificate: x509.Certificate, name: str) -> bool:
    """Whether an authority has certified by it that its holder is the node of this name."""
    return name in names_of(certificate, NODE)


def covers(certificate: x509.Certificate, agency: str) -> bool:
    """Whether a node's certificate names ``agency`` (canonical code), by itself or with all at and below a code."""
    for name in served(certificate):
        above = name.removesuffix(".*")
        if agency == above or (name != above and agency.startswith(f"{above}.")):
            return True
    return False


def is_delegated(authority: x509.Certificate) -> bool:
    """Whether an authority may certify nodes of some agencies only, as its own certificate says."""
    return bool(served(authority))


def entitled(chain: Sequence[x509.Certificate], agency: str) -> bool:
    """Whether a node's certificate names ``agency``, and every authority above it may certify that. ``chain`` is one
    that was verified, the node's own certificate first."""
    leaf, *above = chain
    return covers(leaf, agency) and all(covers(each, agency) for each in above if is_delegated(each))


def within(name: str, authority: x509.Certificate) -> bool:
    """Whether an authority may certify that a node serves what ``name`` says, a code or a code with ``.*``."""
    if not is_delegated(authority):
        return True
    code = name.removesuffix(".*")
    whole = [each.removesuffix(".*") for each in served(authority) if each.endswith(".*")]
    if any(code == above or code.startswith(f"{above}.") for above in whole):
        return True
    return name == code and code in served(authority)


def _host(host: str) -> x509.GeneralName:
    """A host as clients compare it: an address is not a name (RFC 9525, 6.3 and 6.5)."""
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def revocation_list(
    issuer: Issuer, revoked: Sequence[RevokedCertificate], *, number: int, at: datetime, days: int
) -> x509.CertificateRevocationList:
    """The list of ``revoked`` that ``issuer`` publishes at ``at`` and promises to renew within ``days``."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(at)
        .next_update(at + timedelta(days=days))
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False
        )
    )
    for row in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(row.serial).revocation_date(row.at)
        if row.reason is not x509.ReasonFlags.unspecified:  # RFC 5280, 5.3.1: then the extension is left out
            entry = entry.add_extension(x509.CRLReason(row.reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256())


def _begin(
    named: x509.Name,
    issuer: x509.Name,
    key: PublicKey,
    issuer_key: PublicKey,
    serial: int,
    at: datetime,
    days: float,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(at - BACKDATE)
        .not_valid_after(at + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _below(
    parent: Issuer, named: x509.Name, key: PublicKey, serial: int, at: datetime, days: float
) -> x509.CertificateBuilder:
    return _begin(named, parent.certificate.subject, key, parent.key.public_key(), serial, at, days)


def _as_authority(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    return builder.add_extension(
        x509.BasicConstraints(ca=True, path_length=path_length), critical=True
    ).add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)


def _as_leaf(builder: x509.CertificateBuilder, *, content_commitment: bool) -> x509.CertificateBuilder:
    usage = key_usage(digital_signature=True, content_commitment=content_commitment)
    return builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    ).add_extension(usage, critical=True)


def key_usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    """KeyUsage with the bits named; the others are off."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
