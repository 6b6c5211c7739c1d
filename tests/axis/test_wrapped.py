"""An envelope within JSON is unwrapped while it comes, however its bytes are cut into pieces."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.gateway.provincial.wrapped import AROUND, unwrapped

DATA = bytes(range(256)) * 3 + b"\xff\xfb\xff"  # its base64 has slashes


def read(text: bytes, size: int) -> bytes:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    async def gather() -> bytes:
        return b"".join([piece async for piece in unwrapped(pieces(), "data")])

    return asyncio.run(gather())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1000, 100_000])
@pytest.mark.parametrize("end", [0, 1, 2])
def test_it_is_what_was_wrapped(size: int, end: int) -> None:
    data = DATA[: len(DATA) - end]
    plain = json.dumps({"before": ["x", {"y": 1}], "data": base64.b64encode(data).decode(), "after": "đ"}).encode()
    assert read(plain, size) == data
    assert read(plain.replace(b"/", b"\\/"), size) == data  # as PHP writes it
    lines = json.dumps({"data": base64.encodebytes(data).decode()}).encode()
    assert read(lines, size) == data


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"[]", b'{"data": 7}', b'{"data": "AAAA"', b'{"data": "AAAA', b'{"data": "AAA"}',
        b'{"data": "A===AAAA"}', b'{"data": "AA==AAAA"}', b'{"data": "%%%%"}', b'["data": "AAAA"]',
        b'{"other": {"data": "AAAA"}, "data": "BBBB"}', b'{"data": "AAAA"} {}', b'{"data": "\\u0041AAA"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_anything_else_is_refused(text: bytes, size: int) -> None:
    with pytest.raises(Refusal, match="EDX418"):
        read(text, size)


@pytest.mark.parametrize("text", [b'{"x": "%s", "data": ""}', b'{"data": "", "x": "%s'])
def test_what_is_around_it_is_bounded(text: bytes) -> None:
    with pytest.raises(Refusal, match="EDX102"):
        read(text % (b"a" * AROUND), 1000)
