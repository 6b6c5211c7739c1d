"""A delivery, where it waits, and what an operator's act on it has done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from edxml_router.core.delivery.lifecycle import ENDS, Event, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import Hindrance, InboxItem, Shape
from edxml_router.core.link.manifest import instant
from edxml_router.core.link.statement import Evidence
from edxml_router.core.link.wire import Hop
from edxml_router.core.problems import Finding
from edxml_router.shapes.envelope import EnvelopeShape, HopShape, envelope_shape, hop_shapes
from edxml_router.shapes.form import Digest, Instant, LetterName
from edxml_router.shapes.problem import ProblemShape, kept_problem, problem_or_none
from edxml_router.shapes.proof import ProofShape, proof_shape


class HindranceShape(TypedDict):
    """Why this node does not move a delivery on: an earlier delivery of its document goes first, or the mailbox that it
    is for does not answer."""

    earlier: int | None
    problem: ProblemShape | None
    since: Instant | None


class DeliveryShape(TypedDict):
    """One envelope to one recipient, as it stands."""

    number: int
    digest: Digest
    document_id: str | None
    recipient: str
    state: State
    waits_for: str | None
    hindrance: HindranceShape | None
    route: str
    origin: str
    generation: int
    attempts: int
    lapses: int
    urgent: bool
    problem: ProblemShape | None
    detail: str
    far_accepted: bool
    due_at: Instant
    expires_at: Instant
    updated_at: Instant
    ended_at: Instant | None


class TracedDeliveryShape(DeliveryShape):
    """A delivery with the nodes that had the envelope on this way, as far as is known here, and what proves its end."""

    hops: list[HopShape]
    proof: ProofShape | None


class LetterShape(TypedDict):
    """What lies ready in an office's inbox."""

    letter: LetterName
    delivery: int
    office: str
    recipient: str
    urgent: bool
    expires_at: Instant
    envelope: EnvelopeShape


class ActShape(TypedDict):
    """What an operator's act has done to one delivery, or would do."""

    act: Event
    delivery: int
    possible: bool
    done: bool
    problem: ProblemShape | None


class ConfirmationShape(TypedDict):
    """What became of an office's word on a letter: confirmed, or returned."""

    letter: str
    done: bool
    problem: ProblemShape | None


class PileShape(TypedDict):
    """Open deliveries of one route, by the age of their envelopes."""

    route: str
    total: int
    ages: dict[str, int]


def waits_for(delivery: Delivery) -> str | None:
    """Who or what has to move next: ``link:NAME`` or ``office:NAME`` (it is theirs to take), ``recipient`` (the next
    node has it, the recipient's system has not confirmed), ``operator`` (held), ``node`` (this one is to make the next
    attempt); None when the delivery has ended. Computed when it is shown, never stored."""
    if delivery.state in ENDS:
        return None
    if delivery.state is State.HELD:
        return "operator"
    if delivery.far_accepted:
        return "recipient"
    return delivery.route if delivery.state in (State.FORWARDED, State.AVAILABLE) else "node"


def hindrance_shape(hindrance: Hindrance | None) -> HindranceShape | None:
    if hindrance is None:
        return None
    silence = hindrance.silence
    why = kept_problem(silence.finding.code, silence.finding.where, silence.finding.detail) if silence else None
    return {"earlier": hindrance.earlier, "problem": why, "since": instant(silence.since) if silence else None}


def delivery_shape(
    delivery: Delivery, document_id: str | None, hindrance: Hindrance | None = None
) -> DeliveryShape:
    return {
        "number": delivery.id,
        "digest": delivery.digest,
        "document_id": document_id,
        "recipient": delivery.recipient,
        "state": State(delivery.state),
        "waits_for": waits_for(delivery),
        "hindrance": hindrance_shape(hindrance),
        "route": delivery.route,
        "origin": delivery.origin,
        "generation": delivery.generation,
        "attempts": delivery.attempts,
        "lapses": delivery.lapses,
        "urgent": delivery.urgent,
        "problem": kept_problem(delivery.code, "", delivery.detail),
        "detail": delivery.detail,
        "far_accepted": delivery.far_accepted,
        "due_at": instant(delivery.due_at),
        "expires_at": instant(delivery.expires_at),
        "updated_at": instant(delivery.updated_at),
        "ended_at": instant(delivery.ended_at) if delivery.ended_at else None,
    }


def traced_delivery_shape(
    delivery: Delivery,
    document_id: str,
    hops: Iterable[Hop],
    hindrance: Hindrance | None = None,
    evidence: Evidence | None = None,
) -> TracedDeliveryShape:
    standing = delivery_shape(delivery, document_id, hindrance)
    return {**standing, "hops": hop_shapes(hops), "proof": proof_shape(evidence)}


def letter_shape(waiting: InboxItem) -> LetterShape:
    delivery = waiting.delivery
    return {
        "letter": delivery.name,
        "delivery": delivery.id,
        "office": delivery.route.name,
        "recipient": delivery.recipient,
        "urgent": delivery.urgent,
        "expires_at": instant(delivery.expires_at),
        "envelope": envelope_shape(waiting.envelope),
    }


def act_shapes(act: Event, answers: Mapping[int, Finding | None], *, dry_run: bool) -> Iterable[ActShape]:
    for number, finding in answers.items():
        possible = finding is None
        yield {
            "act": act,
            "delivery": number,
            "possible": possible,
            "done": possible and not dry_run,
            "problem": problem_or_none(finding),
        }


def confirmation_shape(letter: str, finding: Finding | None, *, done: bool) -> ConfirmationShape:
    return {"letter": letter, "done": done, "problem": problem_or_none(finding)}


def pile_shape(shape: Shape, ages: Sequence[str]) -> PileShape:
    """``ages`` are the names of the shape's buckets."""
    return {"route": shape.route, "total": shape.total, "ages": dict(zip(ages, shape.ages, strict=True))}
