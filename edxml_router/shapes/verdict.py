"""The verdict on an envelope that somebody brought: to a node, or as a file to be checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypedDict

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.message.envelope import Envelope, Kind
from edxml_router.core.problems import Finding
from edxml_router.core.signature.verdict import Verdict
from edxml_router.core.xml.schema import Explanation
from edxml_router.shapes.envelope import SignatureShape, signature_shape
from edxml_router.shapes.form import Digest
from edxml_router.shapes.problem import ProblemShape, problem_or_none, problem_shape

CheckOutcome = Literal["accepted", "not-judged", "refused", "unread"]


class VerdictShape(TypedDict):
    """What every verdict says."""

    accepted: bool
    problem: ProblemShape | None
    digest: Digest | None
    document_id: str | None
    recipients: list[str]
    signature: SignatureShape | None
    remarks: list[ProblemShape]


class SubmissionShape(VerdictShape):
    """The node's answer to a submission."""

    repeated: bool
    try_again: bool
    states: dict[str, State]


class RefusedSubmissionShape(ProblemShape):
    """The problem for which an envelope was not accepted, with the whole answer beside it."""

    submission: SubmissionShape


class SentShape(SubmissionShape):
    """The node's answer about one file."""

    file: str


class AttachmentShape(TypedDict):
    """One attachment of a message; size and digest are of its decoded content."""

    name: str
    content_type: str
    size: int
    digest: Digest


class ExpectedShape(TypedDict):
    """Why a document breaks the schema, by the second validator."""

    where: str
    line: int | None
    expected: str
    found: str


class CheckShape(VerdictShape):
    """The verdict of ``check`` on a file, with what its message says."""

    file: str
    outcome: CheckOutcome
    authority: str | None
    kind: Kind | None
    business: int | None
    status_code: str | None
    sender: str | None
    refers_to: list[str]
    attachments: list[AttachmentShape]
    expected: list[ExpectedShape]


def submission_shape(
    digest: str,
    finding: Finding | None,
    envelope: Envelope | None,
    verdict: Verdict | None,
    *,
    accepted: bool,
    repeated: bool,
    try_again: bool,
    recipients: Iterable[str],
    states: Mapping[str, State],
    remarks: Iterable[Finding],
) -> SubmissionShape:
    return {
        "accepted": accepted,
        "repeated": repeated,
        "try_again": try_again,
        "problem": problem_or_none(finding),
        "digest": digest or None,
        "document_id": envelope.document_id if envelope else None,
        "recipients": list(recipients),
        "states": dict(states),
        "signature": signature_shape(verdict) if verdict else None,
        "remarks": [problem_shape(remark) for remark in remarks],
    }


def check_shape(
    file: str,
    outcome: CheckOutcome,
    finding: Finding | None,
    digest: str,
    envelope: Envelope | None,
    verdict: Verdict | None,
    *,
    authority: str,
    reason: str,
    remedy: Mapping[str, str] | None,
    remarks: Iterable[Finding],
    expected: Iterable[Explanation],
) -> CheckShape:
    """``reason`` is that of the signature's verdict; ``remedy`` may stand for that of the problem table."""
    return {
        "file": file,
        "accepted": outcome == "accepted",
        "outcome": outcome,
        "problem": problem_shape(finding, remedy) if finding else None,
        "digest": digest or None,
        "document_id": envelope.document_id if envelope else None,
        "kind": envelope.kind if envelope else None,
        "business": int(envelope.business) if envelope else None,
        "status_code": envelope.status_code if envelope else None,
        "sender": envelope.sender.organ_id if envelope else None,
        "recipients": list(envelope.recipients) if envelope else [],
        "refers_to": list(envelope.refers_to) if envelope else [],
        "signature": signature_shape(verdict, reason) if verdict else None,
        "authority": authority or None,
        "attachments": attachment_shapes(envelope) if envelope else [],
        "remarks": [problem_shape(one) for one in remarks],
        "expected": [
            {"where": one.path, "line": one.line, "expected": one.expected, "found": one.found} for one in expected
        ],
    }


def attachment_shapes(envelope: Envelope) -> list[AttachmentShape]:
    return [
        {"name": one.name, "content_type": one.content_type, "size": one.size, "digest": one.sha256}
        for one in envelope.attachments
    ]
