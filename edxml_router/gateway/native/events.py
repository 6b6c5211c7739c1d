"""Events: what becomes of an office's mail, in pages, or as a stream of server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from edxml_router.core.problems import Trouble
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AnyCaller, AtDesk, caller_of
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.inbox import Limit, Wait
from edxml_router.gateway.native.openapi import answer, problems
from edxml_router.observe.escape import json_line
from edxml_router.services.gateway import mailbox
from edxml_router.shapes.gateway.answers import EventPageShape, OfficeEventShape, office_event_shape

events = APIRouter(tags=["events"])

ALIVE_SECONDS = 15.0  # between signs of life in a stream, at which the caller's credentials are asked anew
STREAM_SECONDS = 3600.0  # of one stream; the client goes on with the last id
STREAMED = "text/event-stream"

_LINES: Final = """retry: 1000

id: 5d41402abc4b-1042
event: delivery.confirmed
data: {"cursor":"5d41402abc4b-1042","event":"delivery.confirmed","side":"sent","recipient":"H01.151",…}

id: 5d41402abc4b-1043
: alive

"""


def streamed_too(described: dict[str, Any]) -> dict[str, Any]:
    """The answer, also as a stream: OpenAPI 3.1 has no words for the single events but this."""
    schema = {
        "type": "string",
        "description": "Server-sent events. `id` is the event's cursor, `event` its name, and `data` one OfficeEvent "
        "as JSON. A line `: alive` comes every 15 seconds; the stream ends after an hour, and goes on with "
        "`Last-Event-ID`.",
    }
    return {**described, "content": {**described["content"], STREAMED: {"schema": schema, "example": _LINES}}}


Cursor = Annotated[str, Query(max_length=120, description="Where the page before ended; without it, from now on.")]


@events.get(
    "/events",
    responses={
        200: streamed_too(answer(EventPageShape, "A page of events, the oldest first.", examples.EVENTS)),
        **problems(),
    },
    response_class=Response,
)
async def list_events(
    request: Request,
    caller: AnyCaller,
    desk: AtDesk,
    cursor: Cursor = "",
    limit: Limit = 100,
    wait: Wait = 0,
    last_event_id: Annotated[str, Header(max_length=120)] = "",
) -> Response:
    """Hear what becomes of the office's mail: of each envelope that it sent, and of each letter in its inbox.

    Go on with `cursor`, which misses nothing; `wait` holds the answer back while there is nothing. With
    `Accept: text/event-stream` the answer is a stream, which goes on where `Last-Event-ID` says.
    """
    if STREAMED in request.headers.get("accept", ""):
        stream = _stream(request, desk, caller.office, last_event_id or cursor)
        return StreamingResponse(stream, media_type=STREAMED, headers={"cache-control": "no-store"})
    loop = asyncio.get_running_loop()
    until = loop.time() + min(wait, desk.gateway.longest_wait.total_seconds())
    while True:
        page = await _page(desk, caller.office, cursor, limit)
        shapes, cursor, more, head = page
        left = until - loop.time()
        if shapes or not (more or (left > 0 and await desk.readers.wait(caller.office, "events", head, left))):
            return json_answer({"events": shapes, "cursor": cursor, "more": more})


async def _page(desk: Desk, office: str, cursor: str, limit: int) -> tuple[list[OfficeEventShape], str, bool, int]:
    page = await desk.call(mailbox.events, desk.node, office, cursor, limit)
    digests = {line.entry.envelope for line in page.rows}
    documents = await desk.call(mailbox.documents, desk.node, digests) if digests else {}
    shapes = [
        office_event_shape(
            mailbox.cursor_after(page.cursor, line),
            line.told,
            documents.get(line.entry.envelope),
            sent=line.origin.is_office and line.origin.name == office,
        )
        for line in page.rows
    ]
    return shapes, page.cursor, page.more, page.head


async def _stream(request: Request, desk: Desk, office: str, cursor: str) -> AsyncIterator[str]:
    """Until the hour is over, the credentials count no more, or the client is gone."""
    loop = asyncio.get_running_loop()
    until, alive = loop.time() + STREAM_SECONDS, loop.time() + ALIVE_SECONDS
    yield "retry: 1000\n\n"
    while loop.time() < until and not desk.ending:
        try:
            shapes, cursor, more, head = await _page(desk, office, cursor, 100)
            for shape in shapes:
                yield f"id: {shape['cursor']}\nevent: {shape['event']}\ndata: {json_line(shape)}\n\n"
            if shapes or more:
                continue
            await desk.readers.wait(office, "events", head, max(0.0, alive - loop.time()))
            if loop.time() >= alive:
                alive = loop.time() + ALIVE_SECONDS
                await caller_of(request, desk)  # a connection lives for long; what it was let in by may not count now
                yield f"id: {cursor}\n: alive\n\n"
        except Trouble:
            return  # the client comes again and is told why, in a status
