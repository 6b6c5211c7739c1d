"""An envelope as a node keeps it, with the verdict on its signature and the nodes that had it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypedDict

from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.link.manifest import instant
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import PROBLEMS, Finding
from edxml_router.core.signature.form import Coverage
from edxml_router.core.signature.verdict import Indication, Verdict
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape

if TYPE_CHECKING:  # certificates are only judged elsewhere
    from edxml_router.core.trust.certificate import Signer


class HopShape(TypedDict):
    """A node that took an envelope, and when by its own clock."""

    node: str
    at: Instant


class SignerShape(TypedDict):
    """Whose key made a signature. Of an envelope that is kept only the key is known."""

    key: Digest
    fingerprint: Digest | None
    subject: str | None
    agencies: list[str] | None


class SignatureShape(TypedDict):
    """The verdict on a signature (ETSI EN 319 102-1)."""

    indication: Indication
    reason: str
    problem: ProblemShape | None
    signer: SignerShape | None
    coverage: Coverage | None
    algorithm: str | None


class EnvelopeShape(TypedDict):
    """An envelope that this node has accepted: ids and verdicts, no content."""

    digest: Digest
    document_id: str
    kind: Kind
    business: int
    status_code: str | None
    sender: str
    refers_to: list[str]
    urgent: bool
    size: int
    attachment_count: int
    signature: SignatureShape
    remarks: list[ProblemShape]
    peer: str
    channel: str
    accepted_at: Instant
    expires_at: Instant
    hops: list[HopShape]


def hop_shapes(hops: Iterable[Hop]) -> list[HopShape]:
    return [{"node": hop.node, "at": instant(hop.at)} for hop in hops]


def signature_shape(verdict: Verdict, reason: str = "") -> SignatureShape:
    """``reason`` stands for that of the verdict."""
    return {
        "indication": verdict.indication,
        "reason": reason or verdict.reason,
        "problem": problem_or_none(verdict.finding),
        "signer": signer_shape(verdict.signer) if verdict.signer else None,
        "coverage": verdict.coverage,
        "algorithm": verdict.algorithm or None,
    }


def signer_shape(signer: Signer) -> SignerShape:
    return {
        "key": signer.spki_sha256,
        "fingerprint": signer.fingerprint or None,
        "subject": signer.subject,
        "agencies": list(signer.agencies),
    }


def envelope_shape(row: EnvelopeRow) -> EnvelopeShape:
    return {
        "digest": row.digest,
        "document_id": row.document_id,
        "kind": Kind(row.kind),
        "business": row.business,
        "status_code": row.status_code or None,
        "sender": row.sender,
        "refers_to": list(row.refers_to),
        "urgent": row.urgent,
        "size": row.size,
        "attachment_count": row.attachments,
        "signature": _kept_signature(row),
        "remarks": [problem_shape(Finding(code)) for code in row.remarks if code in PROBLEMS],
        "peer": row.peer,
        "channel": row.channel,
        "accepted_at": instant(row.accepted_at),
        "expires_at": instant(row.expires_at),
        "hops": hop_shapes(row.hops),
    }


def _kept_signature(row: EnvelopeRow) -> SignatureShape:
    signer: SignerShape | None = None
    if row.signer:
        signer = {"key": row.signer, "fingerprint": None, "subject": None, "agencies": None}
    return {
        "indication": Indication(row.indication),
        "reason": row.reason,
        "problem": None,
        "signer": signer,
        "coverage": None,
        "algorithm": None,
    }
