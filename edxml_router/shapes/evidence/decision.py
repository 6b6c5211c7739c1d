"""By what the signature of a letter was judged, as a delivery certificate tells it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict

from cryptography import x509

from edxml_router.core.link.manifest import instant
from edxml_router.core.trust.chain import TrustContent
from edxml_router.core.trust.revocation import RevocationEvidence
from edxml_router.shapes.form import Digest, Instant


class TrustContentShape(TypedDict):
    """What the digest ``trust`` of the rules in force is over."""

    grace_seconds: int
    required: bool
    certificates: list[Digest]
    lists: list[Digest]
    answers: Digest | None
    bindings: str


class RevocationEvidenceShape(TypedDict):
    """A revocation list, or a responder's answer, about a certificate by which a letter was judged."""

    kind: Literal["list", "answer"]
    about: str
    issuer: str
    sha256: Digest
    size: int
    at: Instant
    next_at: Instant | None
    file: str | None


class DecisionShape(TypedDict):
    """By what a letter's signature was judged: the verdict itself is that of the envelope."""

    rules: dict[str, Digest]
    trust: TrustContentShape | None
    revocation: list[RevocationEvidenceShape]


def revocation_evidence_shape(
    certificate: x509.Certificate, issuer: x509.Certificate, one: RevocationEvidence, file: str | None
) -> RevocationEvidenceShape:
    return {
        "kind": one.kind,
        "about": certificate.subject.rfc4514_string(),
        "issuer": issuer.subject.rfc4514_string(),
        "sha256": hashlib.sha256(one.data).hexdigest(),
        "size": len(one.data),
        "at": instant(one.at),
        "next_at": instant(one.next_at) if one.next_at else None,
        "file": file,
    }


def decision_shape(
    rules: Mapping[str, str],
    content: TrustContent | None,
    bindings: str | None,
    revocation: Iterable[RevocationEvidenceShape],
) -> DecisionShape:
    told: TrustContentShape | None = None
    if content is not None:
        told = {
            "grace_seconds": content.grace_seconds,
            "required": content.required,
            "certificates": list(content.certificates),
            "lists": list(content.lists),
            "answers": content.answers or None,
            "bindings": bindings or "",
        }
    return {"rules": dict(rules), "trust": told, "revocation": list(revocation)}
