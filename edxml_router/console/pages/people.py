"""Rules and people: accounts, sessions, settings in effect, what people did; auditors look, administrators change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from starlette.responses import Response

from edxml_router.config.text import bare_address, duration
from edxml_router.console.visit import PageRoute, Visit
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services.people import accounts, acts, passwords
from edxml_router.services.people.accounts import NewPerson
from edxml_router.services.people.roles import ADMINISTRATOR, AUDITOR, ROLES


def people(visit: Visit) -> Response:
    return _page(visit)


def add(visit: Visit) -> Response:
    """A new account with a made-up first password, shown once."""
    form = visit.form
    made = passwords.made_up()
    new = NewPerson(form.get("name", "").strip(), visit.several("role"), form.get("title", "").strip(),
                    form.get("office", ""))  # fmt: skip
    try:
        accounts.add_person(visit.node.ledger, visit.settings, new, made, visit.person.actor)
    except Refusal as refusal:
        return _page(visit, refusal.finding)
    return visit.render("first_password.html", name=new.name, made=made)


def act(visit: Visit) -> Response:
    """One of the acts on an account."""
    name, chosen = visit.form.get("name", ""), visit.form.get("act", "")
    try:
        if chosen == "password":
            made = passwords.made_up()
            accounts.set_password(visit.node.ledger, visit.settings, name, made, visit.person.actor)
            return visit.render("first_password.html", name=name, made=made)
        if chosen == "roles":
            accounts.give_roles(visit.node.ledger, visit.settings, name, visit.several("role"),
                                visit.form.get("office", ""), visit.person.actor)  # fmt: skip
        elif chosen in _ACTS:
            _ACTS[chosen](visit, name)
        else:
            return _page(visit, Finding("EDX439"))
    except Refusal as refusal:
        return _page(visit, refusal.finding)
    return visit.redirect("/people", note="note.person")


def revoke(visit: Visit) -> Response:
    """End one session."""
    try:
        accounts.revoke_session(visit.node.ledger, visit.form.get("session", ""), visit.person.actor)
    except Refusal as refusal:
        return _page(visit, refusal.finding)
    return visit.redirect("/people", note="note.person")


def settings(visit: Visit) -> Response:
    """Every setting in effect and where it comes from."""
    rows = [(name, _shown(value, name), given) for name, value, given in visit.settings.as_table()]
    return visit.render(
        "settings.html", rows=rows, given=sum(given for _, _, given in rows), file=visit.settings.path.name
    )


def _page(visit: Visit, problem: Finding | None = None) -> Response:
    ledger = visit.node.ledger
    return visit.render(
        "people.html",
        status=problem.problem.http_status if problem else 200,
        problem=problem,
        rows=[(row, accounts.standing(row, ledger)) for row in accounts.everybody(ledger)],
        sessions=accounts.active_sessions(ledger, visit.settings),
        history=acts.recent_acts(ledger.views, visit.node.now()),
        all_roles=ROLES,
        offices=[office.name for office in visit.settings.offices],
        may=visit.person.has(ADMINISTRATOR),
    )


def _shown(value: object, name: str = "") -> str:
    if name.endswith(".webhook") and isinstance(value, str) and value:
        return bare_address(value)  # its secret is not for every auditor
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value)) or "-"
    return "-" if value is None or value == "" else str(value)


_ACTS: Final[Mapping[str, Callable[[Visit, str], object]]] = {
    "lock": lambda visit, name: accounts.lock_person(visit.node.ledger, name, visit.person.actor),
    "unlock": lambda visit, name: accounts.unlock_person(visit.node.ledger, name, visit.person.actor),
    "take": lambda visit, name: accounts.take_authenticator(visit.node.ledger, name, visit.person.actor),
    "end": lambda visit, name: accounts.revoke_sessions(visit.node.ledger, name, visit.person.actor),
}
_LOOK: Final = frozenset({ADMINISTRATOR, AUDITOR})
_CHANGE: Final = frozenset({ADMINISTRATOR})
ROUTES: Final = (
    PageRoute("GET", "/people", people, _LOOK),
    PageRoute("GET", "/people/settings", settings, _LOOK),
    PageRoute("POST", "/people/add", add, _CHANGE),
    PageRoute("POST", "/people/act", act, _CHANGE),
    PageRoute("POST", "/people/revoke", revoke, _CHANGE),
)
