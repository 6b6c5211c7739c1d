"""The file in a multipart/form-data body, as it comes: nothing of it is set down before somebody reads it.

    form = Form(request, "edocFile")
    body = await desk.receive(form.file())
    form.fields["messageType"]

Raises Refusal EDX418 for a body that is none, or without the file, and EDX102 for more around it than any client sends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

FIELDS: Final = 32
AROUND: Final = 64 * 1024  # bytes of fields, headers and boundaries together


class Form:
    """One body; read once."""

    def __init__(self, request: Request, name: str) -> None:
        self.fields: dict[str, str] = {}
        self._request = request
        self._wanted = name
        self._found = False
        self._header, self._value = bytearray(), bytearray()
        self._part = ""  # the name of the part that is read
        self._field = bytearray()
        self._around = 0
        self._data: list[bytes] = []

    async def file(self) -> AsyncIterator[bytes]:
        """The pieces of the file."""
        kind, options = parse_options_header(self._request.headers.get("content-type"))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary or len(boundary) > 70:
            raise _malformed(Detail("multipart/form-data is expected"))
        parser = MultipartParser(boundary, {
            "on_part_begin": self._begin, "on_part_data": self._part_data, "on_part_end": self._end,
            "on_header_field": self._header_field, "on_header_value": self._header_value,
            "on_header_end": self._header_end,
        })  # fmt: skip
        try:
            async for piece in self._request.stream():
                parser.write(piece)
                came = sum(map(len, self._data))
                self._around += max(0, len(piece) - came)
                if self._around > AROUND or len(self.fields) > FIELDS:
                    raise Refusal("EDX102", detail=Detail("more than {most} bytes around the file", most=AROUND))
                for data in self._data:
                    yield data
                self._data.clear()
            parser.finalize()
        except MultipartParseError:
            raise _malformed(Detail("this is not multipart/form-data")) from None
        if not self._found:
            raise _malformed(Detail("the part {name} is missing", name=self._wanted))

    # What the parser calls. A piece of the file is kept until it is asked for; of the rest, as much as it takes.

    def _begin(self) -> None:
        self._part, self._field = "", bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            _, options = parse_options_header(bytes(self._value))
            self._part = options.get(b"name", b"").decode("utf-8", "replace")
            if self._part == self._wanted:
                if self._found:
                    raise _malformed(Detail("the part {name} comes twice", name=self._wanted))
                self._found = True
        self._header, self._value = bytearray(), bytearray()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == self._wanted:
            self._data.append(data[start:end])
        else:
            self._field += data[start:end]

    def _end(self) -> None:
        if self._part and self._part != self._wanted:
            self.fields[self._part[:100]] = bytes(self._field).decode("utf-8", "replace").strip()


def _malformed(detail: Detail) -> Refusal:
    return Refusal("EDX418", where="Content-Type", detail=detail)
