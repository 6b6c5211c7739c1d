"""The lists that the SDK asks for: of transfers, and of agencies. No value in them is null, or the SDK ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from edxml_router.core.detail import Detail
from edxml_router.core.message.heading import Heading
from edxml_router.core.message.letter_day import VIETNAM
from edxml_router.core.problems import Refusal
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.forms import json_of, text_of
from edxml_router.gateway.national.answers import OK, success
from edxml_router.gateway.national.headers import axis_time, message_type, query_of
from edxml_router.gateway.national.proof import Visitor
from edxml_router.language.catalogues import told
from edxml_router.services.axis import catalogue, registration, transfers
from edxml_router.services.axis.accounts import Account
from edxml_router.services.axis.catalogue import AxisCatalogue, ListedAgency, Spelling
from edxml_router.services.axis.headings import Headings
from edxml_router.services.axis.transfers import ListedTransfer

SERVICE: Final = "eDoc"


async def received(visitor: Visitor) -> Response:
    desk, account = visitor.desk, visitor.account
    query = query_of(visitor.call, visitor.national.listed)
    found = await desk.call(transfers.received, desk.node, account.office, query)
    spelling = (await catalogue_of(visitor.request, desk)).spelling
    # In a thread: a list of thousands would hold up everybody else's requests.
    return await desk.call(lambda: success({"data": [received_row(one, spelling, account) for one in found]}))


def received_row(one: ListedTransfer, spelling: Spelling, account: Account) -> dict[str, str]:
    """A transfer as its recipient sees it."""
    delivery, envelope = one.delivery, one.envelope
    return {
        "docId": delivery.name,
        "serviceType": SERVICE,
        "messageType": message_type(envelope.kind),
        "created_time": axis_time(envelope.accepted_at),
        "updated_time": axis_time(delivery.updated_at),
        "from": spelling.written(envelope.sender, old=account.old),
        "to": spelling.written(delivery.recipient, old=account.old),
        "status": str(one.state),
        "status_desc": told("vi", one.description),
        "content_length": str(envelope.size),
        "sha256": envelope.digest,
    }


async def sent(visitor: Visitor) -> Response:
    """With ``docId`` only that transfer; where it names none of this office's, a client object has kept it from another
    call."""
    desk, account = visitor.desk, visitor.account
    query = query_of(visitor.call, visitor.national.listed)
    found = await desk.call(transfers.sent_of, desk.node, account.office, query, visitor.call.value("docId"))
    about = await desk.call(headings_of(visitor.request).of, desk.node, [one.envelope.digest for one in found])
    written = (await catalogue_of(visitor.request, desk)).spelling.written
    return await desk.call(lambda: success({"data": [_sent_row(one, about, written, account) for one in found]}))


def _sent_row(
    one: ListedTransfer, about: Mapping[str, Heading], written: Callable[..., str], account: Account
) -> dict[str, str]:
    delivery, envelope, told_of = one.delivery, one.envelope, about[one.envelope.digest]
    return {
        "serviceType": SERVICE,
        "messageType": message_type(envelope.kind),
        "senderDocId": envelope.digest,
        "receiverDocId": delivery.name,
        "fromCode": written(envelope.sender, old=account.old),
        "toCode": written(delivery.recipient, old=account.old),
        "title": told_of.subject,
        "notation": told_of.number,
        "sentTime": axis_time(envelope.accepted_at),
        "receivedTime": axis_time(delivery.ended_at) if delivery.ended_at else "",
        "sendStatus": str(transfers.sending_state(delivery)),
        "sendStatusDesc": told("vi", delivery.state.word),
        "receiveStatus": str(one.state),
        "receiveStatusDesc": told("vi", one.description),
    }


async def agencies(visitor: Visitor) -> Response:
    """Codes in the form of the client's own id."""
    old = visitor.account.old
    return await _listing(visitor, f"agencies {old}", lambda one: agency_row(one, old=old))


async def agencies_of_2020(visitor: Visitor) -> Response:
    """Codes of QĐ 20/2020, and beside each the one of QCVN 102:2016."""
    text = visitor.call.value("level").strip()
    level = int(text) if text.isascii() and text.isdecimal() and len(text) == 1 else 0

    def row(one: ListedAgency) -> Mapping[str, Any]:
        return {**_agency(one), "code": one.agency.code, "code102": one.old}

    return await _listing(visitor, f"2020 {level}", row, level=level)


async def units(visitor: Visitor) -> Response:
    """What is closed as well, so that a client can take it out of its own list."""

    def row(one: ListedAgency) -> Mapping[str, Any]:
        changed = one.agency.valid_to if one.closed else one.agency.valid_from
        return {
            **_agency(one),
            "code": one.agency.code,
            "centerCode": one.top,
            "version": 1 + one.closed,  # of an agency: it was opened, it was closed
            "deleted": one.closed,
            "modifyDate": f"{changed:%Y/%m/%d}" if changed else "",
            "isAgency": True,
        }

    return await _listing(visitor, "units", row, closed=True)


async def register(visitor: Visitor) -> Response:
    code = text_of(await json_of(visitor.request), "code")
    if not code:
        raise Refusal("EDX418", where="code", detail=Detail("a JSON object with the agency's code is expected"))
    desk = visitor.desk
    await desk.call(registration.register, desk.node, visitor.account.office, code)
    return success({})


async def delete(visitor: Visitor) -> Response:
    desk = visitor.desk
    code = visitor.call.value("AgencyCode")
    if not code:
        raise Refusal("EDX418", where="AgencyCode", detail=Detail("no agency is named"))
    await desk.call(registration.unregister, desk.node, visitor.account.office, code)
    return success({})


def agency_row(one: ListedAgency, *, old: bool) -> dict[str, Any]:
    """An agency, its code in the form that the client knows."""
    code = one.old or one.agency.code if old else one.agency.code
    return {**_agency(one), "code": code, "oldCode": one.old}


def _agency(one: ListedAgency) -> dict[str, Any]:
    agency = one.agency
    return {"id": agency.code, "pid": agency.parent or "", "name": agency.name, "mail": ""}


async def catalogue_of(request: Request, desk: Desk) -> AxisCatalogue:
    """That of the registry in force, on this day."""
    known: AxisCatalogue | None = getattr(request.app.state, "axis_catalogue", None)
    registry, day = desk.registry, datetime.now(VIETNAM).date()
    if known is None or known.registry is not registry or known.day != day:
        known = await desk.call(AxisCatalogue, registry, day)
        request.app.state.axis_catalogue = known
    return known


def headings_of(request: Request) -> Headings:
    """What this process remembers of documents."""
    known: Headings | None = getattr(request.app.state, "axis_headings", None)
    if known is None:
        known = request.app.state.axis_headings = Headings()
    return known


async def _listing(
    visitor: Visitor, name: str, row: Any, *, level: int = 0, closed: bool = False
) -> Response:
    """A list of agencies, made once: a national one has a hundred thousand, and every client asks for all."""
    found = await catalogue_of(visitor.request, visitor.desk)

    def make() -> bytes:
        rows: Iterable[ListedAgency] = catalogue.listed_agencies(found.spelling, found.day, level=level, closed=closed)
        data = [row(one) for one in rows]
        return json.dumps({**OK, "data": data}, ensure_ascii=False, separators=(",", ":")).encode()

    text = await visitor.desk.call(found.made, name, make)
    return Response(text, media_type="application/json; charset=utf-8")

