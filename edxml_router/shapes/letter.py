"""A letter that the node wrote for an office, and what an office sent: how it stands with each recipient."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypedDict

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import FoundEnvelope, Hindrance, SentDelivery
from edxml_router.core.link.manifest import instant
from edxml_router.core.message.envelope import Envelope, Kind
from edxml_router.core.problems import Finding
from edxml_router.core.signature.form import Coverage
from edxml_router.shapes.delivery import TracedDeliveryShape, traced_delivery_shape
from edxml_router.shapes.envelope import EnvelopeShape, envelope_shape
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_shape
from edxml_router.shapes.verdict import SubmissionShape


class ToSignShape(TypedDict):
    """What an office has to sign, so that its letter goes."""

    name: str
    algorithm: str
    coverage: Coverage
    signed_info: str
    signed_info_digest: str
    expires_at: Instant


class WrittenLetterShape(TypedDict):
    """A message that was written: handed in (``submission``), or waiting for its signature (``to_sign``)."""

    kind: Kind
    business: int
    status_code: str | None
    document_id: str
    sender: str
    recipients: list[str]
    submission: SubmissionShape | None
    to_sign: ToSignShape | None


class WrittenLettersShape(TypedDict):
    """What was written of one draft: a message for each party that hears of it alone."""

    messages: list[WrittenLetterShape]


class DraftRefusedShape(ProblemShape):
    """A draft was refused: the first of its mistakes, and all of them."""

    problems: list[ProblemShape]


def to_sign_shape(
    name: str, algorithm: str, coverage: Coverage, signed_info: bytes, digest: bytes, expires_at: datetime
) -> ToSignShape:
    return {
        "name": name,
        "algorithm": algorithm,
        "coverage": coverage,
        "signed_info": b64encode(signed_info).decode(),
        "signed_info_digest": b64encode(digest).decode(),
        "expires_at": instant(expires_at),
    }


def written_letter_shape(
    envelope: Envelope, submission: SubmissionShape | None, to_sign: ToSignShape | None
) -> WrittenLetterShape:
    return {
        "kind": envelope.kind,
        "business": int(envelope.business),
        "status_code": envelope.status_code,
        "document_id": envelope.document_id,
        "sender": envelope.sender.organ_id,
        "recipients": list(envelope.recipients),
        "submission": submission,
        "to_sign": to_sign,
    }


def draft_refused_shape(findings: Iterable[Finding]) -> DraftRefusedShape:
    """Of one finding at least."""
    problems = [problem_shape(one) for one in findings]
    return {**problems[0], "problems": problems}


class StatusMarkShape(TypedDict):
    """The latest status that a recipient's agency sent back about a document."""

    status_code: str
    digest: Digest
    accepted_at: Instant


class SentDeliveryShape(TracedDeliveryShape):
    """A delivery of what an office sent."""

    status: StatusMarkShape | None


class SentLetterShape(TypedDict):
    """An envelope that an office handed in here. ``deliveries`` are the first of them where ``next`` is not null."""

    office: str
    envelope: EnvelopeShape
    outcome: str
    states: dict[str, int]
    deliveries: list[SentDeliveryShape]
    next: int | None


class SentPageShape(TypedDict):
    """What an office sent, the newest first; ``cursor`` begins the page after."""

    letters: list[SentLetterShape]
    cursor: str
    more: bool


def status_mark_shape(status: EnvelopeRow | None) -> StatusMarkShape | None:
    if status is None:
        return None
    return {"status_code": status.status_code, "digest": status.digest, "accepted_at": instant(status.accepted_at)}


def sent_letter_shape(
    office: str,
    found: FoundEnvelope,
    deliveries: Iterable[SentDelivery],
    following: int | None,
    hindrances: Mapping[int, Hindrance],
) -> SentLetterShape:
    """``following`` is where the other recipients begin."""
    envelope = found.envelope
    return {
        "office": office,
        "envelope": envelope_shape(envelope),
        "outcome": found.outcome,
        "states": {str(State(state)): number for state, number in sorted(found.states.items())},
        "deliveries": [
            {
                **traced_delivery_shape(
                    one.delivery,
                    envelope.document_id,
                    one.hops or envelope.hops,
                    hindrances.get(one.delivery.id),
                    one.evidence,
                ),
                "status": status_mark_shape(one.status),
            }
            for one in deliveries
        ],
        "next": following,
    }
