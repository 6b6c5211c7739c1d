"""What fields of a delivery certificate mean, of its decision above all; docs/evidence.md tells what they prove."""

from __future__ import annotations

from typing import Final

DECISION_FIELDS: Final[dict[str, str]] = {
    "Certificate.decision": "By what the letter's signature was judged.",
    "Certificate.outcome": "Of all its deliveries: `open`, `confirmed`, `failed`, `mixed`, `empty`.",
    "Certificate.title": "The node's name for people; may be empty.",
    "Decision.rules": "SHA-256 of what was in force, as the entry of the acceptance has them: `agencies`, `schema`,"
    " `trust`.",
    "Decision.trust": "What the digest `trust` is over; null where the node has other lists by now, or too many.",
    "Decision.revocation": "What the node knows of whether the certificates were revoked, the signer's first.",
    "TrustContent.answers": "SHA-256 of what responders (OCSP) had said; null where none is named.",
    "TrustContent.bindings": "SHA-256 of the table of bindings; may be empty.",
    "TrustContent.certificates": "SHA-256 of anchors and intermediates, hex.",
    "TrustContent.grace_seconds": "How long after its date a list still counts.",
    "TrustContent.lists": "SHA-256 of the revocation lists, hex.",
    "TrustContent.required": "Whether revocation has to be known.",
    "RevocationEvidence.about": "The subject of the certificate that it tells of (RFC 4514).",
    "RevocationEvidence.at": "When it was made, by its authority (thisUpdate).",
    "RevocationEvidence.file": "Its file in the certificate; null where it is too large, and only named.",
    "RevocationEvidence.issuer": "The subject of the authority that says it.",
    "RevocationEvidence.kind": "`list` (CRL) or `answer` (OCSP).",
    "RevocationEvidence.next_at": "When there will be a newer one (nextUpdate); null where it does not say.",
    "RevocationEvidence.sha256": "SHA-256 of its DER, hex.",
    "RevocationEvidence.size": "Its bytes.",
}
