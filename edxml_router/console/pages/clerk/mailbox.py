"""What came: the list, one letter with its files, and the office's answer to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from starlette.responses import Response, StreamingResponse

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.detail import Detail
from edxml_router.core.message.envelope import Kind
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import office
from edxml_router.services.axis.headings import Headings
from edxml_router.services.following.catalogue import AgencyNames
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.drafts import DraftRefused
from edxml_router.services.letters.workshop import Workshop
from edxml_router.services.office import InboxLetter
from edxml_router.services.offices import clerk
from edxml_router.services.people.roles import CLERK

CLERKS: Final = frozenset({CLERK})
HEADINGS: Final = Headings()
# What a clerk tells the sender of a letter; 02 and 16 owe a reason.
STATUSES: Final = ("03", "04", "05", "06", "02")
OF_RECALLS: Final = ("15", "16")
_FILE_TYPE: Final = "application/octet-stream"  # what a stranger calls text/html must not be that to a browser


def list_mail(visit: Visit) -> Response:
    """What lies ready, the oldest first."""
    cursor = visit.query.get("cursor", "")[:120]
    page = clerk.mail(visit.node, HEADINGS, visit.person.office, cursor)
    return visit.render("clerk/mailbox.html", page=page, named=AgencyNames(visit.node), later=bool(cursor))


def read(visit: Visit) -> Response:
    """A letter, opened; the journal keeps who did."""
    return _letter(visit)


def file(visit: Visit) -> Response:
    """An attachment, to be saved."""
    number = visit.path["number"]
    if not (number.isascii() and number.isdecimal() and len(number) <= 5):
        raise Refusal("EDX420", where=number[:20])
    name, clerk_name = visit.person.office, visit.person.name
    about, pieces = clerk.enclosed(visit.node, name, visit.path["letter"], int(number), clerk_name)
    return _streamed(visit, pieces, about.name)


def original(visit: Visit) -> Response:
    """The whole letter, exactly as it was sent, for whoever wants to verify it elsewhere."""
    letter = visit.path["letter"]
    clerk.require_letter(visit.node, visit.person.office, letter)
    body = office.fetch(visit.node, InboxLetter(visit.person.office, letter), visit.person.name)
    return _streamed(visit, iter(body.pieces()), f"{letter[:16]}.edxml")


def confirm(visit: Visit) -> Response:
    """The office has it: the delivery has ended."""
    clerk.take(visit.node, visit.person.office, visit.path["letter"], visit.person.name)
    return visit.redirect(f"/clerk/letter/{visit.path['letter']}", note="note.clerk_confirmed")


def send_back(visit: Visit) -> Response:
    """It goes back to its sender, who is told why."""
    reason = visit.form.get("reason", "")
    if not reason.strip():
        missing = Finding("EDX418", "reason", Detail("is missing: the sender is owed a reason"))
        return _letter(visit, missing, status=400)
    clerk.send_back(visit.node, visit.person.office, visit.path["letter"], reason, visit.person.name)
    return visit.redirect("/clerk", note="note.clerk_returned")


def tell(visit: Visit) -> Response:
    """A status about the letter goes to its sender."""
    letter, code = visit.path["letter"], visit.form.get("code", "")
    clerk.require_letter(visit.node, visit.person.office, letter)
    draft = {"letter": letter, "code": code}
    if words := visit.form.get("description", "").strip():
        draft["description"] = words
    order = Order("status", json.dumps(draft, ensure_ascii=False).encode())
    try:
        sent = clerk.write(visit.node, Workshop(visit.settings), visit.person.office, order, visit.person.name)
    except DraftRefused as refused:
        return _letter(visit, refused.findings[0], status=422)
    for one in sent:
        if one.answer is None:
            return _letter(visit, Finding("EDX432", one.composed.envelope.sender.organ_id), status=409)
        if not one.answer.accepted and one.answer.finding is not None:
            return _letter(visit, one.answer.finding, status=one.answer.finding.problem.http_status)
    return visit.redirect(f"/clerk/letter/{letter}", note="note.clerk_told")


def _letter(visit: Visit, problem: Finding | None = None, status: int = 200) -> Response:
    opened = clerk.open_letter(visit.node, visit.person.office, visit.path["letter"], visit.person.name)
    envelope = opened.envelope
    recall = envelope.kind is Kind.DOCUMENT and int(envelope.business) > 0
    return visit.render(
        "clerk/letter.html",
        status=status,
        letter=visit.path["letter"],
        opened=opened,
        envelope=envelope,
        document=envelope.document,
        problem=problem,
        statuses=(*STATUSES, *(OF_RECALLS if recall else ())) if envelope.kind is Kind.DOCUMENT else (),
        named=AgencyNames(visit.node),
    )


def _streamed(visit: Visit, pieces: Iterator[bytes], name: str) -> Response:
    """A file of any size, of which only a piece is in memory; with the headers that a download has."""
    headers = dict(visit.download(b"", name, _FILE_TYPE).headers)
    headers.pop("content-length", None)
    return StreamingResponse(pieces, 200, headers)


_LETTER: Final = "/clerk/letter/{letter}"
ROUTES: Final = (
    PageRoute("GET", "/clerk", list_mail, CLERKS),
    PageRoute("GET", _LETTER, read, CLERKS),
    PageRoute("GET", f"{_LETTER}/file/{{number}}", file, CLERKS),
    PageRoute("GET", f"{_LETTER}/original", original, CLERKS),
    PageRoute("POST", f"{_LETTER}/confirm", confirm, CLERKS),
    PageRoute("POST", f"{_LETTER}/return", send_back, CLERKS),
    PageRoute("POST", f"{_LETTER}/status", tell, CLERKS),
)
