"""What fields of a delivery certificate mean, of its decision above all; docs/evidence.md tells what they prove."""

from __future__ import annotations

from typing import Final

DECISION_FIELDS: Final[dict[str, str]] = {
    "Certificate.decision": "By what the letter's signature was judged.",
    "Certificate.outcome": "Of all its deliveries: `open`, `confirmed`, `failed`, `mixed`, `empty`.",
    "Certificate.title": "The node's name for people; may be empty.",
    "Decision.rules": "SHA-256 of what was in force, as the entry of the acceptance has them: `agencies`, `schema`,"
    " `trust`, and `set`, which is all of it.",
    "Decision.trust": "What the digest `trust` is over; null where the node has other lists by now, or too many.",
    "Decision.revocation": "What the node knows of whether the certificates were revoked, the signer's first.",
    "Deviation.now": "What comes out now; may be empty.",
    "Deviation.recipient": "The agency, where it is about one.",
    "Deviation.then": "What the journal tells; may be empty.",
    "Deviation.what": "`outcome`, `code`, `signature`, `route`, or a fact of the acceptance.",
    "Replay.at": "When it was decided, which is the moment that it is judged at.",
    "Replay.decided": "What was decided: `accepted`, `refused`.",
    "Replay.decided_code": "The problem of then; null for none.",
    "Replay.deviations": "What came out otherwise; empty when nothing did.",
    "Replay.judged": "What comes out now: `accepted`, `refused`, `postponed`.",
    "Replay.judged_code": "The problem of now; null for none.",
    "Replay.judged_rules": "SHA-256 of what it was judged by now: `agencies`, `schema`, `trust`.",
    "Replay.position": "Of the entry of the decision; null while it has none.",
    "Replay.program": "The version of the program that decided; null with the rules of today.",
    "Replay.rules": "SHA-256 of what was in force, as the entry of the decision has them: `agencies`, `schema`,"
    " `trust`, and `set`, which is all of it.",
    "Replay.rules_of": "`then`, `today`.",
    "Replay.same": "Whether everything came out the same.",
    "Replay.unjudged": "The problem of then, where only the node of then could tell whether it applies; else null.",
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
