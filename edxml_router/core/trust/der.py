"""The outermost structure of DER (X.690): where values begin and end. Their contents are left to libraries.

    tag, start, end = header(data, at)
    for tag, begin, start, end in values(data, start, end): …

Walks over the bytes without copying them: a file of revocation lists can have a hundred megabytes. Raises ValueError
for what is not DER: a length that is indefinite, longer than needed, or leads beyond the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edxml_router.core.detail import Detail

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
OBJECT_IDENTIFIER: Final = 0x06
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
VALUES_MAX: Final = 10_000  # values beside each other: whoever wants them as a list would have fifty times their bytes
CONTEXT: Final = 0xA0  # [0], constructed; [1] is the next


def header(data: bytes, at: int, end: int | None = None) -> tuple[int, int, int]:
    """The tag of the value at ``at``, and where its content begins and ends; ``end`` bounds it, by default the end of
    ``data``."""
    end = len(data) if end is None else end
    if at + 2 > end:
        raise ValueError(Detail("cut off"))
    tag, length, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise ValueError(Detail("a tag of several bytes"))
    if length >= 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > end:
            raise ValueError(Detail("a length that is not DER"))
        length = int.from_bytes(data[start : start + size], "big")
        if length < 0x80 or length < 1 << 8 * (size - 1):
            raise ValueError(Detail("a length that is not DER"))
        start += size
    if start + length > end:
        raise ValueError(Detail("cut off"))
    return tag, start, start + length


def values(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The values between ``at`` and ``end``: tag, where the value begins, where its content begins and ends. ValueError
    beyond :data:`VALUES_MAX`."""
    for _ in range(VALUES_MAX):
        if at >= end:
            return
        tag, start, stop = header(data, at, end)
        yield tag, at, start, stop
        at = stop
    if at < end:
        raise ValueError(Detail("more than {most} values beside each other", most=VALUES_MAX))


def value(tag: int, content: bytes) -> bytes:
    """A value with this content."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content


def only(data: bytes, tag: int) -> tuple[int, int]:
    """Where the content of ``data`` begins and ends, which is one value with this tag and nothing behind it."""
    found, start, end = header(data, 0)
    if found != tag or end != len(data):
        raise ValueError(Detail("not one value, or of another kind"))
    return start, end
