"""A draft with its files: a body in JSON, or multipart/form-data with a part ``draft`` and the files as parts ``file``.

    order = read_order("letter", body, content_type)

The body has been received whole, within the limit of an envelope. Raises Refusal EDX418 for what is neither.
"""

from __future__ import annotations

from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from edxml_router.core.body import Body
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.drafts import MOST_BYTES

_MOST_PARTS: Final = 1001
_MOST_BOUNDARY: Final = 70  # RFC 2046, 5.1.1


class _Parts:
    """What the parser has found."""

    def __init__(self, boundary: bytes) -> None:
        self.draft: bytes | None = None
        self.files: dict[str, bytes] = {}
        self._count = 0
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._data = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_begin": self._header_begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_part_data": lambda data, start, end: self._data.extend(data[start:end]),
                "on_part_end": self._end,
            },
        )

    def read(self, body: Body) -> None:
        try:
            for piece in body.pieces():
                self._parser.write(piece)
            self._parser.finalize()
        except MultipartParseError:
            raise _malformed(Detail("this is not multipart/form-data")) from None
        if self.draft is None:
            raise _malformed(Detail("the part draft is missing"))

    def _begin(self) -> None:
        self._count += 1
        if self._count > _MOST_PARTS:
            raise _malformed(Detail("more than {most} parts", most=_MOST_PARTS))
        self._disposition, self._data = b"", bytearray()

    def _header_begin(self) -> None:
        self._header = (bytearray(), bytearray())

    def _header_end(self) -> None:
        name, value = self._header
        if bytes(name).lower() == b"content-disposition":
            self._disposition = bytes(value)

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name, file = options.get(b"name", b""), options.get(b"filename", b"").decode("utf-8", "replace")
        if name == b"draft" and self.draft is None:
            self.draft = bytes(self._data)
        elif name == b"file" and file and file not in self.files:
            self.files[file] = bytes(self._data)
        else:
            shown = name.decode("utf-8", "replace")[:100]
            raise _malformed(Detail("a part draft, and parts file with different file names: not {name}", name=shown))


def read_order(kind: str, body: Body, content_type: str) -> Order:
    """What the office wants written."""
    media, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if media == b"multipart/form-data" and 0 < len(boundary) <= _MOST_BOUNDARY:
        parts = _Parts(boundary)
        parts.read(body)
        return Order(kind, parts.draft or b"", parts.files)
    if media not in (b"application/json", b""):
        raise _malformed(Detail("application/json or multipart/form-data is expected"))
    if body.size > MOST_BYTES:
        raise _malformed(Detail("more than {most} bytes", most=MOST_BYTES))
    return Order(kind, body.whole())


def _malformed(detail: str) -> Refusal:
    return Refusal("EDX418", where="body", detail=detail)
