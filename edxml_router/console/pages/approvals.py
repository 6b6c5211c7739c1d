"""What waits for a second person: who asked for what, and the decision of another."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.services.bulk.jobs import is_number
from edxml_router.services.people import approvals
from edxml_router.services.people.roles import ADMINISTRATOR, AUDITOR, OPERATOR


def waiting(visit: Visit) -> Response:
    return visit.render(
        "approvals.html",
        rows=approvals.questions(visit.node.ledger),
        now=visit.node.now(),
        may=visit.person.has(*approvals.DECIDERS),
    )


def settle(visit: Visit) -> Response:
    number = visit.form.get("number", "")
    yes = visit.form.get("decision") == "approved"
    approvals.decide_question(visit.node.ledger, visit.person, int(number) if is_number(number) else 0, yes=yes)
    return visit.redirect("/approvals", note="note.decided")


ROUTES: Final = (
    PageRoute("GET", "/approvals", waiting, frozenset({OPERATOR, ADMINISTRATOR, AUDITOR})),
    PageRoute("POST", "/approvals", settle, approvals.DECIDERS),
)
