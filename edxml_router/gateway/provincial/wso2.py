"""The form of platforms on WSO2, of the Quảng Nam kind: OAuth2 client credentials, then JSON over resources.

The token is got at ``token`` below the path. Refusals are HTTP statuses with the same object as the national calls.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import Response

from edxml_router.config.faces.axis import NationalSettings, Wso2Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal, Trouble
from edxml_router.gateway.callers import desk_of
from edxml_router.gateway.forms import json_of, text_of, within
from edxml_router.gateway.national import lists
from edxml_router.gateway.national.answers import document_answer, failure, success
from edxml_router.gateway.national.headers import query_from, state_of
from edxml_router.gateway.national.proof import body_of, drain
from edxml_router.gateway.problem_answers import log_trouble
from edxml_router.gateway.provincial import sessions
from edxml_router.gateway.provincial.wrapped import unwrapped
from edxml_router.services.axis import registration, transfers
from edxml_router.services.axis.accounts import Account
from edxml_router.services.axis.catalogue import listed_agencies

Act = Callable[[Request, Account], Awaitable[Response]]

CHANNEL: Final = "wso2"
_TOKEN_FORM: Final = 16 * 1024  # bytes


async def token(request: Request) -> Response:
    """``grant_type=client_credentials``; who asks is told by HTTP Basic, or by ``client_id`` and ``client_secret``
    (RFC 6749, section 2.3.1)."""
    form = parse_qs((await within(request, _TOKEN_FORM)).decode("utf-8", "replace"), max_num_fields=20)
    if form.get("grant_type") != ["client_credentials"]:
        raise Refusal("EDX418", where="grant_type", detail=Detail("client_credentials is expected"))
    system, secret = _basic(request) or (form.get("client_id", [""])[0], form.get("client_secret", [""])[0])
    duration = (desk_of(request).gateway.wso2 or Wso2Settings()).session
    _, text = await sessions.log_in(request, system, secret, duration)
    shape = {"access_token": text, "token_type": "Bearer", "expires_in": int(duration.total_seconds())}
    made = Response(json.dumps(shape), media_type="application/json")
    made.headers["cache-control"] = "no-store"
    return made


async def received(request: Request, account: Account) -> Response:
    desk, asked = desk_of(request), request.query_params
    most = (desk.gateway.national or NationalSettings()).listed
    query = query_from(asked.get("messageType", ""), asked.get("fromDate", ""), asked.get("toDate", ""), most)
    found = await desk.call(transfers.received, desk.node, account.office, query)
    spelling = (await lists.catalogue_of(request, desk)).spelling
    rows = [lists.received_row(one, spelling, account) for one in found]
    return success({"data": [{**row, "status": row["status"].upper()} for row in rows]})


async def get(request: Request, account: Account) -> Response:
    desk = desk_of(request)
    letter = await desk.call(transfers.letter, desk.node, account.office, request.path_params["doc_id"])
    return document_answer(desk, await desk.call(transfers.fetch, desk.node, letter))


async def update(request: Request, account: Account) -> Response:
    """The status stands in the body, or in the query."""
    desk, form = desk_of(request), await json_of(request)
    state = state_of(text_of(form, "status") or request.query_params.get("status", ""))
    letter = await desk.call(transfers.letter, desk.node, account.office, request.path_params["doc_id"])
    refused = await desk.call(transfers.update, desk.node, letter, state, text_of(form, "description"))
    return _refusal(Refusal(refused.code, where=refused.where, detail=refused.detail)) if refused else success({})


async def send(request: Request, account: Account) -> Response:
    """``data`` is the envelope in base64; it is unwrapped while it comes, and large ones are set down on disk."""
    desk = desk_of(request)
    body = await desk.receive(unwrapped(body_of(request), "data"))
    try:
        found = await desk.submit(account.office, body, CHANNEL)
    finally:
        body.discard()
    if found.finding is not None:
        return _refusal(Refusal(found.finding.code, where=found.finding.where, detail=found.finding.detail))
    return success({"docId": found.digest, "DocId": found.digest})


async def agencies(request: Request, account: Account) -> Response:
    desk = desk_of(request)
    found = await lists.catalogue_of(request, desk)

    def make() -> bytes:
        rows = [lists.agency_row(one, old=account.old) for one in listed_agencies(found.spelling, found.day)]
        return json.dumps({"data": rows}, ensure_ascii=False, separators=(",", ":")).encode()

    text = await desk.call(found.made, f"wso2 {account.old}", make)
    return Response(text, media_type="application/json; charset=utf-8")


async def register(request: Request, account: Account) -> Response:
    desk, form = desk_of(request), await json_of(request)
    await desk.call(registration.register, desk.node, account.office, text_of(form, "code"))
    return success({})


async def unregister(request: Request, account: Account) -> Response:
    desk = desk_of(request)
    await desk.call(registration.unregister, desk.node, account.office, request.path_params["code"])
    return success({})


def router(path: str) -> APIRouter:
    """All resources below a path."""
    made = APIRouter(prefix=path)
    made.add_api_route("/token", _guarded(token), methods=["POST"], include_in_schema=False)
    for method, resource, act in (
        ("GET", "/vanbans", received),
        ("POST", "/vanbans", send),
        ("GET", "/vanbans/{doc_id}", get),
        ("PUT", "/vanbans/{doc_id}", update),
        ("GET", "/donvilienthongs", agencies),
        ("POST", "/donvilienthongs", register),
        ("DELETE", "/donvilienthongs/{code}", unregister),
    ):
        made.add_api_route(resource, _guarded(_known(act)), methods=[method], include_in_schema=False)
    return made


def _known(act: Act) -> Callable[[Request], Awaitable[Response]]:
    async def known(request: Request) -> Response:
        return await act(request, await sessions.resumed(request))

    return known


def _guarded(act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await act(request)
        except Trouble as trouble:
            log_trouble(trouble)
            await drain(request, desk_of(request).settings.limits.max_bytes)
            return _refusal(trouble)

    return endpoint


def _refusal(trouble: Trouble) -> Response:
    made = failure(trouble.finding)
    made.status_code = trouble.finding.problem.http_status
    if made.status_code == 401:
        made.headers["www-authenticate"] = 'Bearer realm="edxml-router"'
    return made


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        system, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        raise Refusal("EDX422", where="Authorization", detail=Detail("this is not HTTP Basic")) from None
    return system, secret
