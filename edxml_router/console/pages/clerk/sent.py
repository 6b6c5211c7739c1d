"""What was sent: how it stands at each recipient, what they answered, and the certificate of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from edxml_router.console.pages.clerk.mailbox import CLERKS, HEADINGS
from edxml_router.console.visit import PageRoute, Visit
from edxml_router.services import office
from edxml_router.services.certificates.issuing import CertificateOrder, issue_to
from edxml_router.services.following.catalogue import AgencyNames
from edxml_router.services.following.turns import turn_of
from edxml_router.services.offices import clerk
from edxml_router.services.waiting import hindrances

_ASICE: Final = "application/vnd.etsi.asic-e+zip"


def list_sent(visit: Visit) -> Response:
    """The newest first, each with all its recipients, as far as they fit."""
    page, headings = clerk.sent(visit.node, HEADINGS, visit.person.office, visit.query.get("after", "")[:120])
    rows = [each.delivery for one in page.envelopes for each in one.deliveries]
    kept_by = hindrances(visit.node.ledger.views, rows, datetime.now(UTC))
    turns = {one.id: turn_of(one, kept_by.get(one.id)) for one in rows}
    return visit.render("clerk/sent.html", page=page, headings=headings, turns=turns, named=AgencyNames(visit.node))


def certificate(visit: Visit) -> Response:
    """Of what this office sent only."""
    digest = visit.path["digest"]
    office.sent_one(visit.node.ledger.views, visit.person.office, digest)
    order = CertificateOrder(digest, "", visit.person.office)
    return visit.download(issue_to(visit.node, visit.settings, order), f"{digest[:16]}.asice", _ASICE)


ROUTES: Final = (
    PageRoute("GET", "/clerk/sent", list_sent, CLERKS),
    PageRoute("GET", "/clerk/sent/{digest}/certificate", certificate, CLERKS),
)
