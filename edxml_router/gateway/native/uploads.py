"""Uploads that go on where they broke off (draft-ietf-httpbis-resumable-upload-15).

``POST /v1/envelopes`` with ``Upload-Complete`` begins one; its place is in Location. ``HEAD`` tells how far it is,
``PATCH`` goes on there, and with the last part it is handed in and answered as any envelope is. A client that names an
``Upload-Draft-Interop-Version`` of :data:`VERSIONS` hears by interim answers (104) where the upload is, before the body
has come, and then how much of it is safe on disk. Others hear it with the answer.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.gateway.callers import AtDesk, Sender
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.digests import content_digest, require_digest
from edxml_router.gateway.native.openapi import SUBMITTED, problems
from edxml_router.gateway.native.verdicts import verdict_answer
from edxml_router.gateway.problem_answers import preferred_language, problem_answer
from edxml_router.services.gateway import uploads as service
from edxml_router.services.gateway.caller import Caller
from edxml_router.services.gateway.uploads import Upload

uploads = APIRouter(tags=["uploads"])

PART: Final = "application/partial-upload"
AT_ONCE: Final = 1024 * 1024  # bytes of one write
TOLD: Final = 8 * AT_ONCE  # bytes after which what has come is synced, and that is told
# Of the drafts: all of them have the fields that are used here. A client may not be told 104 for another version than
# its own, nor where it names none (Draft Version Identification).
VERSIONS: Final = frozenset({"6", "7", "8", "9"})
_HEADERS: Final = [
    {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": pattern},
        "example": example,
    }
    for name, description, pattern, example in (
        ("Upload-Offset", "Where this part begins: as HEAD tells.", "^[0-9]{1,15}$", "1048576"),
        ("Upload-Complete", "`?1` with the last part.", r"^\?[01]$", "?1"),
    )
]
Name = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def begins(request: Request) -> bool:
    """Whether the request is the first of an upload."""
    return "upload-complete" in request.headers


async def begin(request: Request, caller: Caller, desk: Desk, digest: str | None) -> Response:
    """Begin an upload with the first part, or with nothing."""
    length = _number(request, "upload-length")
    if length is not None and length > desk.settings.limits.max_bytes:
        raise Refusal("EDX102", detail=Detail("{size} bytes; at most {most}", size=length,
                                              most=desk.settings.limits.max_bytes))  # fmt: skip
    expected = digest or content_digest(request.headers.get("repr-digest"))
    require_digest(desk, "Repr-Digest", *filter(None, [expected]))
    upload = await desk.call(service.begin, desk.node, caller.office, desk.uploads, length, expected)
    limit = ("Upload-Limit", _limit(desk.settings.limits.max_bytes))
    _inform(request, ("Location", f"/v1/uploads/{upload.name}"), limit)
    answer = await _take(request, caller, desk, upload, 0)
    answer.headers["location"] = f"/v1/uploads/{upload.name}"
    if answer.status_code == 204:
        answer.status_code = 201
    return answer


@uploads.head("/uploads/{upload}", include_in_schema=False)
@uploads.get("/uploads/{upload}", include_in_schema=False)
async def progress(upload: Name, caller: Sender, desk: AtDesk) -> Response:
    """How far an upload is."""
    found = await desk.call(service.find, caller.office, desk.uploads, upload)
    return Response(status_code=204, headers=await desk.call(_state, found, desk.settings.limits.max_bytes))


@uploads.patch(
    "/uploads/{upload}",
    responses={
        204: {"description": "The part is here; Upload-Offset tells how far it is."},
        **problems("EDX628"),
        **SUBMITTED,
    },
    openapi_extra={
        "parameters": _HEADERS,
        "requestBody": {
            "required": True,
            "content": {PART: {"schema": {"type": "string"}, "example": "…</edXML>"}},
        },
    },
    response_class=Response,
)
async def go_on(upload: Name, request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Send the next part of an upload; with the last one the envelope is handed in, and the answer is the verdict.

    Who did not hear the answer sends an empty last part at the end of it, and hears it again.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != PART:
        raise Refusal("EDX418", where="Content-Type", detail=PART)
    found = await desk.call(service.find, caller.office, desk.uploads, upload)
    offset = _number(request, "upload-offset")
    if offset is None:
        raise Refusal("EDX418", where="Upload-Offset")
    return await _take(request, caller, desk, found, offset)


@uploads.delete(
    "/uploads/{upload}",
    responses={204: {"description": "Nothing is left of it."}, **problems("EDX628")},
    response_class=Response,
)
async def give_up(upload: Name, caller: Sender, desk: AtDesk) -> Response:
    """Give an upload up. What was accepted stays so."""
    found = await desk.call(service.find, caller.office, desk.uploads, upload)
    await desk.call(found.remove)
    return Response(status_code=204)


async def _take(request: Request, caller: Caller, desk: Desk, upload: Upload, offset: int) -> Response:
    """Add the request's body to an upload; hand it in when it is whole."""
    complete = request.headers.get("upload-complete", "")
    if complete not in ("?0", "?1"):
        raise Refusal("EDX418", where="Upload-Complete", detail=Detail("neither ?0 nor ?1"))
    most = desk.settings.limits.max_bytes
    turn = desk.take_turn(upload.name)  # who goes on with it now is the only one: an earlier line may be dead
    async with desk.receiving():
        here = await desk.call(lambda: upload.offset)
        if offset != here:
            return _mismatch(request, upload, offset, here)
        held: list[bytes] = []
        size, safe = 0, here
        async for piece in request.stream():
            held.append(piece)
            size += len(piece)
            here += len(piece)
            if here > (most if upload.length is None else upload.length):
                raise Refusal("EDX102", detail=Detail("more than {most} bytes", most=upload.length or most))
            if size >= AT_ONCE:
                tell = here - safe >= TOLD and _informs(request)
                await _append(desk, upload, held, here - size, turn, last=tell)
                held, size = [], 0
                if tell:
                    _inform(request, ("Upload-Offset", str(here)))
                    safe = here
        await _append(desk, upload, held, here - size, turn, last=True)
    if complete == "?0":
        return Response(status_code=204, headers=await desk.call(_state, upload, most))
    if upload.length is not None and here != upload.length:
        raise Refusal("EDX418", where="Upload-Length", detail=Detail("{here} bytes came", here=here))
    body = await desk.call(upload.whole)
    if upload.digest is not None and body.digest != upload.digest:
        await desk.call(upload.remove)  # nothing can be added that would make it right
        raise Refusal("EDX419", where=upload.digest, detail=Detail("what came is {digest}", digest=body.digest))
    answer = await desk.submit(caller.office, body)
    if not answer.passing:
        await desk.call(upload.finish)
    told = verdict_answer(answer, preferred_language(request))
    told.headers["upload-complete"] = "?1"
    told.headers["upload-offset"] = str(here)
    return told


