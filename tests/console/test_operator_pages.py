"""The operator's pages: every number equals the rows behind its link, names stay text, a job does what was shown."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from edxml_router.console import watching
from edxml_router.console.pages import failed
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding
from edxml_router.services.bulk.running import run_next_job
from edxml_router.services.people import approvals
from edxml_router.services.people.roles import AUDITOR, OPERATOR, Person
from edxml_router.store.bulk.jobs import bulk_jobs
from tests.console.browsing import PASSWORD, Browser, Consoled
from tests.gateway.world import digest

LINKS = """
[hub]
kind = "local"
path = "hub"
[[children]]
name = "xa-an-thanh"
prefixes = ["H41"]
unsigned_receipts = true
"""
LETTERS = 8
HOSTILE = '<img src=x onerror=alert(1)>"Sở Nội vụ"'
NUMBER = re.compile(r'<a href="/console(/failed\?[^"]+)">(\d+)</a>')


class Ill(Consoled):
    """Letters that wait and have failed in several ways: three for a silent link, one returned, the rest for ``so``."""

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / "data" / "journal.db", timeout=60)) as database, database:
            database.execute(statement)

    def send(self, number: int) -> None:
        data = self.post.document("H53", ["H01.151"], number, f"V/v việc số {number}")
        assert self.client("vp").put(f"/v1/envelopes/{digest(data)}", content=data).status_code == 201

    def held(self) -> int:
        with closing(sqlite3.connect(self.folder / "data" / "journal.db", timeout=60)) as database:
            return int(database.execute("SELECT count(*) FROM deliveries WHERE state = 'held'").fetchone()[0])


@pytest.fixture(scope="module")
def ill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ill]:
    with Ill(Path(tmp_path_factory.mktemp("ill")), rest=LINKS) as world:
        for number in range(1, LETTERS + 1):
            world.send(number)
        world.sql("UPDATE deliveries SET route = 'link:xa-an-thanh', code = 'EDX702', state = 'deferred' WHERE id <= 3")
        world.sql("UPDATE deliveries SET code = 'EDX801', state = 'returned', ended_at = updated_at WHERE id = 4")
        hours = "UPDATE envelopes SET accepted_at = accepted_at - {} WHERE digest IN (SELECT digest FROM deliveries"
        world.sql(f"{hours.format(3 * 3600 * 1_000_000)} WHERE id <= 2)")
        world.sql(f"UPDATE deliveries SET detail = '{HOSTILE}' WHERE id = 1")  # noqa: S608  # ours, for this test
        with world.worker.ledger.book() as book:
            silent = {(Route.link("xa-an-thanh"), False): Finding("EDX702", HOSTILE, "")}
            book.mailboxes.note_silences(silent, None, datetime.now(UTC) - timedelta(minutes=14))
        yield world


@pytest.fixture
def operator(ill: Ill) -> Browser:
    return ill.signed_in(OPERATOR)


def matching(text: str) -> int:
    found = re.search(r"<strong>(\d+) deliveries match", text)
    assert found is not None
    return int(found[1])


def rows(text: str) -> list[str]:
    """The deliveries that a page lists."""
    return re.findall(r'<tr><td class="number">(\d+)</td><td class="id">', text)


def test_every_number_equals_the_rows_behind_its_link(operator: Browser) -> None:
    shown = operator.get("/now").text
    assert "xa-an-thanh" in shown
    links = [(unescape(place), int(count)) for place, count in NUMBER.findall(shown)]
    listed = operator.get("/failed").text
    links += [(unescape(place), int(count)) for place, count in NUMBER.findall(listed)]
    assert len(links) >= 8
    for place, count in links:
        page = operator.get(place).text
        assert (matching(page), len(rows(page))) == (count, count), place
    assert matching(listed) == LETTERS
    assert ("/failed?link=link%3Axa-an-thanh&state=open", 3) in links


def test_the_sentence_is_first_and_a_place_that_a_stranger_named_stays_text(ill: Ill, operator: Browser) -> None:
    page = operator.get("/now").text
    assert page.index('class="sentence failed"') < page.index("<table>")
    assert "3 deliveries wait for xa-an-thanh, the oldest since" in page
    assert "The broker does not take messages" in page
    assert 'hx-trigger="every 10s"' in page
    assert 'hx-trigger="every 10s"' not in operator.get("/now?pause=1").text
    for place in ("/now", "/failed", "/failed?link=xa-an-thanh", f"/failed?link={HOSTILE}"):
        text = operator.get(place).text
        assert "<img" not in text, place
    assert "&lt;img" in operator.get("/failed?link=xa-an-thanh").text
    vietnamese = ill.browser(**{"accept-language": "vi"})
    vietnamese.sign_in(ill.person("operator", OPERATOR))
    assert "3 lượt chuyển đang chờ xa-an-thanh" in vietnamese.get("/now").text


def test_what_was_previewed_is_done_even_if_more_arrive(ill: Ill, operator: Browser) -> None:
    preview = operator.post("/failed/prepare", {"act": "hold", "state": "queued", "link": "so", "reason": "kiểm tra"})
    found = re.search(r"Exactly (\d+) deliveries", preview.text)
    assert found is not None
    exactly = int(found[1])
    assert exactly == LETTERS - 4
    [place] = re.findall(r'action="/console(/failed/job/\d+/begin)"', preview.text)
    ill.send(LETTERS + 1)
    assert ill.held() == 0
    other = ill.signed_in(OPERATOR, name="other-operator")
    assert "EDX811" in other.post(place, {}).text  # who has not seen it does not begin it
    begun = operator.post(place, {})
    assert begun.status_code == 303
    assert "EDX811" in operator.post(place, {}).text  # nor does anybody twice
    assert run_next_job(ill.worker)
    assert ill.held() == exactly
    done = operator.get(place.removesuffix("/begin")).text
    assert f"{exactly} of {exactly} dealt with" in done
    assert ">done<" in done
    assert place.removesuffix("/begin") in operator.get("/failed").text


def test_a_preview_may_be_dropped_and_says_what_it_leaves_out(operator: Browser) -> None:
    preview = operator.post("/failed/prepare", {"act": "resend", "reason": "x"}).text
    assert "Exactly 1 deliveries" in preview
    assert "These match too and are left out" in preview
    [place] = re.findall(r'action="/console(/failed/job/\d+/stop)"', preview)
    assert operator.post(place, {}).status_code == 303
    assert "stopped" in operator.get(place.removesuffix("/stop")).text
    assert "EDX811" in operator.post(place.replace("stop", "begin"), {}).text


def test_what_is_not_understood_is_said(operator: Browser) -> None:
    for place in ("/failed?older=soon", "/failed?state=lost", "/failed?code=EDX000", "/failed?days=0"):
        page = operator.get(place)
        assert (page.status_code, "EDX809" in page.text) == (400, True), place
    assert "EDX809" in operator.post("/failed/prepare", {"act": "confirm"}).text
    assert "EDX809" in operator.post("/failed/prepare", {"act": "cancel", "reason": ""}).text
    assert "EDX606" in operator.get("/failed?link=nowhere").text
    assert "EDX811" in operator.get("/failed/job/999999").text
    assert "EDX811" in operator.get("/failed/job/x").text
    assert operator.get("/failed?after=99999999999999999999").status_code == 200


def test_an_auditor_sees_and_does_not_act(ill: Ill) -> None:
    auditor = ill.signed_in(AUDITOR)
    assert matching(auditor.get("/failed").text) >= LETTERS
    assert "/failed/prepare" not in auditor.get("/failed").text
    assert auditor.post("/failed/prepare", {"act": "hold", "reason": "x"}).status_code == 403
    assert {OPERATOR} == set(failed.ACTING)


def test_a_link_is_halted_and_goes_on_again(ill: Ill, operator: Browser) -> None:
    watching._READERS.clear()  # the page is as of its moment, and letters have come since the last one
    page = operator.get("/links").text
    for words in ("xa-an-thanh", "no answer", "none named", "office", "The broker does not take"):
        assert words in page, words
    assert "<img" not in page
    links = [(unescape(place), int(count)) for place, count in NUMBER.findall(page)]
    assert links
    for place, count in links:
        assert matching(operator.get(place).text) == count, place
    before, waiting = ill.held(), len(rows(operator.get("/failed?link=office:so&state=queued").text))
    assert waiting == 1
    preview = operator.post("/links/halt", {"way": "office:so", "reason": HOSTILE}).text
    assert f"{waiting} deliveries wait for it now" in preview
    assert "<img" not in preview
    assert ill.held() == before
    assert operator.post("/links/halt/add", {"way": "office:so", "reason": HOSTILE}).status_code == 303
    assert ill.held() == before + waiting
    halted = operator.get("/links").text
    assert "Halted by person:operator" in halted
    assert "<img" not in halted
    [place] = re.findall(r'action="/console(/links/halt/\d+/release)"', halted)
    auditor = ill.signed_in(AUDITOR)
    assert place not in auditor.get("/links").text
    assert auditor.post(place, {}).status_code == 403
    assert operator.post(place, {}).status_code == 303
    assert ill.held() == before
    assert "EDX606" in operator.post("/links/halt", {"way": "link:nowhere", "reason": "x"}).text


def test_in_a_browser_a_job_is_followed_without_a_reload(ill: Ill) -> None:
    """The pages renew themselves under the policy that lets nothing run but our own files, and are left alone where
    somebody has paused them."""
    ill.send(LETTERS + 2)
    name = ill.person("browser-operator", OPERATOR)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_context(ignore_https_errors=True, locale="en").new_page()
        page.set_default_timeout(60_000)
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text) if "Policy" in message.text else None)
        page.goto(f"{ill.url}/console/sign-in")
        page.fill("[name=name]", name)
        page.fill("[name=password]", PASSWORD)
        page.click("main button")
        page.goto(f"{ill.url}/console/failed?link=so&state=queued")
        page.select_option("#act", "hold")
        page.fill("#reason", "kiểm tra")
        page.click("main form[method=post] button")
        page.click("text=/Do it for these/")
        page.wait_for_selector("text=waits for its turn or runs")
        page.evaluate("window.stays = true")
        before = ill.held()
        assert run_next_job(ill.worker)
        page.wait_for_selector("dt:has-text('Ended')")
        assert page.evaluate("window.stays")  # it is the same page
        assert ill.held() > before
        page.goto(f"{ill.url}/console/now?pause=1")
        assert page.locator("[hx-get]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert said == []
        chromium.close()


def test_a_second_person_approves_where_the_settings_ask_for_one(tmp_path: Path) -> None:
    with Ill(tmp_path, console='four_eyes = ["cancel"]') as world:
        world.send(1)
        asking, second = world.signed_in(OPERATOR), world.signed_in(OPERATOR, name="second")
        preview = asking.post("/failed/prepare", {"act": "cancel", "state": "queued", "reason": "gửi nhầm"}).text
        [place] = re.findall(r'action="/console(/failed/job/\d+/begin)"', preview)
        assert "note.asked_second" in asking.post(place, {}).headers["location"]
        assert not run_next_job(world.worker)
        deciding = Person("second", frozenset({OPERATOR}))
        [question] = approvals.questions(world.worker.ledger)
        approvals.decide_question(world.worker.ledger, deciding, question.id, yes=True)
        with world.worker.ledger.book() as book:  # the second person took some hours
            made_at = world.worker.ledger.clock.now() - timedelta(hours=5)
            book.connection.execute(bulk_jobs.update().values(made_at=made_at))
        assert "note" not in asking.post(place, {}).headers["location"]
        assert run_next_job(world.worker)
        assert "Approved by" in second.get(place.removesuffix("/begin")).text
        assert matching(asking.get("/failed?state=cancelled").text) == 1
