"""The inbox: what lies ready, waiting for mail, fetching, confirming and returning letters."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from edxml_router.core.problems import Finding, Refusal, Weight
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AtDesk, Receiver
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.bodies import (
    headers_of,
    is_cached,
    letter_answer,
    read_json,
    streamed,
    tag_of,
)
from edxml_router.gateway.native.openapi import answer, json_body, problems
from edxml_router.services import office
from edxml_router.services.gateway import contents, mailbox
from edxml_router.services.office import InboxLetter
from edxml_router.shapes.delivery import ConfirmationShape, confirmation_shape, letter_shape
from edxml_router.shapes.gateway.answers import ConfirmationsShape, InboxPageShape
from edxml_router.shapes.gateway.content import LetterContentShape, letter_content_shape

inbox = APIRouter(tags=["inbox"])

Letter = Annotated[
    str,
    Path(
        pattern=r"^[0-9a-f]{64}\.[A-Za-z0-9.]{1,60}$",
        description="The letter's name, as the inbox has it: SHA-256 and recipient.",
        examples=[examples.LETTER],
    ),
]
Cursor = Annotated[
    str, Query(max_length=120, description="Where the page before ended; without it, all that lies ready.")
]
Limit = Annotated[int, Query(ge=1, le=500, description="Most rows of the page.")]
Wait = Annotated[int, Query(ge=0, le=3600, description="Seconds to wait while there is nothing (long poll).")]
MEDIA_TYPE = "application/xml"


class Return(BaseModel):
    """Why a letter goes back."""

    reason: str = Field(min_length=1, max_length=1000)


class Letters(BaseModel):
    """Several letters."""

    letters: list[str] = Field(min_length=1, max_length=500)


@inbox.get(
    "/inbox",
    responses={200: answer(InboxPageShape, "A page of letters, the oldest first.", examples.INBOX), **problems()},
    response_class=Response,
)
async def list_inbox(
    caller: Receiver, desk: AtDesk, cursor: Cursor = "", limit: Limit = 100, wait: Wait = 0
) -> Response:
    """List what lies ready to be fetched.

    Go on with `cursor`: it misses nothing and can be kept. While there is nothing behind it, `wait` holds the answer
    back until there is: ask again at once, and you hear of mail the moment it is here.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + min(wait, desk.gateway.longest_wait.total_seconds())
    while True:
        page = await desk.call(mailbox.inbox, desk.node, caller.office, cursor, limit)
        cursor = page.cursor
        if page.rows or not (page.more or await _come(desk, caller.office, page.head, until - loop.time())):
            return json_answer(
                {"letters": [letter_shape(row) for row in page.rows], "cursor": cursor, "more": page.more}
            )


async def _come(desk: AtDesk, name: str, head: int, seconds: float) -> bool:
    return seconds > 0 and await desk.readers.wait(name, "mail", head, seconds)


@inbox.get(
    "/inbox/{letter}",
    responses={
        200: {"description": "The envelope, exactly as it was sent.", "content": {MEDIA_TYPE: examples.XML}},
        206: {"description": "The range that was asked for.", "content": {MEDIA_TYPE: examples.XML}},
        304: {"description": "The caller has it already (If-None-Match)."},
        **problems("EDX606", "EDX603", "EDX670"),
    },
    openapi_extra={"parameters": examples.CONDITIONS},
    response_class=Response,
)
async def fetch(letter: Letter, request: Request, caller: Receiver, desk: AtDesk) -> Response:
    """Fetch a letter. It stays in the inbox until it is confirmed or returned, and may be fetched again.

    The entity tag is its digest. A download that broke off goes on with Range and If-Range.
    """
    if is_cached(request, letter[:64]):
        await desk.call(mailbox.letter, desk.node, caller.office, letter)
        return Response(status_code=304, headers={"etag": tag_of(letter[:64])})
    body = await desk.call(office.fetch, desk.node, InboxLetter(caller.office, letter))
    return letter_answer(request, body, MEDIA_TYPE)


@inbox.head("/inbox/{letter}", include_in_schema=False)
async def head(letter: Letter, caller: Receiver, desk: AtDesk) -> Response:
    """The same without the letter; nothing is journalled as fetched."""
    found = await desk.call(mailbox.letter, desk.node, caller.office, letter)
    return Response(headers=headers_of(found.envelope.digest, found.envelope.size), media_type=MEDIA_TYPE)


