"""Signing in and out, the language, and the first page."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from edxml_router.console import routing
from edxml_router.console.cookies import LANGUAGE_COOKIE, set_session
from edxml_router.console.visit import BASE, EVERYONE, PageRoute, Visit
from edxml_router.core.problems import Refusal, Setback
from edxml_router.language.texts import LANGUAGES
from edxml_router.services.people import signing_in
from edxml_router.services.people.roles import SIGNED_IN
from edxml_router.services.people.signing_in import SignIn

_YEAR_SECONDS: Final = 365 * 86400


def ask_who(visit: Visit) -> Response:
    """The form; who is signed in has no use for it."""
    if visit.person.name:
        return visit.redirect("/")
    return visit.render("sign_in.html", name="", problem=None)


def sign_in(visit: Visit) -> Response:
    """A new session with a new id, whatever id the browser came with: nobody can have planted it."""
    asked = SignIn(visit.form.get("name", ""), visit.form.get("password", ""), visit.form.get("code", ""),
                        visit.address)  # fmt: skip
    try:
        secret = signing_in.sign_in(visit.node.ledger, visit.settings, visit.attempts, asked)
    except (Refusal, Setback) as trouble:
        if trouble.code not in ("EDX427", "EDX437"):
            raise
        status = trouble.finding.problem.http_status
        return visit.render("sign_in.html", status=status, name=asked.name[:64], problem=trouble.finding)
    answer = visit.redirect("/")
    set_session(answer, secret)
    return answer


def sign_out(visit: Visit) -> Response:
    signing_in.sign_out(visit.node.ledger, visit.person)
    answer = visit.redirect("/sign-in", note="note.signed_out")
    set_session(answer, "")
    return answer


def home(visit: Visit) -> Response:
    """On to the first page of the navigation, or to what has to be done first."""
    if visit.person.must:
        return visit.redirect("/account")
    entries = routing.navigation(visit.person)
    return visit.redirect(entries[0][0]) if entries else visit.render("home.html")


def choose_language(visit: Visit) -> Response:
    """Keep the language and go back to where it was chosen. It changes what is shown, and nothing else."""
    back = visit.query.get("to", "")
    answer = visit.redirect(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/")
    if visit.path["name"] in LANGUAGES:
        answer.set_cookie(LANGUAGE_COOKIE, visit.path["name"], max_age=_YEAR_SECONDS, path=BASE, secure=True,
                          httponly=True, samesite="lax")  # fmt: skip
    return answer


ROUTES: Final = (
    PageRoute("GET", "/sign-in", ask_who, EVERYONE),
    PageRoute("POST", "/sign-in", sign_in, EVERYONE),
    PageRoute("GET", "/language/{name}", choose_language, EVERYONE),
    PageRoute("POST", "/account/sign-out", sign_out, SIGNED_IN),
    PageRoute("GET", "/", home, SIGNED_IN),
)
