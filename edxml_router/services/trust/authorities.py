"""The authorities that a node trusts: their certificates, added to the files that [trust] names.

    for found in read(settings, file):            # for a person to compare the fingerprints of
        written, trouble = add(settings, found, reason, "lan")

Raises Refusal EDX309 and EDX310 for a certificate that is none of an authority that is valid, EDX901 where no file is
named for it, EDX902, EDX903, EDX908.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.trust.certificate import is_authority
from edxml_router.credentials import trust_files
from edxml_router.credentials.keys import load_certificates
from edxml_router.services.trust.bindings import journal_change


@dataclass(frozen=True, slots=True)
class Authority:
    """One whose certificate was read, and the file that it belongs to; ``fingerprint`` is the certificate's SHA-256."""

    certificate: x509.Certificate
    file: Path
    fingerprint: str

    @property
    def name(self) -> str:
        return self.certificate.subject.rfc4514_string()

    @property
    def until(self) -> datetime:
        return self.certificate.not_valid_after_utc


def read(settings: Settings, file: Path) -> Sequence[Authority]:
    """The authorities in a file (PEM, DER or PKCS#7), to be trusted or not."""
    found = load_certificates(file)
    return [Authority(one, _file(settings, one), one.fingerprint(hashes.SHA256()).hex()) for one in found]


def add(settings: Settings, authority: Authority, reason: str, operator: str) -> tuple[bool, Finding | None]:
    """Trust it: whether its certificate was not there before, and what went wrong with the journal afterwards."""
    if not trust_files.add_certificate(authority.file, authority.certificate):
        return False, None
    return True, journal_change(settings, "add", f"{authority.fingerprint}: {reason}", operator)


def _file(settings: Settings, certificate: x509.Certificate) -> Path:
    """Where an authority's certificate belongs: who signed itself is a root."""
    name = certificate.subject.rfc4514_string()
    if not is_authority(certificate):
        raise Refusal(
            "EDX310", where=name, detail=Detail("not an authority's certificate; `trust bind` is for signers")
        )
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise Refusal(
            "EDX309", where=name, detail=Detail("valid until {until:%Y-%m-%d}", until=certificate.not_valid_after_utc)
        )
    root = certificate.issuer == certificate.subject
    path = settings.trust.anchors if root else settings.trust.intermediates
    if path is None:
        setting = "trust.anchors" if root else "trust.intermediates"
        raise Refusal("EDX901", where=setting, detail=Detail("name a file for {name}", name=name))
    return path
