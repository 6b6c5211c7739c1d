"""What comes with a request: where it comes from, its fields, its files; all of it bounded.

Raises Refusal EDX439 for what is not a form of ours, EDX102 for files that are too large.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from edxml_router.console.visit import HandedFile
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Setback

FIELDS: Final = 1000
FILES: Final = 20
FORM_BYTES: Final = 256 * 1024  # without its files
UPLOADS: Final = 8  # forms with files at once
UPLOADS_OF_ONE: Final = 2  # person: one who sends slowly keeps nobody else waiting

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_URLENCODED: Final = "application/x-www-form-urlencoded"


def require_same_origin(request: Request) -> None:
    """Browsers say from which site a form comes, and no page can make them lie. Compared is the host only: behind a
    proxy that ends TLS the scheme is another one here."""
    origin = request.headers.get("origin")
    if origin is not None:
        ours = urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower() != ""
    else:
        ours = request.headers.get("sec-fetch-site") == "same-origin"
    if not ours:
        raise Refusal("EDX439", detail=Detail("it comes from another site"))


def require_text(parts: Iterable[str]) -> None:
    """No browser sends what no database keeps: a NUL, or half of a pair of UTF-16."""
    if any("\0" in part or (not part.isprintable() and _SURROGATE.search(part)) for part in parts):
        raise Refusal("EDX439", detail=Detail("it has characters that no text has"))


async def form_of(request: Request, upload_bytes: int) -> tuple[list[tuple[str, str]], Sequence[HandedFile]]:
    """The fields and the files of a form. ``upload_bytes``: how much all files may be together, 0 for none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Of a form without files everything is read into memory, so no more may come where files might have.
    bounded = _Bounded(request, FORM_BYTES + (0 if kind == _URLENCODED else upload_bytes))
    try:
        if kind == _URLENCODED:
            parsed = await Request(request.scope, bounded.receive).form(max_fields=FIELDS)
        elif kind == "multipart/form-data" and upload_bytes:
            stream = Request(request.scope, bounded.receive).stream()
            parser = MultiPartParser(request.headers, stream, max_files=FILES, max_fields=FIELDS)
            parsed = await parser.parse()
        else:
            raise Refusal("EDX439", detail=Detail("a form of another kind"))
        fields = [(name, value) for name, value in parsed.multi_items() if isinstance(value, str)]
        files = [
            HandedFile(name, value.filename or "", await value.read())
            for name, value in parsed.multi_items()
            if isinstance(value, UploadFile)
        ]
        await parsed.close()
    except (MultiPartException, HTTPException, UnicodeDecodeError, ValueError) as error:
        raise Refusal("EDX439", detail=Detail("the form cannot be read")) from error
    require_text([part for pair in fields for part in pair])
    return fields, [each for each in files if each.name or each.content]


class UploadRoom:
    """How many forms with files are in hand at once: all their bytes are in memory until the page has answered."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()

    @contextmanager
    def room(self, name: str) -> Iterator[None]:
        """While the form of a person is taken and handled. Raises Setback EDX626 where as many are as may."""
        if self._of.total() >= UPLOADS or self._of[name] >= UPLOADS_OF_ONE:
            raise Setback("EDX626", detail=Detail("{count} forms with files are being received", count=UPLOADS))
        self._of[name] += 1
        try:
            yield
        finally:
            self._of[name] -= 1
            self._of += Counter()  # forgets who has none


class _Bounded:
    """The body of a request, of which no more is taken than may come."""

    def __init__(self, request: Request, most: int) -> None:
        self._receive = request.receive
        self._most = most
        self._count = 0

    async def receive(self) -> dict[str, object]:
        message: dict[str, object] = dict(await self._receive())
        body = message.get("body", b"")
        self._count += len(body) if isinstance(body, bytes) else 0
        if self._count > self._most:
            raise Refusal("EDX102", where="form", detail=Detail("more than {most} bytes", most=self._most))
        return message
