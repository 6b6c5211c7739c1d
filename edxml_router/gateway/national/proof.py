"""Who calls in the way of the SDK: a system whose secret has proven the call's headers.

    visitor = await admitted(request)
    visitor.call.value("docId")
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import Request

from edxml_router.config import Settings
from edxml_router.config.faces.axis import NationalSettings
from edxml_router.core.axis.call import SignedCall, read_claim
from edxml_router.core.problems import Refusal
from edxml_router.gateway.callers import desk_of
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.rates import Rates
from edxml_router.observe import events
from edxml_router.services.axis.accounts import Account, Accounts


@dataclass(frozen=True, slots=True)
class Visitor:
    """A call that is proven, and whose."""

    desk: Desk
    national: NationalSettings
    account: Account
    call: SignedCall
    request: Request


async def admitted(request: Request) -> Visitor:
    """Raises Refusal EDX422, EDX423, and Setback EDX417 for an office that calls too often."""
    desk = desk_of(request)
    national = desk.gateway.national or NationalSettings()  # taken out meanwhile: it goes with the next restart
    try:
        accounts = await accounts_of(desk, request)
        account, call = accounts.prove(read_claim(request.headers.raw), desk.node.now(), national)
    except Refusal as refusal:
        events.caller_refused(refusal.finding, request.client.host if request.client else "")
        raise
    spend(request, desk, account)
    return Visitor(desk, national, account, call, request)


def spend(request: Request, desk: Desk, account: Account) -> None:
    """Raises Setback EDX417 for an office that calls too often, whichever way."""
    rates: Rates = request.app.state.rates
    request.state.rate = rates.spend(account.office, desk.gateway.requests)
    if request.state.rate.over:
        raise rates.trouble(request.state.rate)


async def accounts_of(desk: Desk, request: Request) -> Accounts:
    """Those of the settings in force, read once for each."""
    known: tuple[Settings, Accounts] | None = getattr(request.app.state, "axis_accounts", None)
    settings = desk.settings
    if known is None or known[0] is not settings:
        known = settings, await desk.call(Accounts, settings)
        request.app.state.axis_accounts = known
    return known[1]


async def body_of(request: Request) -> AsyncIterator[bytes]:
    """What comes, piece by piece."""
    async for piece in request.stream():
        if piece:
            yield piece


async def drain(request: Request, most: int) -> None:
    """Read on what a refused call still sends, and forget it: a client that writes its body before it reads would lose
    the answer with the connection."""
    if request._stream_consumed:  # read to its end, or as far as it was to be read
        return
    async for piece in request.stream():
        most -= len(piece)
        if most < 0:
            return
