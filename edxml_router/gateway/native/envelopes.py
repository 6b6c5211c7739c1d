"""Handing envelopes in: raw edXML, set down while it comes, answered with the verdict."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.gateway.callers import AtDesk, Sender
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.digests import content_digest, require_digest
from edxml_router.gateway.native import uploads
from edxml_router.gateway.native.openapi import SUBMISSION, SUBMITTED
from edxml_router.gateway.native.verdicts import verdict_answer
from edxml_router.gateway.problem_answers import preferred_language
from edxml_router.services.gateway.caller import Caller

envelopes = APIRouter(tags=["envelopes"])

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the envelope, in hexadecimal.")]


@envelopes.put("/envelopes/{sha256}", responses=SUBMITTED, openapi_extra=SUBMISSION, response_class=Response)
async def hand_in(sha256: Digest, request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Hand an envelope in under its digest.

    Repeating it is harmless: what was accepted is answered 200 with how each recipient's delivery stands, and is not
    sent again. 201: the node answers for it from now on. Anything else: nothing was accepted.
    """
    return await _hand_in(request, caller, desk, sha256)


@envelopes.post("/envelopes", responses=SUBMITTED, openapi_extra=SUBMISSION, response_class=Response)
async def hand_in_unnamed(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Hand an envelope in without naming it; the digest is in the answer. Repeating it is as harmless as with PUT.

    With `Upload-Complete` it begins an upload that can go on where it broke off: see PATCH.
    """
    return await _hand_in(request, caller, desk, None)


async def _hand_in(request: Request, caller: Caller, desk: Desk, named: str | None) -> Response:
    _require_plain(request)
    if uploads.begins(request):
        return await uploads.begin(request, caller, desk, named)
    expected = [each for each in (named, content_digest(request.headers.get("content-digest"))) if each is not None]
    require_digest(desk, "Content-Digest", *expected)
    most = desk.settings.limits.max_bytes
    length = request.headers.get("content-length")
    if length is not None and int(length) > most:  # h11 has seen that it is a number
        raise Refusal("EDX102", detail=Detail("{size} bytes; at most {most}", size=int(length), most=most))
    body = await desk.receive(_pieces(request), most)
    try:
        if any(body.digest != each for each in expected):
            raise Refusal("EDX419", where=expected[0], detail=Detail("what came is {digest}", digest=body.digest))
        answer = await desk.submit(caller.office, body)
    finally:
        body.discard()
    return verdict_answer(answer, preferred_language(request))


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        if piece:
            yield piece


def _require_plain(request: Request) -> None:
    """The digest is of the bytes that are sent; what is packed in any way is not an envelope."""
    encoding = request.headers.get("content-encoding", "identity")
    kind = request.headers.get("content-type", "")
    if encoding.lower() != "identity" or kind.lower().startswith(("multipart/", "application/x-www-form-urlencoded")):
        raise Refusal("EDX418", where="Content-Type", detail=Detail("send the envelope's own bytes as application/xml"))
