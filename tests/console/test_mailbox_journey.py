"""The official mailbox of a commune on its first day, in a real browser: a clerk receives a letter, downloads its file,
confirms it, and answers with a PDF, which the other side has.

It needs no scripts, no page is wider than a telephone, and the browser has nothing to complain of.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.console.browsing import PASSWORD, Consoled
from tests.console.test_mailbox_pages import PDF, SEALS

CHROMIUM = "/usr/bin/chromium"
PATIENCE = 60_000  # milliseconds


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoled]:
    with Consoled(Path(tmp_path_factory.mktemp("journey")), rest=SEALS) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE)
        yield browser
        browser.close()


def clerk_of(world: Consoled, chromium: Browser, office: str, complaints: list[str], *, scripts: bool) -> Page:
    """A window of this office's clerk, signed in, on a telephone."""
    name = world.person(f"{office}-clerk", "clerk", office=office)
    context = chromium.new_context(
        locale="vi-VN", ignore_https_errors=True, viewport={"width": 360, "height": 740}, java_script_enabled=scripts,
        color_scheme="dark" if scripts else "light",
    )  # fmt: skip
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda told: complaints.append(f"{told.text} {told.location['url']}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{world.url}/console/sign-in")
    page.fill("[name=name]", name)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_url("**/console/clerk")
    return page


def look(page: Page) -> None:
    """No page is wider than the window; what is wide scrolls within itself."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, page.url


def write(page: Page, number: str, subject: str, file: Path) -> None:
    page.fill("#number", number)
    page.fill("#notation", "UBND-VP")
    page.fill("#subject", subject)
    page.fill("#signer_name", "Nguyễn Văn Mẫu")
    page.set_input_files("#file", file)
    page.get_by_role("button", name="Ký số và gửi").click()
    page.wait_for_url("**/console/clerk/sent*")


def test_a_commune_receives_confirms_and_answers(world: Consoled, chromium: Browser, tmp_path: Path) -> None:
    complaints: list[str] = []
    province = clerk_of(world, chromium, "vp", complaints, scripts=False)  # everything works without scripts
    commune = clerk_of(world, chromium, "so", complaints, scripts=True)
    file = tmp_path / "Kế hoạch kiểm tra.pdf"
    file.write_bytes(PDF)

    province.goto(f"{world.url}/console/clerk/write")
    province.fill("#q", "dinh my")
    province.get_by_role("button", name="Tìm", exact=True).click()
    province.get_by_role("checkbox", name="Ủy ban nhân dân xã Định Mỹ H01.151", exact=True).check()
    province.get_by_role("button", name="Thêm").click()
    write(province, "125", "V/v kiểm tra công tác văn thư", file)
    world.work()

    commune.goto(f"{world.url}/console/clerk")
    look(commune)
    commune.get_by_role("link", name="V/v kiểm tra công tác văn thư").click()
    look(commune)
    commune.get_by_text("Chữ ký hợp lệ").wait_for()
    with commune.expect_download() as download:
        commune.get_by_role("link", name="Tải xuống Kế hoạch kiểm tra.pdf").click()
    assert download.value.suggested_filename == "Kế hoạch kiểm tra.pdf"
    assert Path(download.value.path()).read_bytes() == PDF
    commune.get_by_role("button", name="Xác nhận đã nhận").click()
    commune.get_by_text("Đã xác nhận; nơi gửi được báo.").wait_for()
    commune.get_by_role("link", name="Soạn văn bản trả lời").click()
    look(commune)
    write(commune, "9", "V/v báo cáo kết quả kiểm tra", file)
    look(commune)
    world.work()

    province.goto(f"{world.url}/console/clerk/sent")
    province.get_by_text("đã xác nhận", exact=True).wait_for()
    province.goto(f"{world.url}/console/clerk")
    province.get_by_role("link", name="V/v báo cáo kết quả kiểm tra").click()
    assert "125/UBND-VP" in province.inner_text("main")  # what it answers
    with province.expect_download() as download:
        province.get_by_role("link", name="Tải xuống Kế hoạch kiểm tra.pdf").click()
    assert Path(download.value.path()).read_bytes() == PDF
    # A browser asks every host for an icon, and there is none outside the console.
    assert [one for one in complaints if not one.endswith("/favicon.ico")] == []


def test_no_page_of_an_auditor_or_manager_is_wider_than_a_telephone(world: Consoled, chromium: Browser) -> None:
    world.person("ke-toan", "auditor", "operator", "manager")
    context = chromium.new_context(locale="en-US", ignore_https_errors=True, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{world.url}/console/sign-in")
    page.fill("[name=name]", "ke-toan")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    digest = world.hand_in(world.letter())["digest"]
    world.work()
    for place in ("document?q=125", f"document/{digest}", "evidence/journal?event=clerk.acted",
                  f"evidence/print/{digest}", "reports?count=1", "agencies?code=H53"):  # fmt: skip
        page.goto(f"{world.url}/console/{place}")
        assert page.locator("h1").count() == 1, place
        look(page)
