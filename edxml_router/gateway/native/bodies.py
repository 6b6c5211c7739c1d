"""Bodies of requests and answers: small JSON, and letters with ranges and entity tags (RFC 9110)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Final, TypeVar

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ValidationError

from edxml_router.core.body import PIECE_BYTES, Body
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.gateway.callers import desk_of
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.digests import digest_field
from edxml_router.gateway.problem_answers import preferred_language, problem_answer

Model = TypeVar("Model", bound=BaseModel)

MOST_JSON: Final = 256 * 1024  # bytes
_RANGE: Final = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")
UNSATISFIABLE: Final = 416


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body as this model. Raises Refusal EDX418 for anything else, and for one that is too long."""
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_JSON:
            raise Refusal("EDX418", where="body", detail=Detail("more than {most} bytes", most=MOST_JSON))
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(("body", *map(str, first["loc"])))
        raise Refusal("EDX418", where=where[:200], detail=str(first["msg"])[:200]) from error


def tag_of(digest: str) -> str:
    """The entity tag of what has this SHA-256."""
    return f'"sha-256:{digest}"'


def is_cached(request: Request, digest: str) -> bool:
    """Whether If-None-Match says that the caller has it already."""
    given = request.headers.get("if-none-match", "")
    return any(each.strip().removeprefix("W/") in (tag_of(digest), "*") for each in given.split(",") if each.strip())


def headers_of(digest: str, size: int) -> dict[str, str]:
    """What every answer about these bytes says."""
    return {
        "etag": tag_of(digest),
        "repr-digest": digest_field(digest),
        "accept-ranges": "bytes",
        "content-length": str(size),
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }


def letter_answer(request: Request, body: Body, media_type: str) -> Response:
    """The bytes, or the one range of them that was asked for. Several ranges are answered with the whole, as RFC 9110,
    section 14.2, allows: to take them apart costs more than it spares. Raises Setback EDX626."""
    headers = headers_of(body.digest, body.size)
    span = _span(request, body)
    if span == (0, 0) and body.size:
        refused = problem_answer(Finding("EDX418", "Range"), preferred_language(request), status=UNSATISFIABLE)
        refused.headers["content-range"] = f"bytes */{body.size}"
        return refused
    desk = desk_of(request)
    desk.require_sending()
    start, stop = span or (0, body.size)
    status = 200
    if span is not None:
        status = 206
        headers |= {"content-range": f"bytes {start}-{stop - 1}/{body.size}", "content-length": str(stop - start)}
    return StreamingResponse(streamed(desk, body.pieces(start, stop)), status, headers, media_type)


def _span(request: Request, body: Body) -> tuple[int, int] | None:
    """First byte and the one after the last; (0, 0) for a range that the body has nothing of; None for all."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    condition = request.headers.get("if-range")
    if found is None or found[1] == found[2] == "" or (condition is not None and condition != tag_of(body.digest)):
        return None
    if found[1] == "":
        length = min(int(found[2]), body.size)
        return (body.size - length, body.size) if length else (0, 0)
    start, stop = int(found[1]), min(int(found[2]) + 1, body.size) if found[2] else body.size
    if found[2] and int(found[2]) < start:
        return None  # not a range at all
    return (start, stop) if start < body.size else (0, 0)


async def streamed(desk: Desk, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, read by a thread while others are served; cut so small that a slow reader holds little."""
    loop = asyncio.get_running_loop()
    with desk.sending():
        while (piece := await loop.run_in_executor(None, next, pieces, None)) is not None:
            for at in range(0, len(piece), _CUT):
                yield piece[at : at + _CUT]


_CUT: Final = PIECE_BYTES // 16
