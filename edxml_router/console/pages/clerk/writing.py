"""What is written: recipients first, found by name, then the document's particulars and its files.

The node signs with the seal that it holds for the agency; where it holds none, an edXML that was signed elsewhere is
handed in instead. What is wrong is said at its field, all of it at once, and what was typed stays; only files have to
be chosen again, because a browser lets no page choose them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from starlette.responses import Response

from edxml_router.console.pages.clerk.mailbox import CLERKS
from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.agencies.agency import Agency
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import agencies
from edxml_router.services.following.catalogue import AgencyNames, registry_of
from edxml_router.services.letters.composing import Order
from edxml_router.services.letters.drafts import DraftRefused
from edxml_router.services.letters.workshop import Workshop
from edxml_router.services.offices import clerk

MOST_RECIPIENTS: Final = 200  # on one page; more are for software
FOUND: Final = 30  # agencies of one search
_SIGNER: Final = ("name", "position", "authority")
_PLAIN: Final = ("number", "notation", "date", "type", "subject", "content", "due_date", "urgency")
# Where a mistake of the draft stands on the page.
_AT: Final[Mapping[str, str]] = {"signer/name": "signer_name", "signer/position": "signer_position",
                                 "signer/authority": "signer_authority"}  # fmt: skip


def write(visit: Visit) -> Response:
    """The form. ``answer``: a letter of the mailbox, whose sender is the recipient."""
    return _form(visit)


def send_written(visit: Visit) -> Response:
    """Compose, seal and hand in."""
    workshop = Workshop(visit.settings)
    files: dict[str, bytes] = {}
    for one in visit.files:
        name = one.name.replace("\\", "/").rpartition("/")[2]  # some browsers send a whole path
        if name in files:
            raise Refusal("EDX418", where="file", detail=Detail("two files are called {name}", name=name[:100]))
        files[name] = one.content
    order = Order("letter", json.dumps(_draft(visit), ensure_ascii=False).encode(), files)
    try:
        [sent] = clerk.write(visit.node, workshop, visit.person.office, order, visit.person.name)
    except DraftRefused as refused:
        return _form(visit, refused.findings, status=422)
    if sent.answer is None:
        return _form(visit, [Finding("EDX432", sent.composed.envelope.sender.organ_id)], status=409)
    if not sent.answer.accepted and sent.answer.finding is not None:
        return _form(visit, [sent.answer.finding], status=sent.answer.finding.problem.http_status)
    return visit.redirect("/clerk/sent", note="note.clerk_sent")


def hand_in(visit: Visit) -> Response:
    """An edXML that was signed elsewhere."""
    given = [one for one in visit.files if one.content]
    if len(given) != 1:
        return _form(visit, [Finding("EDX418", "edxml", Detail("one file is expected"))], status=400)
    answer = clerk.hand_in(visit.node, visit.person.office, given[0].content, visit.person.name)
    if not answer.accepted and answer.finding is not None:
        return _form(visit, [answer.finding], status=answer.finding.problem.http_status)
    return visit.redirect("/clerk/sent", note="note.clerk_sent")


def _draft(visit: Visit) -> dict[str, Any]:
    """What the fields say; an empty field says nothing, so that what is missing is told as missing."""
    form = {name: value.strip() for name, value in visit.form.items()}
    draft: dict[str, Any] = {name: form[name] for name in _PLAIN if form.get(name)}
    signer = {name: form[f"signer_{name}"] for name in _SIGNER if form.get(f"signer_{name}")}
    if signer:
        draft["signer"] = signer
    draft["recipients"] = _chosen(visit)
    if form.get("sender"):
        draft["sender"] = form["sender"]
    if form.get("answer"):
        draft["answers"] = [{"letter": form["answer"]}]
    return draft


def _chosen(visit: Visit) -> list[str]:
    dropped = set(visit.several("drop"))
    codes = [code[:60] for code in dict.fromkeys(visit.several("to")) if code and code not in dropped]
    if len(codes) > MOST_RECIPIENTS:
        raise Refusal("EDX418", where="to", detail=Detail("more than {most} recipients", most=MOST_RECIPIENTS))
    return codes


def _form(visit: Visit, findings: Sequence[Finding] = (), status: int = 200) -> Response:
    chosen = _chosen(visit)
    answer = (visit.form.get("answer") or visit.query.get("answer", ""))[:150]
    answered: str = ""
    if answer:
        opened = clerk.answered(visit.node, visit.person.office, answer)
        answered = opened.document_id
        chosen = chosen or [opened.sender]
    asked = visit.query.get("q", "").strip()[:100]
    found = _search(visit, asked, chosen) if asked else ()
    return visit.render(
        "clerk/write.html",
        status=status,
        chosen=chosen,
        asked=asked,
        found=found,
        most=FOUND,
        answer=answer,
        answered=answered,
        typed=visit.form,
        problems=[(_place(each.where), each) for each in findings],
        seals=clerk.seals_held(visit.node, Workshop(visit.settings), visit.person.office),
        upload_bytes=visit.settings.console.upload_bytes if visit.settings.console else 0,
        named=AgencyNames(visit.node),
    )


def _place(where: str) -> str:
    """The field of the page that a place in the draft is."""
    path = where.removeprefix("/")
    return _AT.get(path, path.partition("/")[0])


def _search(visit: Visit, asked: str, chosen: Sequence[str]) -> Sequence[Agency]:
    found = agencies.find(registry_of(visit.node), asked.split())
    return list(islice((one for one in found if one.code not in chosen), FOUND))


ROUTES: Final = (
    PageRoute("GET", "/clerk/write", write, CLERKS),
    PageRoute("POST", "/clerk/write", send_written, CLERKS, uploads=True),
    PageRoute("POST", "/clerk/hand-in", hand_in, CLERKS, uploads=True),
)
