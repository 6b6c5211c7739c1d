"""An envelope in base64 within a JSON object, unwrapped while it comes: neither is ever whole in memory.

    async for data in unwrapped(pieces, "data"): …

The object is ``{"data": "…"}``, with other members around it or not; ``data`` is one of its own members and comes
before any other of that name. Its text is base64 as JSON writes it: a slash may be escaped and lines may be broken, as
some writers do. What is around it may be :data:`AROUND` bytes. Raises Refusal EDX418 for anything else, EDX102 for
more.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.core.xml.content import decode_base64

AROUND: Final = 64 * 1024  # bytes
_MARK: Final = "here"  # what stands for the text when the rest is read as JSON


async def unwrapped(pieces: AsyncIterator[bytes], name: str) -> AsyncIterator[bytes]:
    """The decoded bytes, in pieces."""
    begins = re.compile(rb'"%s"\s*:\s*"' % re.escape(name.encode()))
    around, text, after = bytearray(), b"", bytearray()
    inside = over = False
    async for piece in pieces:
        if not inside and not over:
            around += piece
            found = begins.search(around)
            if found is None:
                _bound(len(around))
                continue
            piece, inside = bytes(around[found.end() :]), True  # noqa: PLW2901  # the rest of it
            del around[found.end() :]
            _bound(len(around))
        if inside:
            end = piece.find(b'"')
            inside, over = end < 0, end >= 0
            text, data = _decoded(text + (piece if end < 0 else piece[:end]), last=over)
            if data:
                yield data
            piece = b"" if end < 0 else piece[end:]  # noqa: PLW2901
        if over:
            after += piece
            _bound(len(around) + len(after))
    try:
        read = json.loads(bytes(around) + _MARK.encode() + bytes(after)) if over else None
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict) or read.get(name) != _MARK:
        raise _malformed(name)


def _decoded(text: bytes, *, last: bool) -> tuple[bytes, bytes]:
    """What of a text cannot be decoded yet, and what it stands for up to there."""
    held = b"\\" if text.endswith(b"\\") and not last else b""
    plain = text.removesuffix(held).replace(b"\\/", b"/").replace(b"\\n", b"").replace(b"\\r", b"")
    whole = len(plain) if last else max(0, len(plain) - 1) // 4 * 4  # four characters stay: they may be the last
    try:
        data = decode_base64(plain[:whole]) if whole else b""
    except ValueError:
        raise _malformed("data") from None
    if not last and plain[:whole].endswith(b"="):
        raise _malformed("data")  # it goes on behind its end
    return plain[whole:] + held, data


def _bound(size: int) -> None:
    if size > AROUND:
        raise Refusal("EDX102", detail=Detail("more than {most} bytes around the file", most=AROUND))


def _malformed(name: str) -> Refusal:
    return Refusal("EDX418", where=name, detail=Detail("a JSON object with the envelope in base64 is expected"))