async def _append(desk: Desk, upload: Upload, held: list[bytes], at: int, turn: int, *, last: bool) -> None:
    async with desk.turn_of(upload.name, turn):
        await desk.call(upload.append, held, at, last=last)


def _mismatch(request: Request, upload: Upload, offset: int, here: int) -> Response:
    finding = Finding("EDX421", upload.name, Detail("it is at {here}", here=here))
    members = {"expected-offset": here, "provided-offset": offset}
    answer = problem_answer(finding, preferred_language(request), members=members)
    answer.headers["upload-offset"] = str(here)
    return answer


def _state(upload: Upload, most: int) -> dict[str, str]:
    headers = {
        "upload-offset": str(upload.offset),
        "upload-complete": "?1" if upload.finished else "?0",
        "upload-limit": _limit(most),
        "cache-control": "no-store",
    }
    return headers | ({"upload-length": str(upload.length)} if upload.length is not None else {})


def _limit(most: int) -> str:
    return f"max-size={most}, max-age={int(service.BEGUN_SECONDS)}"


def _informs(request: Request) -> bool:
    return request.headers.get("upload-draft-interop-version", "").strip() in VERSIONS


def _inform(request: Request, *fields: tuple[str, str]) -> None:
    """An interim answer, to who asks for such."""
    if _informs(request):
        version = request.headers["upload-draft-interop-version"].strip()
        request.state.inform(104, "Upload Resumption Supported", [*fields, ("Upload-Draft-Interop-Version", version)])


def _number(request: Request, name: str) -> int | None:
    text = request.headers.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 15:  # RFC 8941, section 3.3.1
        raise Refusal("EDX418", where=name)
    return int(text)
