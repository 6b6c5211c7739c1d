"""Answers as the SDK reads them: JSON objects with ``status``, ``ErrorCode`` and ``ErrorDesc``, which are texts always.

    return told("DocId", digest)
    return failure(finding, DocId="")

What is wrong is told in Vietnamese, with the problem's code: it is shown to a clerk, and the SDK has no language.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from fastapi.responses import Response, StreamingResponse

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Weight
from edxml_router.gateway.desk import Desk
from edxml_router.language.catalogues import told

OK: Final = {"status": "OK", "ErrorCode": "0", "ErrorDesc": told("vi", Detail("done"))}
_PORTION: Final = 3 * 256 * 1024  # bytes that make whole groups of base64
_DESCRIPTION: Final = 2000  # characters; the SDK keeps it in memory and in logs


def success(fields: Mapping[str, Any]) -> Response:
    """All went well."""
    return _json({**OK, **fields})


def failure(finding: Finding, **fields: str) -> Response:
    """Nothing was done. ``fields`` are those that the SDK reads of a refusal too."""
    made = _json({"status": "FAIL", "ErrorCode": finding.code, "ErrorDesc": problem_text(finding), **fields})
    if finding.problem.weight is Weight.TRANSIENT:
        made.headers["retry-after"] = "5"
    return made


def problem_text(finding: Finding) -> str:
    """A problem in one text: its code, what it is, the particulars, what helps."""
    parts = [f"{finding.code} {finding.title('vi')}", told("vi", finding.detail), told("vi", finding.where)]
    return (": ".join(part for part in parts if part) + ". " + finding.remedy("vi"))[:_DESCRIPTION]


def document_answer(desk: Desk, body: Body) -> Response:
    """A document in base64 within the answer, which is never whole in memory."""
    start, _, end = json.dumps({**OK, "data": "*"}, ensure_ascii=False).rpartition("*")
    length = len(start.encode()) + 4 * -(-body.size // 3) + len(end.encode())

    async def pieces() -> AsyncIterator[bytes]:
        yield start.encode()
        async for portion in portions(desk, body):
            yield base64.b64encode(portion)
        yield end.encode()

    headers = {"content-length": str(length)}
    return StreamingResponse(pieces(), media_type="application/json; charset=utf-8", headers=headers)


async def portions(desk: Desk, body: Body) -> AsyncIterator[bytes]:
    """The bytes in portions of a size that base64 can be made of one by one; the disk is read in a thread."""
    source = _portions(body)
    while (portion := await desk.call(next, source, b"")) != b"":
        yield portion


def _portions(body: Body) -> Iterator[bytes]:
    left = b""
    for piece in body.pieces():
        left += piece
        whole = len(left) - len(left) % _PORTION
        for at in range(0, whole, _PORTION):
            yield left[at : at + _PORTION]
        left = left[whole:]
    if left:
        yield left


def _json(fields: Mapping[str, Any]) -> Response:
    text = json.dumps(fields, separators=(",", ":"))  # ASCII: the SDK reads the answer to sendEdoc as nothing else
    return Response(text, media_type="application/json; charset=utf-8")
