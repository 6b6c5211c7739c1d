"""Every route of every page, tried by every role: who may is what ``ROUTES`` says, and nobody else gets in."""

from __future__ import annotations

import re

import pytest

from edxml_router.console import routing
from edxml_router.console.visit import EVERYONE, PageRoute
from edxml_router.services.people.roles import ROLES, SIGNED_IN
from tests.console.browsing import Browser, Consoled

ROUTES = [route for _, route in routing.routes()]


def place_of(route: PageRoute) -> str:
    return re.sub(r"\{[^}]*\}", "0", route.path)


def asked(browser: Browser, route: PageRoute) -> int:
    """The status that this person gets; a POST has no token, which only who may comes far enough to be told."""
    send = browser.client.get if route.method == "GET" else browser.client.post
    return send(f"/console{place_of(route)}", headers={"origin": browser.origin}).status_code


def test_every_route_says_who_may() -> None:
    assert len(ROUTES) > 8
    for route in ROUTES:
        assert route.method in ("GET", "POST"), route
        assert route.roles == EVERYONE or (route.roles and route.roles <= SIGNED_IN), route
    assert {route.path for route in ROUTES if route.roles == EVERYONE} == {"/sign-in", "/language/{name}"}
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("role", ROLES)
def test_only_who_may_sees_a_page(world: Consoled, role: str) -> None:
    browser = world.signed_in(role, name=f"matrix-{role}")
    world.enrol(f"matrix-{role}")
    forbidden = [route for route in ROUTES if route.roles != EVERYONE and role not in route.roles]
    assert {(route.path, asked(browser, route)) for route in forbidden} <= {(each.path, 403) for each in forbidden}
    for route in ROUTES:
        if role in route.roles and route.method == "GET":
            page = browser.get(place_of(route))
            assert "EDX438" not in page.text, route
            assert page.status_code < 500, (route, page.text)


def test_nobody_sees_a_page_without_a_session(world: Consoled) -> None:
    for route in ROUTES:
        if route.roles != EVERYONE:
            browser = world.browser()
            send = browser.client.get if route.method == "GET" else browser.client.post
            answer = send(f"/console{place_of(route)}", headers={"origin": browser.origin})
            assert (answer.status_code, answer.headers["location"][:16]) == (303, "/console/sign-in"), route


def test_the_navigation_has_what_one_may_see(world: Consoled) -> None:
    browser = world.signed_in("auditor", name="nav")
    page = browser.get("/account").text
    for path, _ in routing.NAVIGATION:
        route = next((each for each in ROUTES if (each.method, each.path) == ("GET", path)), None)
        shown = f'href="/console{path}"' in page
        assert shown == (route is not None and "auditor" in route.roles), path
