"""The page "Document": found by what a caller says, with its way hop by hop, whose turn it is, and what may be done.

Whoever looks is noted in the journal, as at the command line. Acts are the operator's: first a preview of exactly what
would be done, then the act, to exactly those deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup
from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import auditor, operator
from edxml_router.services.asking import readings
from edxml_router.services.asking.readings import NotedReading, database_of
from edxml_router.services.auditor import EnvelopeStory
from edxml_router.services.bulk.jobs import SECOND_PERSON, is_number
from edxml_router.services.certificates.issuing import CertificateOrder, issue_to
from edxml_router.services.following import searching
from edxml_router.services.following.catalogue import AgencyNames, registry_of
from edxml_router.services.following.choosing import chosen_deliveries
from edxml_router.services.following.picture import delay_text, way_picture
from edxml_router.services.following.turns import turn_of
from edxml_router.services.following.way import way, whole_time
from edxml_router.services.people import approvals
from edxml_router.services.people.approvals import selection_digest
from edxml_router.services.people.roles import AUDITOR, MANAGER, OPERATOR
from edxml_router.services.waiting import hindrances

READERS: Final = frozenset({OPERATOR, AUDITOR, MANAGER})
SHOWN: Final = 200  # recipients and entries of one document on a page
_ACTS: Final = {"resend": Event.RESEND, "cancel": Event.CANCEL}
_ASICE: Final = "application/vnd.etsi.asic-e+zip"


def find(visit: Visit) -> Response:
    """The search, and what it finds."""
    said = visit.query.get("q", "")[: searching.LONGEST]
    views, registry = visit.node.ledger.views, registry_of(visit.node)
    problem: Finding | None = None
    found = searching.FoundDocuments((), ())
    status = 200
    with _noted(visit, "find", {"text": said}) as reading:
        try:
            found = searching.search(views, registry, said, datetime.now(UTC))
        except Refusal as refusal:
            problem, status = refusal.finding, 404 if refusal.code == "EDX606" else 400
        reading.count = len(found.documents)
    return visit.render(
        "document/find.html", status=status, said=said, found=found, problem=problem, named=AgencyNames(visit.node)
    )


def show(visit: Visit) -> Response:
    """One document."""
    digest, chosen = visit.path["digest"], visit.query.get("recipient", "")[:60]
    with _noted(visit, "document", {"document": digest, "recipient": chosen}) as reading:
        past = auditor.history(visit.node.ledger.views, digest)
        reading.count = len(past.told) or len(past.refused)
    rows = [one for told in past.told for one in told.trace.deliveries[:SHOWN]]
    kept_by = hindrances(visit.node.ledger.views, rows, datetime.now(UTC))
    return visit.render(
        "document/one.html",
        digest=digest,
        past=past,
        shown_most=SHOWN,
        turns={one.id: turn_of(one, kept_by.get(one.id)) for one in rows},
        ways={told.trace.envelope.digest: _way(visit, told, chosen) for told in past.told},
        named=AgencyNames(visit.node),
        may_act=visit.person.has(OPERATOR),
        differences=[
            *(each for told in past.told for each in auditor.differences(told.trace.damages)),
            *past.unfounded,
        ],
    )


def _way(visit: Visit, told: EnvelopeStory, chosen: str) -> Mapping[str, object] | None:
    """Of the chosen recipient, else of the first one that has not ended well."""
    deliveries = told.trace.deliveries
    if not deliveries:
        return None
    one = next((each for each in deliveries if each.recipient == chosen), None)
    one = one or next((each for each in deliveries if each.state.value != "confirmed"), deliveries[0])
    steps = way(told.trace.envelope, one, told.paths)
    took = whole_time(steps)
    return {
        "recipient": one.recipient,
        "steps": [(step, delay_text(visit.language, step.delay) if step.delay is not None else "") for step in steps],
        "took": delay_text(visit.language, took) if took is not None else "",
        "picture": Markup(way_picture(steps, visit.language)),  # noqa: S704  # escaped where it is drawn
    }


def preview(visit: Visit) -> Response:
    """What an act would do, delivery by delivery; nothing is done."""
    event, rows = _asked(visit)
    numbers = [one.id for one in rows]
    answers = dict(zip(numbers, operator.try_out(visit.node.ledger, event, numbers), strict=True))
    return visit.render(
        "document/preview.html",
        digest=visit.path["digest"],
        act=visit.form["act"],
        reason=visit.form.get("reason", "")[:500],
        possible=[one for one in rows if answers[one.id] is None],
        impossible=[(one, finding) for one in rows if (finding := answers[one.id]) is not None],
        named=AgencyNames(visit.node),
        shown_most=SHOWN,
    )


def perform(visit: Visit) -> Response:
    """The act, on exactly the deliveries that the preview named; what has changed meanwhile is said."""
    event, rows = _asked(visit)
    reason = visit.form.get("reason", "").strip()[:400]
    if event is Event.CANCEL and not reason:
        raise Refusal("EDX418", where="reason", detail=Detail("{event} needs a reason", event=str(event)))
    numbers = [one.id for one in rows]
    # The question is about exactly these deliveries, for this reason: whoever has chosen others asks anew.
    about = selection_digest(["document", event, f"for {reason}", *numbers])
    told = Detail("{count} deliveries of {digest}: {reason}", count=len(rows), digest=rows[0].digest, reason=reason)
    act = SECOND_PERSON[event]
    approver = approvals.approved(visit.node.ledger, visit.settings, visit.person, act, about, told)
    if approver is None:
        return visit.redirect(f"/document/{visit.path['digest']}", note="note.document_asked")
    noted = f"{reason}, approved by {approver}" if approver else reason
    answers = operator.perform(visit.node, event, numbers, visit.person.actor, noted)
    failed = [(one, finding) for one, finding in zip(rows, answers, strict=True) if finding is not None]
    return visit.render(
        "document/done.html",
        digest=visit.path["digest"],
        act=visit.form["act"],
        done=len(rows) - len(failed),
        failed=failed,
        named=AgencyNames(visit.node),
    )


def certificate(visit: Visit) -> Response:
    """The certificate, a file to be kept and verified without this node."""
    digest, recipient = visit.path["digest"], visit.query.get("recipient", "")[:60]
    with _noted(visit, "certificate", {"document": digest, "recipient": recipient}) as reading:
        data = issue_to(visit.node, visit.settings, CertificateOrder(digest, recipient))
        reading.count = 1
    return visit.download(data, f"{digest[:16]}.asice", _ASICE)


def _asked(visit: Visit) -> tuple[Event, Sequence[Delivery]]:
    """The act and its deliveries: only those of this document, whatever numbers the form has."""
    event = _ACTS.get(visit.form.get("act", ""))
    if event is None:
        raise Refusal("EDX418", where="act")
    told = visit.several("number") if "numbers" not in visit.form else visit.form["numbers"].split(",")
    wanted = {int(text) for text in told if is_number(text)}
    numbers = None if visit.form.get("all") == "yes" else wanted
    return event, chosen_deliveries(visit.node.ledger.views, visit.path["digest"], numbers)


def _noted(visit: Visit, what: str, conditions: Mapping[str, object]) -> AbstractContextManager[NotedReading]:
    """Who looked at what; where that cannot be written, the answer is given all the same, as at the command line."""
    return readings.noted(database_of(visit.node), visit.person.actor, f"console {what}", conditions, lambda _: None)


_DIGEST: Final = "/document/{digest}"
ROUTES: Final = (
    PageRoute("GET", "/document", find, READERS),
    PageRoute("GET", _DIGEST, show, READERS),
    PageRoute("GET", f"{_DIGEST}/certificate", certificate, READERS),
    PageRoute("POST", f"{_DIGEST}/preview", preview, frozenset({OPERATOR})),
    PageRoute("POST", f"{_DIGEST}/act", perform, frozenset({OPERATOR})),
)
