"""The calls of the SDK, one function each, and the table that a router is made of.

Whoever calls is known by :mod:`~edxml_router.gateway.national.proof`; what a call does not define in its headers is not
looked at, because a client object sends those of earlier calls again. Each call may be made by GET or POST: the SDK
posts where its interface says GET.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from edxml_router.core.axis.call import BODY_HASH, is_hash_of
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.gateway.national import lists
from edxml_router.gateway.national.answers import document_answer, failure, portions, success
from edxml_router.gateway.national.headers import chosen_codes, state_of
from edxml_router.gateway.national.proof import Visitor, admitted, body_of, drain
from edxml_router.gateway.problem_answers import log_trouble
from edxml_router.observe import events
from edxml_router.services.axis import transfers

Act = Callable[[Visitor], Awaitable[Response]]

CHANNEL: Final = "sdk"
DOWNLOAD: Final = "downloadEdoc"
_LINE_END: Final = b"\r\n"


async def send(visitor: Visitor) -> Response:
    """The document, or the status, is the body. ``to`` chooses among its recipients, ``from`` is its sender."""
    desk, call = visitor.desk, visitor.call
    chosen, named, written = chosen_codes(call.value("to")), call.value("from"), call.value(BODY_HASH)
    body = await desk.receive(_file(visitor.request, written))
    try:
        if not is_hash_of(written, bytes.fromhex(body.digest)):
            raise Refusal("EDX425", where=BODY_HASH)
        named = "" if named == visitor.account.system else named
        found = await desk.submit(visitor.account.office, body, CHANNEL, chosen=chosen, named=named)
    finally:
        body.discard()
    if not found.accepted:
        assert found.finding is not None  # noqa: S101  # what is not accepted has one
        return failure(found.finding, DocId="")
    return success({"DocId": found.digest})


async def _file(request: Request, written: str) -> AsyncIterator[bytes]:
    """The bytes whose hash was signed: the SDK sends a line end behind the file, which is no part of it."""
    digest, held = hashlib.sha256(), b""
    async for piece in body_of(request):
        came = held + piece
        portion, held = came[: -len(_LINE_END)], came[-len(_LINE_END) :]
        if portion:
            digest.update(portion)
            yield portion
    if held and not (held == _LINE_END and is_hash_of(written, digest.digest())):
        yield held


async def get(visitor: Visitor) -> Response:
    """A document, in base64."""
    desk = visitor.desk
    letter = await desk.call(transfers.letter, desk.node, visitor.account.office, visitor.call.value("docId"))
    return document_answer(desk, await desk.call(transfers.fetch, desk.node, letter))


async def download(visitor: Visitor) -> Response:
    """A document, as it is."""
    desk = visitor.desk
    letter = await desk.call(transfers.letter, desk.node, visitor.account.office, visitor.call.value("docId"))
    body = await desk.call(transfers.fetch, desk.node, letter)
    headers = {"content-length": str(body.size)}
    return StreamingResponse(portions(desk, body), media_type="application/octet-stream", headers=headers)


async def update(visitor: Visitor) -> Response:
    """The recipient's system says how it goes with a letter."""
    desk, call = visitor.desk, visitor.call
    state = state_of(call.value("status"))
    letter = await desk.call(transfers.letter, desk.node, visitor.account.office, call.value("docId"))
    refused = await desk.call(transfers.update, desk.node, letter, state, call.value("description"))
    return failure(refused) if refused is not None else success({})


async def count_documents(visitor: Visitor) -> Response:
    return await _count(visitor, Kind.DOCUMENT)


async def count_statuses(visitor: Visitor) -> Response:
    return await _count(visitor, Kind.STATUS)


async def _count(visitor: Visitor, kind: Kind) -> Response:
    desk = visitor.desk
    return success({"count": await desk.call(transfers.waiting, desk.node, visitor.account.office, kind)})


CALLS: Final[Mapping[str, Act]] = {
    "sendEdoc": send,
    "getReceivedEdocList": lists.received,
    "getEdoc": get,
    DOWNLOAD: download,
    "updateStatus": update,
    "getSentEdocList": lists.sent,
    "countReceiveEdoc": count_documents,
    "countReceiveStatus": count_statuses,
    "getAgenciesList": lists.agencies,
    "getAgenciesListQD20": lists.agencies_of_2020,
    "getSynchronizeUnit": lists.units,
    "registerAgency": lists.register,
    "deleteAgency": lists.delete,
}


def router(path: str) -> APIRouter:
    """All calls below a path."""
    made = APIRouter(prefix=path)
    for name, act in CALLS.items():
        made.add_api_route(f"/{name}", _endpoint(name, act), methods=["GET", "POST"], include_in_schema=False)
    return made


def _endpoint(name: str, act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await act(await admitted(request))
        except Trouble as trouble:
            log_trouble(trouble)
            await drain(request, request.app.state.desk.settings.limits.max_bytes)
            return _refused(name, trouble.finding)
        except Exception as error:  # noqa: BLE001  # the SDK ends with what is not in its form, the log tells where
            events.defect("gateway", error)
            return _refused(name, Finding("EDX699"))

    return endpoint


def _refused(name: str, finding: Finding) -> Response:
    if name == DOWNLOAD:  # any bytes would be taken for the document
        return Response(status_code=finding.problem.http_status, headers={"XroadVnpt-ErrorCode": finding.code})
    return failure(finding, **({"DocId": ""} if name == "sendEdoc" else {}))
