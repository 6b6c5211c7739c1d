"""What an office sent, and how it stands with each recipient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.delivery.views import FoundEnvelope, Hindrance, SentDelivery
from edxml_router.core.link.manifest import instant
from edxml_router.shapes.delivery import TracedDeliveryShape, traced_delivery_shape
from edxml_router.shapes.envelope import EnvelopeShape, envelope_shape
from edxml_router.shapes.form import Digest, Instant


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
                ),
                "status": status_mark_shape(one.status),
            }
            for one in deliveries
        ],
        "next": following,
    }
