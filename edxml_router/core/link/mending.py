"""The messages ``wanted`` and ``found`` of a link: the bytes of an envelope are damaged at a node, and a neighbour that
has had it gives them again.

``wanted`` is one line, ``{"v","envelope"}``. ``found`` is the manifest of a chunked envelope
(:mod:`edxml_router.core.link.chunked`), and behind it the bytes, unless they came in chunks before. Unreadable messages
raise Refusal EDX704.
"""

from __future__ import annotations

from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.link.chunked import ChunkedEnvelope, decode_chunked, encode_chunked
from edxml_router.core.link.manifest import VERSION, digest, line, read_fields, split
from edxml_router.core.problems import Refusal

WANTED: Final = "wanted"
FOUND: Final = "found"
_LINE_BYTES: Final = 1000  # of either manifest


def encode_wanted(envelope: str) -> bytes:
    return line({"v": VERSION, "envelope": envelope})


def decode_wanted(data: bytes) -> str:
    """The digest of the envelope that is wanted."""
    fields, rest = split(data, _LINE_BYTES)
    if rest:
        raise Refusal("EDX704", where="wanted", detail=Detail("bytes behind the manifest"))
    return read_fields(lambda: digest(fields["envelope"]))


def encode_found(announced: ChunkedEnvelope, body: bytes = b"") -> bytes:
    return encode_chunked(announced) + body


def decode_found(data: bytes) -> tuple[ChunkedEnvelope, bytes]:
    """What was found, and its bytes where they are in the message."""
    first, feed, body = data[:_LINE_BYTES].partition(b"\n")
    if not feed:
        raise Refusal("EDX704", where="found", detail=Detail("no manifest line"))
    announced = decode_chunked(first + feed)
    body = data[len(first) + 1 :]
    if bool(announced.chunks) == bool(body) or (body and len(body) != announced.size):
        raise Refusal("EDX704", where="found", detail=Detail("its size is not what its manifest says"))
    return announced, body
