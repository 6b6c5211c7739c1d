"""Who calls in the provincial forms: a system that has logged in, by the token that it was given then.

    account, token = await log_in(request, system, secret, duration)
    account = await resumed(request)
"""

from __future__ import annotations

from datetime import timedelta

from fastapi import Request

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.gateway.callers import desk_of
from edxml_router.gateway.national.proof import accounts_of, spend
from edxml_router.observe import events
from edxml_router.services.axis.accounts import Account


async def log_in(request: Request, system: str, secret: str, duration: timedelta) -> tuple[Account, str]:
    """The account and a token for it. Raises Refusal EDX422."""
    desk = desk_of(request)
    accounts = await accounts_of(desk, request)
    try:
        account = accounts.log_in(system, secret)
    except Refusal as refusal:
        _note(request, refusal)
        raise
    spend(request, desk, account)
    return account, accounts.begin(account, desk.node.now() + duration)


async def resumed(request: Request) -> Account:
    """Whose token the call shows. Raises Refusal EDX422, EDX423, and Setback EDX417 for who calls too often."""
    desk = desk_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise Refusal("EDX422", where="Authorization", detail=Detail("a bearer token is expected"))
        account = (await accounts_of(desk, request)).resume(token.strip(), desk.node.now())
    except Refusal as refusal:
        _note(request, refusal)
        raise
    spend(request, desk, account)
    return account


async def shown_again(request: Request, account: Account) -> None:
    """Raises Refusal EDX422 unless the call also names the system of its token, with its secret."""
    system, secret = (_written(request.headers.get(name, "")) for name in ("x-systemid", "x-secretkey"))
    accounts = await accounts_of(desk_of(request), request)
    if accounts.log_in(system, secret).system != account.system:
        raise Refusal("EDX422", where="X-SystemId", detail=Detail("the token is another system's"))


def _written(value: str) -> str:
    """A header field as whoever sent it wrote it: the framework takes bytes for ISO 8859-1."""
    raw = value.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return value


def _note(request: Request, refusal: Refusal) -> None:
    events.caller_refused(refusal.finding, request.client.host if request.client else "")
