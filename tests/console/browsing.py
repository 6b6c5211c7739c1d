"""A gateway with a console, and browsers of people: they keep cookies and send forms as pages have them.

browser = world.signed_in("operator")          # a person with this role, made when first asked for
page = browser.get("/now")
page = browser.post("/people/lan/lock", {"reason": "…"})    # with the token of the session, from our origin
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

from edxml_router.services.people import accounts as people
from edxml_router.services.people.accounts import NewPerson
from edxml_router.services.people.roles import CLERK
from edxml_router.store.people import accounts as rows
from tests.gateway.world import World

PASSWORD = "Đường-láng 2026"


class Consoled(World):
    """The world of the gateway's tests, with a console. ``console``: further lines of its section."""

    def __init__(self, folder: Path, console: str = "", *, gateway: str = "", rest: str = "") -> None:
        super().__init__(folder, gateway, rest=f"[console]\n{console}\n{rest}")

    def person(self, name: str, *roles: str, office: str = "", title: str = "", password: str = PASSWORD) -> str:
        """An account that has chosen its password already; made once."""
        ledger, settings = self.worker.ledger, self.settings()
        if rows.one(ledger.engine, name) is None:
            people.add_person(ledger, settings, NewPerson(name, roles, title, office), password, "operator:test")
            with ledger.book() as book:
                rows.alter(book.connection, name, {"password_at": ledger.clock.now()})
        return name

    def enrol(self, name: str, sealed: str = "enrolled") -> None:
        """Let an account count as one with a second factor, without a phone."""
        with self.worker.ledger.book() as book:
            rows.alter(book.connection, name, {"authenticator": sealed})

    def browser(self, **headers: str) -> Browser:
        return Browser(self, headers)

    def signed_in(self, *roles: str, office: str = "", name: str = "") -> Browser:
        """A browser of somebody with these roles; a clerk is one of ``vp`` where nothing else is said."""
        office = office or ("vp" if CLERK in roles else "")
        name = name or "-".join((*roles, office)).strip("-")
        browser = self.browser()
        page = browser.sign_in(self.person(name, *roles, office=office))
        assert page.status_code == 303, page.text
        return browser


class Browser:
    """See the module."""

    def __init__(self, world: World, headers: dict[str, str]) -> None:
        self.client = world.client(**{"accept-language": "en", **headers})
        self.origin = world.url

    def get(self, place: str, **options: Any) -> httpx.Response:
        return self.client.get(f"/console{place}", **options)

    def token(self) -> str:
        """As the pages of this session carry it."""
        for place in ("/sign-in", "/account"):
            if found := re.search(r'name="token" value="([0-9a-f]{64})"', self.get(place).text):
                return found[1]
        raise AssertionError("no page has a form")

    def post(self, place: str, form: dict[str, Any], **options: Any) -> httpx.Response:
        """A form of one of our pages; ``files`` as httpx takes them."""
        sent = {"token": self.token(), **form}
        return self.client.post(f"/console{place}", data=sent, headers={"origin": self.origin}, **options)

    def sign_in(self, name: str, password: str = PASSWORD, code: str = "") -> httpx.Response:
        return self.post("/sign-in", {"name": name, "password": password, "code": code})
