"""HTTP/1.1 as the door passes it on (RFC 9112): heads as they were written, bodies piece by piece.

Raises ValueError for what is not HTTP, and asyncio's errors for a line that ends in the middle.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

MOST_HEAD: Final = 64 * 1024  # bytes
PIECE: Final = 64 * 1024
_BODILESS: Final = (204, 304)
_END: Final = b"0\r\n\r\n"


@dataclass
class HttpHead:
    """A request line or status line, and the fields in their order."""

    line: str
    fields: list[tuple[str, str]]

    def get(self, name: str) -> str | None:
        return next((value for field, value in self.fields if field.lower() == name), None)

    def drop(self, *names: str) -> None:
        self.fields = [(field, value) for field, value in self.fields if field.lower() not in names]

    def put(self, name: str, value: str) -> None:
        self.drop(name.lower())
        self.fields.append((name, value))

    def encoded(self) -> bytes:
        lines = [self.line, *(f"{field}: {value}" for field, value in self.fields), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def method(self) -> str:
        return self.line.split(" ", 1)[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def status(self) -> int:
        return int(self.line.split(" ", 2)[1])

    @property
    def chunked(self) -> bool:
        return (self.get("transfer-encoding") or "").lower().endswith("chunked")

    @property
    def length(self) -> int | None:
        text = self.get("content-length")
        return int(text) if text is not None else None


async def read_head(reader: asyncio.StreamReader) -> HttpHead | None:
    """The next head; none where the line ends before it begins."""
    try:
        data = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial.strip():
            return None
        raise
    line, *rest = data.decode("latin-1").lstrip("\r\n").removesuffix("\r\n\r\n").split("\r\n")
    if len(line.split(" ")) < 2:
        raise ValueError(line[:100])
    pairs = (each.partition(":") for each in rest)
    return HttpHead(line, [(name, value.strip()) for name, _, value in pairs])


def request_has_body(head: HttpHead) -> bool:
    return head.chunked or bool(head.length)


def answer_has_body(head: HttpHead, method: str) -> bool:
    return method != "HEAD" and head.status not in _BODILESS and head.length != 0


async def read_body(reader: asyncio.StreamReader, head: HttpHead) -> AsyncIterator[bytes]:
    """What a body says, without the chunks that it comes in; to the end of the line where no length is given."""
    if head.chunked:
        async for piece in _chunks(reader):
            yield piece
        return
    left = head.length
    while left is None or left > 0:
        piece = await reader.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            if left:
                raise asyncio.IncompleteReadError(b"", left)
            return
        if left is not None:
            left -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        left = int((await reader.readline()).split(b";")[0], 16)
        if left == 0:
            while (await reader.readline()).strip():
                pass
            return
        while left:
            piece = await reader.read(min(PIECE, left))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece
        await reader.readline()


def framed(piece: bytes, *, chunked: bool) -> bytes:
    """A piece of a body as it goes over the line."""
    return b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece


def body_end(*, chunked: bool) -> bytes:
    return _END if chunked else b""
