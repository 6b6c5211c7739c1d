"""An outcome that rests on a neighbour's word alone."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.core.delivery.views import UnprovenEnd
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.problem import ProblemShape, problem_shape


class UnprovenEndShape(TypedDict):
    """A delivery that has ended by a neighbour's word, which nothing proves; ``problem`` says why."""

    digest: Digest
    document: str
    sender: str
    recipient: str
    outcome: str
    at: Instant
    neighbour: str
    taken_at: Instant
    problem: ProblemShape


def unproven_end_shape(end: UnprovenEnd) -> UnprovenEndShape:
    receipt = end.receipt
    return {
        "digest": receipt.envelope,
        "document": end.document,
        "sender": end.sender,
        "recipient": receipt.recipient,
        "outcome": str(receipt.outcome),
        "at": instant(receipt.at),
        "neighbour": end.told_by,
        "taken_at": instant(receipt.evidence.taken_at or receipt.at),
        "problem": problem_shape(end.finding),
    }
