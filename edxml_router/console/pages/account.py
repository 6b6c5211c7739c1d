"""One's own account: the password, the second factor, and what has to be done before anything else."""

from __future__ import annotations

from typing import Final

import segno
from markupsafe import Markup
from starlette.responses import Response

from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.people import accounts, enrolling
from edxml_router.services.people.enrolling import Enrolment
from edxml_router.services.people.roles import ROLES, SIGNED_IN
from edxml_router.services.people.signing_in import console_of


def own_account(visit: Visit) -> Response:
    return _page(visit)


def change_password(visit: Visit) -> Response:
    form = visit.form
    if form.get("new", "") != form.get("again", ""):
        return _page(visit, differ=True, status=422)
    try:
        accounts.change_password(
            visit.node.ledger, visit.settings, visit.person, form.get("old", ""), form.get("new", "")
        )
    except Refusal as refusal:
        return _page(visit, problem=refusal.finding, status=422)
    return visit.redirect("/account", note="note.password")


def enrol(visit: Visit) -> Response:
    """The QR code of a new secret, which counts only when the app has shown a code of it."""
    return _enrol(visit, enrolling.begin_enrolment(visit.settings, visit.person))


def finish_enrolment(visit: Visit) -> Response:
    form = visit.form
    begun = enrolling.resume_enrolment(visit.settings, visit.person, form.get("sealed", ""))
    try:
        codes = enrolling.finish_enrolment(
            visit.node.ledger, visit.settings, visit.person, begun, form.get("old", ""), form.get("code", "")
        )
    except Refusal as refusal:
        return _enrol(visit, begun, refusal.finding)
    return visit.render("recovery_codes.html", codes=codes)


def _page(visit: Visit, *, differ: bool = False, problem: Finding | None = None, status: int = 200) -> Response:
    row = accounts.account_of(visit.node.ledger, visit.person.name)
    return visit.render(
        "account.html",
        status=status,
        row=row,
        roles=[role for role in ROLES if role in row.roles],
        rules=console_of(visit.settings),
        differ=differ,
        problem=problem,
    )


def _enrol(visit: Visit, begun: Enrolment, problem: Finding | None = None) -> Response:
    picture = segno.make(begun.uri, error="m").svg_inline(scale=5, border=2, svgclass=None, lineclass=None)
    return visit.render(
        "enrol.html",
        status=422 if problem else 200,
        begun=begun,
        picture=Markup(picture),  # noqa: S704  # segno's, of nothing but black squares
        problem=problem,
    )


ROUTES: Final = (
    PageRoute("GET", "/account", own_account, SIGNED_IN),
    PageRoute("POST", "/account/password", change_password, SIGNED_IN),
    PageRoute("GET", "/account/authenticator", enrol, SIGNED_IN),
    PageRoute("POST", "/account/authenticator", finish_enrolment, SIGNED_IN),
)
