"""Who calls, out of a request: a bearer token, the certificate of the connection, or one that a trusted proxy names.

    @router.get("/v1/inbox")
    async def inbox(caller: Receiver) -> Response: …

The server puts the connection's certificate (DER) into the request's state; should it tell of it by the TLS extension
of ASGI one day, that counts as well.
"""

from __future__ import annotations

import base64
import binascii
from ipaddress import ip_address, ip_network
from typing import Annotated, Final

from fastapi import Depends, Request

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.rates import Rates
from edxml_router.observe import events
from edxml_router.services.gateway.caller import RECEIVE, SEND, Caller

_MOST: Final = 16 * 1024  # characters of a certificate in a header


def desk_of(request: Request) -> Desk:
    """The desk of the application."""
    found: Desk = request.app.state.desk
    return found


async def at_desk(request: Request) -> Desk:
    """The same, for routes to depend on. A coroutine, as all of these are: FastAPI runs what is none in a thread, which
    costs more than all else that it does for a request."""
    return desk_of(request)


async def caller_of(request: Request, desk: Annotated[Desk, Depends(at_desk)]) -> Caller:
    """The office that calls. Raises Refusal EDX415, and Setback EDX417 when it calls too often."""
    try:
        caller = await desk.caller_of(_bearer(request), certificate_of(request, desk))
    except Refusal as refusal:
        events.caller_refused(refusal.finding, request.client.host if request.client else "")
        raise
    rates: Rates = request.app.state.rates
    request.state.rate = rates.spend(caller.office, desk.gateway.requests)
    if request.state.rate.over:
        raise rates.trouble(request.state.rate)
    return caller


async def sender_of(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """A caller who may hand in. Raises Refusal EDX416."""
    caller.require(SEND)
    return caller


async def receiver_of(caller: Annotated[Caller, Depends(caller_of)]) -> Caller:
    """A caller who may take what is in the inbox. Raises Refusal EDX416."""
    caller.require(RECEIVE)
    return caller


AtDesk = Annotated[Desk, Depends(at_desk)]
AnyCaller = Annotated[Caller, Depends(caller_of)]
Sender = Annotated[Caller, Depends(sender_of)]
Receiver = Annotated[Caller, Depends(receiver_of)]


def certificate_of(request: Request, desk: Desk) -> bytes | None:
    """The client's certificate (DER): of the connection, or as a listed proxy names it (RFC 9440)."""
    header = request.headers.get("client-cert")
    if desk.gateway.proxies and header is not None and _is_proxy(request, desk):
        return _named(header)
    own: bytes | None = request.scope.get("state", {}).get("peer_certificate")
    if own:
        return own
    chain = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_chain") or ()
    return chain[0].encode() if chain and isinstance(chain[0], str) else chain[0] if chain else None


def _bearer(request: Request) -> str | None:
    value = request.headers.get("authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip().isascii():
        raise Refusal("EDX415", detail=Detail("Authorization is not Bearer"))
    return token.strip()


def _is_proxy(request: Request, desk: Desk) -> bool:
    host = ip_address(request.client.host) if request.client else None
    return host is not None and any(host in ip_network(each) for each in desk.gateway.proxies)


def _named(header: str) -> bytes:
    """The certificate in ``:BASE64:`` (RFC 8941, section 3.3.5)."""
    text = header.strip()
    if len(text) <= _MOST and len(text) > 2 and text[0] == text[-1] == ":":
        try:
            return base64.b64decode(text[1:-1], validate=True)
        except binascii.Error:
            pass
    raise Refusal("EDX415", detail=Detail("Client-Cert is not a certificate as of RFC 9440"))
