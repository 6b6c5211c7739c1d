"""A real browser for the tests of pages: the system's Chromium, by playwright, and axe-core that looks for barriers.

    with chromium() as browser:
        page = new_page(browser, world, language="vi")
        sign_in(page, world, "lan")
        page.goto(world.url + "/console/people"); barriers(page)

Our pages forbid scripts that are not theirs, so axe-core runs with that rule bypassed in the test's browser only.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, sync_playwright

from tests.console.browsing import PASSWORD
from tests.gateway.world import World

AXE = Path(sys.prefix) / "share" / "axe-core" / "axe.min.js"
WAIT_MILLISECONDS = 60_000


@contextmanager
def chromium() -> Iterator[Chromium]:
    path = shutil.which("chromium")
    assert path, "chromium is not installed: scripts/environment chromium"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def new_page(
    browser: Chromium, language: str = "en", *, width: int = 1280, scheme: str = "light", scripts: bool = True
) -> Page:
    """A page of a browser of its own, in which problems of scripts and refused contents are mistakes of the test."""
    context = browser.new_context(
        ignore_https_errors=True,  # of the trial authority
        locale="vi-VN" if language == "vi" else "en-GB",
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(WAIT_MILLISECONDS)
    page = context.new_page()
    page.on("pageerror", lambda error: heard(page).append(str(error)))
    page.on("console", lambda said: heard(page).append(said.text) if said.type == "error" else None)
    return page


_HEARD: dict[int, list[str]] = {}


def heard(page: Page) -> list[str]:
    """What the browser complained of: policy violations, scripts that failed."""
    return _HEARD.setdefault(id(page), [])


def sign_in(page: Page, world: World, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{world.url}/console/sign-in")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("form.stacked button")
    page.wait_for_url(lambda url: not url.endswith("/sign-in"))


def barriers(page: Page) -> Sequence[str]:
    """What axe-core finds serious or critical: the rule, and where."""
    assert AXE.exists(), "axe-core is missing: scripts/environment axe"
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{page.url}: {one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
