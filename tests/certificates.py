"""A small world of certificates for the tests: a root, an issuing authority, and leaves of every kind.

Keys are made once per run (RSA is slow to make). All dates hang on ``NOW``, never on the clock.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edxml_router.core import pki
from edxml_router.core.signature.signing import PrivateKey
from edxml_router.core.trust.certificate import write_pem
from edxml_router.core.trust.chain import TrustStore

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
KEY_TYPES = ("rsa-2048", "rsa-3072", "p-256", "p-384", "p-521")
_CURVES = {"p-256": ec.SECP256R1, "p-384": ec.SECP384R1, "p-521": ec.SECP521R1}
SPKI = PublicFormat.SubjectPublicKeyInfo
_serials = count(1000)


@cache
def key(kind: str = "p-256", name: str = "") -> PrivateKey:
    """The key of this kind and name; the same one each time (RSA: in this run)."""
    if kind.startswith("rsa-"):
        return rsa.generate_private_key(65537, int(kind[4:]))
    # The same in every run, so that a signed message that was kept can still be verified.
    secret = hashlib.sha256(f"{kind} {name}".encode()).digest()[:28]
    return ec.derive_private_key(int.from_bytes(secret, "big"), _CURVES[kind]())


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    """A key of a kind that may not sign documents."""
    return ed25519.Ed25519PrivateKey.generate()


@cache
def root(name: str = "Root") -> pki.Issuer:
    return pki.root(key("p-384", name), name, serial=next(_serials), at=NOW - timedelta(days=400), days=3650)


@cache
def issuing(name: str = "Issuing", above: str = "Root") -> pki.Issuer:
    """An issuing authority below the root ``above``."""
    at = NOW - timedelta(days=300)
    return pki.issuing(root(above), key("p-256", name), name, serial=next(_serials), at=at, days=1800)


@cache
def leaf(code: str = "H53.02", kind: str = "p-256", issuer: str = "Issuing", above: str = "Root") -> x509.Certificate:
    """The certificate of agency ``code`` with the key ``key(kind, code)``."""
    public = key(kind, code).public_key()
    at = NOW - timedelta(days=30)
    return pki.agency(issuing(issuer, above), public, [code], serial=next(_serials), at=at, days=365)


def chain(code: str = "H53.02", kind: str = "p-256") -> list[x509.Certificate]:
    return [leaf(code, kind), issuing().certificate]


def odd_leaf(
    code: str = "H53.02",
    *,
    public: object | None = None,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] | None = None,
    begin: datetime = NOW - timedelta(days=1),
    end: datetime = NOW + timedelta(days=100),
    issuer: pki.Issuer | None = None,
    serial: int | None = None,
    hash_algorithm: hashes.HashAlgorithm | None = None,
) -> x509.Certificate:
    """A leaf that is wrong in one way: another key, other extensions, other dates, another issuer."""
    issuer = issuer or issuing()
    if extensions is None:
        extensions = (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (pki.key_usage(digital_signature=True), True),
        )
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.subject_name(code, [code]))
        .issuer_name(issuer.certificate.subject)
        .public_key(public or key("p-256", code).public_key())  # type: ignore[arg-type]
        .serial_number(serial or next(_serials))
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(issuer.key, hash_algorithm or hashes.SHA256())


def crl(*revoked: pki.RevokedCertificate, issuer: pki.Issuer | None = None, number: int = 1, **when: object) -> bytes:
    """A revocation list in DER; ``at`` and ``days`` as in :func:`pki.revocation_list`."""
    options = {"at": NOW - timedelta(days=1), "days": 7, **when}
    made = pki.revocation_list(issuer or issuing(), revoked, number=number, **options)  # type: ignore[arg-type]
    return made.public_bytes(Encoding.DER)


@cache
def store() -> TrustStore:
    """Trusts ``root()``; knows nothing else."""
    return TrustStore.from_pem(write_pem([root().certificate]))
