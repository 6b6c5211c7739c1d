"""What the office sent: how it stands with each recipient, over which nodes it went, what the recipient answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.message.envelope import Kind
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AnyCaller, AtDesk
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.openapi import answer, problems
from edxml_router.services import office
from edxml_router.services.office import SentEnvelope, SentQuery
from edxml_router.services.waiting import hindrances
from edxml_router.shapes.letter import SentLetterShape, SentPageShape, sent_letter_shape

sent = APIRouter(tags=["sent"])

Digest = Annotated[str, Path(pattern="^[0-9a-f]{8,64}$", description="SHA-256 of the envelope, or its beginning.")]
Recipients = Annotated[int, Query(ge=1, le=1000, description="Most recipients of each envelope.")]
_SENT: Final[dict[str, Any]] = {
    "office": "vp",
    "envelope": examples.ENVELOPE,
    "outcome": "confirmed",
    "states": {"confirmed": 1},
    "deliveries": [
        {
            "number": 17,
            "digest": examples.DIGEST,
            "document_id": examples.ENVELOPE["document_id"],
            "recipient": "H01.151",
            "state": "confirmed",
            "waits_for": None,
            "hindrance": None,
            "route": "link:h01",
            "origin": "office:vp",
            "generation": 0,
            "attempts": 1,
            "lapses": 0,
            "urgent": False,
            "problem": None,
            "detail": "",
            "far_accepted": True,
            "due_at": "2026-03-02T01:15:00.000Z",
            "expires_at": "2026-04-01T01:15:00.000Z",
            "updated_at": "2026-03-02T01:15:02.000Z",
            "ended_at": "2026-03-02T01:15:02.000Z",
            "hops": examples.ENVELOPE["hops"],
            "proof": None,
            "status": {"status_code": "03", "digest": "ab" * 32, "accepted_at": "2026-03-02T02:00:00.000Z"},
        }
    ],
    "next": None,
}
_PAGE: Final = {"letters": [_SENT], "cursor": "", "more": False}


@sent.get(
    "/sent",
    responses={**problems("EDX606"), 200: answer(SentPageShape, "A page, the newest first.", _PAGE)},
    response_class=Response,
)
async def list_sent(
    caller: AnyCaller,
    desk: AtDesk,
    cursor: Annotated[str, Query(max_length=120, description="Where the page before ended.")] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    recipients: Recipients = 100,
    document: Annotated[str, Query(max_length=255, description="DocumentId, or beginning of the SHA-256.")] = "",
    recipient: Annotated[str, Query(max_length=35, description="An agency's code.")] = "",
    state: Annotated[State | None, Query(description="With a recipient in this state.")] = None,
    kind: Annotated[Kind | None, Query()] = None,
    since: Annotated[datetime | None, Query(description="Accepted then or later.")] = None,
    until: Annotated[datetime | None, Query(description="Accepted before.")] = None,
) -> Response:
    """List what the office sent, each with its recipients: state, hops, and the latest status that came back."""
    query = SentQuery(
        kind=kind,
        document=document,
        recipient=recipient,
        state=state,
        since=_aware(since),
        until=_aware(until),
        after=cursor,
        limit=limit,
        recipients=recipients,
    )
    page = await desk.call(office.sent_to, desk.node, caller.office, query)
    shapes = [await _shape(desk, caller.office, one) for one in page.envelopes]
    return json_answer({"letters": shapes, "cursor": page.next, "more": bool(page.next)})


@sent.get(
    "/sent/{digest}",
    responses={**problems("EDX606", "EDX613"), 200: answer(SentLetterShape, "The envelope.", _SENT)},
    response_class=Response,
)
async def show_sent(
    digest: Digest,
    caller: AnyCaller,
    desk: AtDesk,
    after: Annotated[int, Query(ge=0, le=2**62, description="`next` of the recipients before.")] = 0,
    recipients: Recipients = 100,
) -> Response:
    """One envelope that the office sent, with its recipients page by page."""
    one = await desk.call(office.sent_one, desk.node.ledger.views, caller.office, digest, after, recipients)
    return json_answer(await _shape(desk, caller.office, one))


async def _shape(desk: Desk, name: str, one: SentEnvelope) -> SentLetterShape:
    deliveries = [each.delivery for each in one.deliveries]
    kept_by = await desk.call(hindrances, desk.node.ledger.views, deliveries, datetime.now(UTC))
    return sent_letter_shape(name, one.found, one.deliveries, one.next, kept_by)


def _aware(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