@inbox.get(
    "/inbox/{letter}/content",
    responses={
        200: answer(LetterContentShape, "What the letter says.", examples.CONTENT),
        **problems("EDX606", "EDX603", "EDX670"),
    },
    response_class=Response,
)
async def content(letter: Letter, caller: Receiver, desk: AtDesk) -> Response:
    """Read a letter as JSON, for those who do not parse edXML; its attachments are fetched one by one."""
    body = await desk.call(office.fetch, desk.node, InboxLetter(caller.office, letter))
    envelope = await desk.call(contents.read, desk.node, body)
    return json_answer(letter_content_shape(letter, envelope))


@inbox.get(
    "/inbox/{letter}/attachments/{number}",
    responses={
        200: {
            "description": "The attachment, decoded. Its own type stands in the content; here it is always a file.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **problems("EDX606", "EDX603", "EDX670"),
    },
    response_class=Response,
)
async def attachment(
    letter: Letter, number: Annotated[int, Path(ge=1, le=10_000)], caller: Receiver, desk: AtDesk
) -> Response:
    """Fetch one attachment of a letter, by its place in the content's list, from 1 on."""
    body = await desk.call(office.fetch, desk.node, InboxLetter(caller.office, letter))
    desk.require_sending()
    about, pieces = await desk.call(contents.attachment_of, desk.node, body, number)
    headers = headers_of(about.sha256, about.size)
    headers |= {"content-disposition": "attachment", "accept-ranges": "none"}
    # What a stranger calls text/html must not be that to a browser.
    return StreamingResponse(streamed(desk, pieces), 200, headers, "application/octet-stream")


@inbox.post(
    "/inbox/{letter}/confirm",
    responses={
        200: answer(ConfirmationShape, "It is confirmed; `problem` may hold a remark.", examples.CONFIRMED),
        **problems("EDX606", "EDX607"),
    },
    response_class=Response,
)
async def confirm(letter: Letter, caller: Receiver, desk: AtDesk) -> Response:
    """Confirm that the office's system has taken the letter over. Confirming twice is no mistake."""
    given = InboxLetter(caller.office, letter)
    answers = await desk.call(office.confirm, desk.node, [given])
    return _one(letter, answers[given])


@inbox.post(
    "/inbox/{letter}/return",
    responses={
        200: answer(ConfirmationShape, "It goes back to the sender, with the reason.", examples.CONFIRMED),
        **problems("EDX606", "EDX607"),
    },
    openapi_extra=json_body(Return, {"reason": "Không thuộc thẩm quyền giải quyết"}),
    response_class=Response,
)
async def send_back(letter: Letter, request: Request, caller: Receiver, desk: AtDesk) -> Response:
    """Return the letter to its sender (QĐ 28/2018/QĐ-TTg, article 5.4), with the reason."""
    asked = await read_json(request, Return)
    given = InboxLetter(caller.office, letter)
    answers = await desk.call(office.refuse, desk.node, [given], asked.reason)
    return _one(letter, answers[given])


@inbox.post(
    "/inbox/confirm",
    responses={
        200: answer(ConfirmationsShape, "An answer for each, in order.", {"letters": [examples.CONFIRMED]}),
        **problems(),
    },
    openapi_extra=json_body(Letters, {"letters": [examples.LETTER]}),
    response_class=Response,
)
async def confirm_several(request: Request, caller: Receiver, desk: AtDesk) -> Response:
    """Confirm several letters with one commit; what is wrong with one does not stop the others."""
    asked = await read_json(request, Letters)
    given = list(dict.fromkeys(InboxLetter(caller.office, name[:150]) for name in asked.letters))
    answers = await desk.call(office.confirm, desk.node, given)
    shapes = [confirmation_shape(one.name, answers[one], done=office.is_done(answers[one])) for one in given]
    return json_answer({"letters": shapes})


def _one(letter: str, finding: Finding | None) -> Response:
    if finding is not None and finding.problem.weight is not Weight.REMARK:
        raise Refusal(finding.code, where=finding.where, detail=finding.detail)
    return json_answer(confirmation_shape(letter, finding, done=True))
