"""Notices: what became of the envelopes that an office sent, until it says that it knows."""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from edxml_router.core.link.resync import Resync
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AtDesk, Sender
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.bodies import read_json
from edxml_router.gateway.native.inbox import Limit
from edxml_router.gateway.native.openapi import answer, json_body, problems
from edxml_router.services.offices.notices import clear_notices, read_notices
from edxml_router.shapes.gateway.answers import ClearedShape, NoticePageShape
from edxml_router.shapes.notice import call_shape, notice_shape

notices = APIRouter(tags=["sent"])

_PAGE: Final[dict[str, Any]] = {
    "notices": [
        {
            "office": "vp",
            "digest": examples.DIGEST,
            "document_id": "H53,2026/03/02,12/UBND-VP",
            "receipts": [
                {
                    "recipient": "H01.151",
                    "generation": 0,
                    "outcome": "confirmed",
                    "at": "2026-03-02T01:20:00.000Z",
                    "problem": None,
                    "detail": "",
                    "hops": [{"node": "h53", "at": "2026-03-02T01:15:00.000Z"}],
                }
            ],
            "send_again": None,
        }
    ],
    "cursor": examples.CURSOR,
    "more": False,
}


class Read(BaseModel):
    """Up to where notices were read."""

    cursor: str = Field(max_length=120)


@notices.get(
    "/notices",
    responses={200: answer(NoticePageShape, "Those that are not cleared, the oldest first.", _PAGE), **problems()},
    response_class=Response,
)
async def list_notices(caller: Sender, desk: AtDesk, limit: Limit = 100) -> Response:
    """List what became of the envelopes that the office sent, for each recipient, as far as it is not cleared.

    With `send_again` a back-up was restored: hand in again what you handed in since then. To be told when something
    comes, use `offices.webhook` (`receipts.waiting`) or `GET /v1/events`.
    """
    page = await desk.call(read_notices, desk.node.ledger, caller.office, limit)
    told = [call_shape(caller.office, Resync(one.epoch, one.since)) for one in page.calls]
    for _, alike in groupby(page.notes, lambda row: row.receipt.envelope):
        told.append(notice_shape(caller.office, [row.receipt for row in alike], page.documents))
    return json_answer({"notices": told, "cursor": page.cursor, "more": page.more})


@notices.post(
    "/notices/clear",
    responses={200: answer(ClearedShape, "They are not listed again.", {"cleared": 1}), **problems()},
    openapi_extra=json_body(Read, {"cursor": examples.CURSOR}),
    response_class=Response,
)
async def clear(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Clear the notices of a page, once they are kept: give its `cursor` back. Newer ones stay."""
    asked = await read_json(request, Read)
    count = await desk.call(clear_notices, desk.node.ledger, caller.office, asked.cursor)
    return json_answer({"cleared": count})
