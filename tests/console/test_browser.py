"""Pages of the console in real Chromium: by keyboard, without scripts, narrow and dark, and what axe-core says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser as Chromium

from edxml_router.console import routing
from edxml_router.services.people import approvals
from edxml_router.services.people.roles import ROLES, Person
from tests.console.browsing import Consoled
from tests.console.chromium import barriers, chromium, heard, new_page, sign_in

# Pages that have nothing in their path to be filled in, and are no files: each is looked at.
PLACES = [
    route.path
    for _, route in routing.routes()
    if route.method == "GET" and not re.search(r"[{.]", route.path) and route.path not in ("/", "/sign-in")
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as running:
        yield running


@pytest.fixture
def everything(world: Consoled) -> str:
    """Somebody who may see every page."""
    name = world.person("tat-ca", *ROLES, office="vp", title="Nguyễn Thị Tất Cả")
    world.enrol(name, "")
    ask = Person("bac", frozenset({"operator"}))
    approvals.approved(world.worker.ledger, world.settings(), ask, "redrive", approvals.selection_digest(["walk"]), "1")
    return name


@pytest.mark.parametrize(
    ("language", "width", "scheme"), [("vi", 1280, "light"), ("en", 360, "dark")], ids=["wide", "narrow"]
)
def test_every_page_is_open_to_everybody(
    world: Consoled, browser: Chromium, everything: str, language: str, width: int, scheme: str
) -> None:
    """No barrier that axe-core calls serious, nothing that the policy refuses, nothing wider than the window."""
    page = new_page(browser, language, width=width, scheme=scheme)
    page.goto(f"{world.url}/console/sign-in")
    found = list(barriers(page))
    sign_in(page, world, everything)
    world.enrol(everything)  # what an administrator has to have, once inside
    for place in PLACES:
        answer = page.goto(f"{world.url}/console{place}")
        assert answer is not None
        assert answer.status == 200, place
        assert page.locator("html").get_attribute("lang") == language
        found += barriers(page)
        overhang = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if overhang > 0:
            found.append(f"{place}: {overhang} px wider than the window")
    assert found == []
    assert heard(page) == []


def test_the_console_is_used_by_keyboard_and_without_scripts(
    world: Consoled, browser: Chromium, everything: str
) -> None:
    page = new_page(browser, scripts=False)
    page.goto(f"{world.url}/console/sign-in")
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "To the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type(everything)
    page.keyboard.press("Tab")
    page.keyboard.type("Đường-láng 2026")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/account")  # an administrator without a second factor
    world.enrol(everything)
    page.goto(f"{world.url}/console/people")
    for place, _ in routing.NAVIGATION:
        link = page.locator(f'nav.pages a[href="/console{place}"]')
        if place in PLACES:
            link.click()
            assert page.locator("nav.pages a[aria-current=page]").get_attribute("href") == f"/console{place}"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?note=note.signed_out")
    assert page.get_by_role("status").inner_text() == "You are signed out."
