"""The page "Evidence": how the journal stands, what it says, whether it continues what was kept, and what a certificate
proves. An auditor reads here and changes nothing; who asked what is an entry of the journal itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final

import segno
from markupsafe import Markup
from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.delivery.entries.terms import Question
from edxml_router.core.delivery.figures.deadlines import VIETNAM
from edxml_router.core.delivery.views import JournalLine
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import auditor
from edxml_router.services.asking import questions, readings
from edxml_router.services.asking.questions import JournalQuery
from edxml_router.services.asking.readings import NotedReading
from edxml_router.services.asking.spreadsheet import entries_csv
from edxml_router.services.certificates import verifying
from edxml_router.services.following.catalogue import AgencyNames, registry_of
from edxml_router.services.people.roles import AUDITOR, MANAGER, OPERATOR
from edxml_router.services.proof.standing import compare_kept, log_standing

READERS: Final = frozenset({AUDITOR, MANAGER, OPERATOR})
SHOWN: Final = 100  # entries of a page
MOST_ROWS: Final = 10_000  # of a CSV
RECIPIENTS: Final = 300  # of a printed page
FIELDS: Final = ("event", "number", "document", "agency", "code", "since", "until")


def show(visit: Visit) -> Response:
    """The journal's head, its witnesses and stamps, and the forms."""
    return _page(visit)


def ask(visit: Visit) -> Response:
    """Entries that answer, the oldest first, from a position on."""
    after = visit.query.get("after", "")
    place = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else -1
    try:
        lines = _lines(visit, SHOWN + 1, place)
    except Refusal as refusal:
        return _page(visit, status=400 if refusal.code == "EDX418" else 404, problem=refusal.finding)
    return _page(visit, lines=lines[:SHOWN], more=len(lines) > SHOWN, answered=True)


def spreadsheet(visit: Visit) -> Response:
    """The same, more of them, as CSV."""
    return visit.download(entries_csv(_lines(visit, MOST_ROWS, -1)), "journal.csv", "text/csv")


def compare_root(visit: Visit) -> Response:
    """Whether the journal continues the root or the checkpoint that somebody kept."""
    try:
        found = compare_kept(visit.node.ledger.views, visit.settings, visit.form.get("root", ""))
    except Refusal as refusal:
        return _page(visit, status=400, problem=refusal.finding)
    return _page(visit, compared=found)


def verify(visit: Visit) -> Response:
    """What a certificate proves, by anchors that the auditor brings: the node's word about itself would prove
    nothing."""
    given = {one.field: one.content for one in visit.files if one.content}
    if not given.keys() >= {"certificate", "anchors"}:
        missing = Finding("EDX418", "certificate", Detail("a certificate and the authorities of nodes are expected"))
        return _page(visit, status=400, problem=missing)
    try:
        found = verifying.verify(given["certificate"], given["anchors"], now=datetime.now(UTC))
    except Refusal as refusal:
        return _page(visit, status=422, problem=refusal.finding)
    return _page(visit, verified=found)


def printed(visit: Visit) -> Response:
    """One document on a page of A4, with its digest to be scanned."""
    digest = visit.path["digest"]
    with _noted(visit, "print", {"document": digest}) as reading:
        past = auditor.history(visit.node.ledger.views, digest)
        reading.count = len(past.told)
    if not past.told:
        raise Refusal("EDX420", where=digest[:64])
    return visit.render(
        "evidence/printed.html",
        told_here=past.told[0],
        most=RECIPIENTS,
        named=AgencyNames(visit.node),
        code=qr(past.told[0].trace.envelope.digest),
        standing=log_standing(visit.node.ledger.views, visit.settings, datetime.now(UTC)),
        at=datetime.now(UTC),
        differences=[*auditor.differences(past.told[0].trace.damages), *past.unfounded],
    )


def qr(text: str) -> Markup:
    """A QR code as SVG, drawn here: nothing is fetched."""
    drawn = segno.make(text, error="m", micro=False).svg_inline(omitsize=True, border=2)
    return Markup(drawn)  # noqa: S704  # squares only


def _lines(visit: Visit, most: int, after: int) -> Sequence[JournalLine]:
    """The entries, noted as read."""
    asked = {name: visit.query.get(name, "").strip()[:200] for name in FIELDS}
    views = visit.node.ledger.views
    with _noted(visit, "journal", asked) as reading:
        pages = questions.pages(views, _question(visit, asked), after)
        found = list(islice((line for page in pages for line in page), most))
        reading.count = len(found)
    return found


def _question(visit: Visit, asked: Mapping[str, str]) -> Question:
    code = asked["agency"]
    canonical = (registry_of(visit.node).canonical_or_none(code) or code) if code else ""
    query = JournalQuery(
        since=_day(asked["since"], "since"),
        until=_day(asked["until"], "until", days=1),
        event=asked["event"],
        document=asked["document"] or None,
        number=asked["number"],
        agencies=(canonical,) if canonical else None,
        code=asked["code"].upper(),
    )
    return questions.made(visit.node.ledger.views, query)


def _day(text: str, name: str, days: int = 0) -> datetime | None:
    """The beginning of a day in Vietnam, or of one later. Raises Refusal EDX418."""
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=days), time(), VIETNAM)
    except (ValueError, OverflowError):
        raise Refusal("EDX418", where=name, detail=Detail("is no day")) from None


def _page(visit: Visit, status: int = 200, **found: object) -> Response:
    views = visit.node.ledger.views
    standing = log_standing(views, visit.settings, datetime.now(UTC))
    head = standing.checkpoint
    values: dict[str, object] = {
        "standing": standing,
        "root": f"{head.size}:{head.root}" if head else "",
        "code": qr(f"{head.size}:{head.root}") if head else "",
        "events": auditor.EVENTS,
        "asked": {name: visit.query.get(name, "")[:200] for name in FIELDS},
        "lines": (),
        "more": False,
        "answered": False,
        "problem": None,
        "compared": None,
        "verified": None,
        "most": MOST_ROWS,
    }
    return visit.render("evidence/show.html", status=status, **{**values, **found})


def _noted(visit: Visit, what: str, conditions: Mapping[str, object]) -> AbstractContextManager[NotedReading]:
    database = readings.database_of(visit.node)
    return readings.noted(database, visit.person.actor, f"console {what}", conditions, lambda _: None)


ROUTES: Final = (
    PageRoute("GET", "/evidence", show, READERS),
    PageRoute("GET", "/evidence/journal", ask, READERS),
    PageRoute("GET", "/evidence/journal.csv", spreadsheet, READERS),
    PageRoute("POST", "/evidence/root", compare_root, READERS),
    PageRoute("POST", "/evidence/certificate", verify, READERS, uploads=True),
    PageRoute("GET", "/evidence/print/{digest}", printed, READERS),
)
