"""What comes with a request: where it comes from, its fields, its files; all of it bounded.

Raises Refusal EDX439 for what is not a form of ours, EDX102 for files that are too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from edxml_router.console.visit import HandedFile
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal

FIELDS: Final = 1000
FILES: Final = 20
FORM_BYTES: Final = 256 * 1024  # without its files

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


async def form_of(request: Request, upload_bytes: int) -> tuple[list[tuple[str, str]], Sequence[HandedFile]]:
    """The fields and the files of a form. ``upload_bytes``: how much all files may be together, 0 for none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    bounded = _Bounded(request, FORM_BYTES + upload_bytes)
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
    return fields, [each for each in files if each.name or each.content]


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
