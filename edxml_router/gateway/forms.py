"""Small bodies, read as a whole and no further than they may go. Raises Refusal EDX102, EDX418."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.gateway.national.proof import body_of

MOST: Final = 64 * 1024  # bytes


async def within(request: Request, most: int) -> bytes:
    """The whole body."""
    text = bytearray()
    async for piece in body_of(request):
        text += piece
        if len(text) > most:
            raise Refusal("EDX102", detail=Detail("more than {most} bytes", most=most))
    return bytes(text)


async def json_of(request: Request) -> Mapping[str, Any]:
    """The JSON object that the body is; an empty one of no body."""
    text = await within(request, MOST)
    try:
        found = json.loads(text or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refusal("EDX418", detail=Detail("a JSON object is expected"))
    return found


def text_of(form: Mapping[str, Any], name: str) -> str:
    """The text of this name; empty where there is none."""
    value = form.get(name)
    return value if isinstance(value, str) else ""
