"""The form of provincial platforms of the Lạng Sơn kind: a log-in, then bearer token, system id and secret with each
call.

A refusal is told by ``success`` and the platform's own ``errorCode``, with our problem's code in the message. Passing
trouble is 503, after which its clients come again; a token that does not count is 401.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from edxml_router.config.faces.axis import NationalSettings, ProvincialSettings
from edxml_router.core.message.heading import heading
from edxml_router.core.problems import Finding, Trouble
from edxml_router.gateway.callers import desk_of
from edxml_router.gateway.forms import json_of, text_of
from edxml_router.gateway.national import lists
from edxml_router.gateway.national.answers import portions, problem_text
from edxml_router.gateway.national.headers import query_from, state_of
from edxml_router.gateway.national.proof import drain
from edxml_router.gateway.problem_answers import log_trouble
from edxml_router.gateway.provincial import sessions
from edxml_router.gateway.provincial.multipart import Form
from edxml_router.services.axis import registration, transfers
from edxml_router.services.axis.accounts import Account
from edxml_router.services.axis.catalogue import listed_agencies

Act = Callable[[Request, Account], Awaitable[Response]]

CHANNEL: Final = "lgsp"
_DONE: Final = {"success": True, "errorCode": 0, "message": "OK"}
# What the platform's clients know. They give up at each; which is why passing trouble is told by the HTTP status.
_FILE, _CREDENTIALS, _RECIPIENT, _SENDER, _SYSTEM, _WORK, _FORMAT, _LOCKED = 10, 15, 18, 19, 20, 21, 22, 23
_CODES: Final[Mapping[str, int]] = {
    "EDX102": _FILE, "EDX401": _SENDER, "EDX403": _SENDER, "EDX415": _CREDENTIALS, "EDX418": _FORMAT,
    "EDX422": _CREDENTIALS, "EDX423": _CREDENTIALS, "EDX502": _LOCKED, "EDX508": _LOCKED, "EDX603": _WORK,
}  # fmt: skip
_FAMILIES: Final[Mapping[int, int]] = {1: _FILE, 2: _FORMAT, 3: _FILE, 4: _SENDER, 5: _RECIPIENT}


async def log_in(request: Request) -> Response:
    """``username`` is the system id, ``password`` its secret."""
    form = await json_of(request)
    account, token = await sessions.log_in(
        request, text_of(form, "username"), text_of(form, "password"), _settings(request).session
    )
    seconds = int(_settings(request).session.total_seconds())
    return _answer({"token": token, "tokenType": "Bearer", "expiresIn": seconds, "systemId": account.system})


async def send(request: Request, account: Account) -> Response:
    desk = desk_of(request)
    body = await desk.receive(Form(request, "edocFile").file())
    try:
        found = await desk.submit(account.office, body, CHANNEL)
    finally:
        body.discard()
    return _answer({"docId": found.digest}) if found.finding is None else _refusal(found.finding)


async def received(request: Request, account: Account) -> Response:
    desk, asked = desk_of(request), request.query_params
    query = query_from(asked.get("messageType", ""), asked.get("fromDate", ""), asked.get("toDate", ""), _most(request))
    found = await desk.call(transfers.received, desk.node, account.office, query)
    spelling = (await lists.catalogue_of(request, desk)).spelling
    return _answer({"data": [lists.received_row(one, spelling, account) for one in found]})


async def get(request: Request, account: Account) -> Response:
    """The document in base64 (``edxml``) behind what it is about, which is read from it."""
    desk = desk_of(request)
    letter = await desk.call(transfers.letter, desk.node, account.office, request.query_params.get("docId", ""))
    body = await desk.call(transfers.fetch, desk.node, letter)
    told = await desk.call(heading, body)
    registry = desk.registry
    sender = registry.get(registry.canonical_or_none(told.sender) or "")
    fields = {
        **_DONE,
        "docId": letter.name,
        "from": told.sender,
        "fromName": sender.name if sender else "",
        "edocCode": told.number,
        "edocAbstract": told.subject,
        "attachments": [{"fileName": name} for name in told.attached],
        "edxml": "*",
    }
    start, _, end = json.dumps(fields, ensure_ascii=False).rpartition("*")

    async def pieces() -> AsyncIterator[bytes]:
        yield start.encode()
        async for portion in portions(desk, body):
            yield base64.b64encode(portion)
        yield end.encode()

    return StreamingResponse(pieces(), media_type="application/json; charset=utf-8")


async def update(request: Request, account: Account) -> Response:
    desk, form = desk_of(request), await json_of(request)
    state = state_of(text_of(form, "status"))
    letter = await desk.call(transfers.letter, desk.node, account.office, text_of(form, "docId"))
    refused = await desk.call(transfers.update, desk.node, letter, state, text_of(form, "description"))
    return _answer({}) if refused is None else _refusal(refused)


async def agencies(request: Request, account: Account) -> Response:
    desk = desk_of(request)
    found = await lists.catalogue_of(request, desk)

    def make() -> bytes:
        rows = [lists.agency_row(one, old=account.old) for one in listed_agencies(found.spelling, found.day)]
        return json.dumps({**_DONE, "data": rows}, ensure_ascii=False, separators=(",", ":")).encode()

    text = await desk.call(found.made, f"lgsp {account.old}", make)
    return Response(text, media_type="application/json; charset=utf-8")


async def register(request: Request, account: Account) -> Response:
    desk, form = desk_of(request), await json_of(request)
    await desk.call(registration.register, desk.node, account.office, text_of(form, "code"))
    return _answer({})


CALLS: Final[Mapping[str, tuple[str, Act]]] = {
    "sendEdoc": ("POST", send),
    "syncReceivedEdocList": ("GET", received),
    "getEdoc": ("GET", get),
    "updateStatus": ("POST", update),
    "getAgenciesList": ("GET", agencies),
    "registerAgency": ("POST", register),
}


def router(path: str) -> APIRouter:
    """All calls below a path."""
    made = APIRouter(prefix=f"{path}/v1")
    made.add_api_route("/auth/login", _guarded(log_in), methods=["POST"], include_in_schema=False)
    for name, (method, act) in CALLS.items():
        made.add_api_route(f"/{name}", _guarded(_known(act)), methods=[method], include_in_schema=False)
    return made


def _known(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def known(request: Request) -> Response:
        account = await sessions.resumed(request)
        await sessions.shown_again(request, account)
        return await act(request, account)

    return known


def _guarded(act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await act(request)
        except Trouble as trouble:
            log_trouble(trouble)
            await drain(request, desk_of(request).settings.limits.max_bytes)
            return _refusal(trouble.finding)

    return endpoint


def _refusal(finding: Finding) -> Response:
    problem = finding.problem
    code = _CODES.get(finding.code) or _FAMILIES.get(problem.family, _SYSTEM)
    status = {401: 401}.get(problem.http_status, 503 if problem.weight == "transient" else 200)
    made = _answer({"success": False, "errorCode": code, "message": problem_text(finding)}, status)
    if status == 503:
        made.headers["retry-after"] = "30"
    return made


def _answer(fields: Mapping[str, Any], status: int = 200) -> Response:
    text = json.dumps({**_DONE, **fields}, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, media_type="application/json; charset=utf-8")


def _settings(request: Request) -> ProvincialSettings:
    return desk_of(request).gateway.provincial or ProvincialSettings()


def _most(request: Request) -> int:
    return (desk_of(request).gateway.national or NationalSettings()).listed
