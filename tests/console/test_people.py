"""Accounts: locks, idle times, passwords, second factors, and what the journal has of them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import httpx
import pyotp
import pytest

from edxml_router.console.cookies import SESSION_COOKIE
from edxml_router.core.problems import Refusal
from edxml_router.services.people import accounts as people
from edxml_router.services.people import authenticator, passwords, signing_in
from edxml_router.services.people.accounts import NewPerson
from edxml_router.services.people.attempts import Attempts
from edxml_router.store.people import accounts as rows
from edxml_router.store.people import sessions
from tests.console.browsing import PASSWORD, Browser, Consoled

WRONG = "Đường-sai-2026-mãi"


def now(world: Consoled) -> datetime:
    return world.worker.ledger.clock.now()


def alter(world: Consoled, name: str, **values: object) -> None:
    with world.worker.ledger.book() as book:
        rows.alter(book.connection, name, values)


def digest(browser: Browser) -> str:
    return signing_in.digest_of(browser.client.cookies[SESSION_COOKIE])


def plain(page: httpx.Response) -> str:
    """A page without what is other each time."""
    text = re.sub(r'(name="token" value=")[0-9a-f]+', r"\1", page.text)
    return re.sub(r'(id="name" name="name" value=")[^"]*', r"\1", text)


def is_inside(browser: Browser) -> bool:
    return not browser.get("/").headers.get("location", "").startswith("/console/sign-in")


def test_failures_lock_an_account_and_nothing_tells_that_there_is_one(world: Consoled) -> None:
    browser = world.browser()
    world.person("khoa", "operator")
    answers = [browser.sign_in("khoa", WRONG) for _ in range(5)]
    locked = browser.sign_in("khoa")  # the right password
    nobody = browser.sign_in("khong-co-ai", WRONG)
    assert {page.status_code for page in (*answers, locked, nobody)} == {401}
    assert all("EDX427" in page.text for page in (*answers, locked, nobody))
    assert len({plain(page) for page in (*answers, locked, nobody)}) == 1
    assert any(line.entry.actor == "person:khoa" for line in world.journal("person.locked"))
    reasons = [line.entry.detail for line in world.journal("person.refused") if line.entry.actor == "person:khoa"]
    assert reasons == ["password"] * 5 + ["locked"]
    assert not [line for line in world.journal("person.refused") if "khong-co-ai" in str(line.entry)]
    people.unlock_person(world.worker.ledger, "khoa", "operator:test")
    assert browser.sign_in("khoa").status_code == 303


def test_a_lock_runs_out_and_failures_are_counted_anew(world: Consoled) -> None:
    browser = world.browser()
    world.person("het-khoa", "operator")
    alter(world, "het-khoa", failures=5, locked_until=now(world) - timedelta(seconds=1))
    assert browser.sign_in("het-khoa", WRONG).status_code == 401
    row = people.account_of(world.worker.ledger, "het-khoa")
    assert (row.failures, row.locked_until) == (1, None)
    assert browser.sign_in("het-khoa").status_code == 303


def test_who_fails_too_often_from_one_address_waits() -> None:
    attempts = Attempts()
    for _ in range(3):
        attempts.require_room("2001:db8::1", 3, 0.0)
        attempts.failed("2001:db8::1", 0.0)
    for address in ("2001:db8::1", "2001:db8::2"):  # one network of 64 bits
        with pytest.raises(Exception, match="EDX437"):
            attempts.require_room(address, 3, 3599.0)
    attempts.require_room("2001:db8:0:1::1", 3, 0.0)
    attempts.require_room("2001:db8::1", 3, 3600.0)
    for number in range(20_000):
        attempts.failed(f"10.0.{number // 250}.{number % 250}", 1.0)
    assert len(attempts._failed) == 10_000


@pytest.mark.parametrize(("role", "minutes"), [("operator", 15), ("administrator", 5)])
def test_a_session_that_is_not_used_ends(world: Consoled, role: str, minutes: int) -> None:
    browser = world.signed_in(role, name=f"idle-{role}")
    for idle, inside in ((timedelta(minutes=minutes, seconds=-30), True), (timedelta(minutes=minutes), False)):
        with world.worker.ledger.book() as book:
            sessions.seen(book.connection, digest(browser), now(world) - idle)
        assert is_inside(browser) == inside
    with world.worker.ledger.book() as book:  # ended for good, not only asleep
        sessions.seen(book.connection, digest(browser), now(world))
    assert not is_inside(browser)


def test_a_page_that_asks_by_itself_keeps_no_session_awake(world: Consoled) -> None:
    browser = world.signed_in("operator", name="vang-mat")
    seen = now(world) - timedelta(minutes=14)
    with world.worker.ledger.book() as book:
        sessions.seen(book.connection, digest(browser), seen)
    assert browser.get("/account", headers={"hx-request": "true"}).status_code == 200
    found = sessions.look_up(world.worker.ledger.engine, digest(browser))
    assert found is not None
    assert found[0].seen_at == seen
    with world.worker.ledger.book() as book:
        sessions.seen(book.connection, digest(browser), now(world) - timedelta(minutes=15))
    ended = browser.get("/account", headers={"hx-request": "true"})
    assert ended.headers["hx-redirect"] == "/console/sign-in?note=note.session_ended"
    assert not is_inside(browser)


def test_whoever_finds_a_session_open_cannot_guess_its_password(world: Consoled) -> None:
    browser = world.signed_in("operator", name="bo-quen")
    guess = {"old": WRONG, "new": PASSWORD, "again": PASSWORD}
    pages = [browser.post("/account/password", guess).status_code for _ in range(5)]
    assert pages == [422] * 5
    assert not is_inside(browser)
    assert people.standing(people.account_of(world.worker.ledger, "bo-quen"), world.worker.ledger) == "locked"
    assert "person:bo-quen" in {line.entry.actor for line in world.journal("person.locked")}


def test_a_session_does_not_outlive_the_day_or_a_lock(world: Consoled) -> None:
    browser = world.signed_in("operator", name="lau")
    with world.worker.ledger.book() as book:
        begun = now(world) - timedelta(hours=10)
        book.connection.execute(
            sessions.sessions.update().where(sessions.sessions.c.person == "lau").values(begun_at=begun)
        )
    assert not is_inside(browser)
    assert browser.sign_in("lau").status_code == 303
    people.lock_person(world.worker.ledger, "lau", "operator:test")
    assert not is_inside(browser)
    assert browser.sign_in("lau").status_code == 401


def test_an_account_that_nobody_uses_is_disabled(world: Consoled) -> None:
    browser = world.browser()
    world.person("vang", "operator")
    alter(world, "vang", used_at=now(world) - timedelta(days=46))
    assert browser.sign_in("vang").status_code == 401
    assert people.standing(people.account_of(world.worker.ledger, "vang"), world.worker.ledger) == "disabled"
    assert [line.entry.detail for line in world.journal("person.disabled") if line.entry.actor == "person:vang"] == [
        "unused"
    ]


def test_a_first_password_has_to_be_changed(world: Consoled) -> None:
    first = passwords.made_up()
    world.person("nguoi-moi", "operator", password=first)
    alter(world, "nguoi-moi", password_at=None)
    browser = world.browser()
    assert browser.sign_in("nguoi-moi", first).headers["location"] == "/console/"
    assert browser.get("/").headers["location"] == "/console/account"
    assert "First choose a password" in browser.get("/account").text
    ours = {"old": first, "new": PASSWORD, "again": PASSWORD}
    refused = [
        browser.post("/account/password", {**ours, **change})
        for change in (
            {"again": WRONG},
            {"old": WRONG},
            {"new": "Ngắn-2026", "again": "Ngắn-2026"},
            {"new": "đường láng hòa lạc", "again": "đường láng hòa lạc"},
            {"new": "Nguoi-Moi-2026!x", "again": "Nguoi-Moi-2026!x"},
            {"new": first, "again": first},
        )
    ]
    assert [page.status_code for page in refused] == [422] * 6
    assert browser.get("/").headers["location"] == "/console/account"
    assert browser.post("/account/password", ours).headers["location"] == "/console/account?note=note.password"
    assert browser.get("/").headers.get("location") != "/console/account"
    assert world.browser().sign_in("nguoi-moi", first).status_code == 401


def test_an_administrator_s_password_ages(world: Consoled) -> None:
    browser = world.signed_in("administrator", name="gia")
    alter(world, "gia", password_at=now(world) - timedelta(days=61))
    assert "First choose a password" in browser.get("/account").text


def enrolled(world: Consoled, browser: Browser) -> tuple[str, list[str]]:
    """The secret of a new authenticator, and its recovery codes."""
    page = browser.get("/account/authenticator").text
    assert "<svg" in page
    [secret] = re.findall(r'<span class="id">([A-Z2-7]{32})</span>', page)
    [sealed] = re.findall(r'name="sealed" value="([^"]+)"', page)
    wrong = browser.post("/account/authenticator", {"sealed": sealed, "code": "000000", "old": PASSWORD})
    assert wrong.status_code == 422
    form = {"sealed": sealed, "code": pyotp.TOTP(secret).now(), "old": PASSWORD}
    assert browser.post("/account/authenticator", {**form, "old": WRONG}).status_code == 422
    form["code"] = pyotp.TOTP(secret).now()
    codes = re.findall(r'<li class="id">([^<]+)</li>', browser.post("/account/authenticator", form).text)
    assert len(set(codes)) == 10
    return secret, codes


def test_a_second_factor_is_enrolled_and_asked_for(world: Consoled) -> None:
    browser = world.signed_in("administrator", name="quan-tri")
    assert browser.get("/").headers["location"] == "/console/account"  # administrators must have one
    secret, codes = enrolled(world, browser)
    assert browser.get("/").headers.get("location") != "/console/account"
    row = people.account_of(world.worker.ledger, "quan-tri")
    assert secret not in str(row.authenticator)
    other = world.browser()
    assert other.sign_in("quan-tri").status_code == 401
    assert other.sign_in("quan-tri", code=pyotp.TOTP(secret).now()).status_code == 401  # was used to enrol
    step = int(now(world).timestamp()) // 30
    alter(world, "quan-tri", counter=step - 2, failures=0)
    code = pyotp.TOTP(secret).generate_otp(step)
    assert other.sign_in("quan-tri", code=code).status_code == 303
    assert world.browser().sign_in("quan-tri", code=code).status_code == 401  # once
    assert world.browser().sign_in("quan-tri", code=codes[3].upper()).status_code == 303
    assert world.browser().sign_in("quan-tri", code=codes[3]).status_code == 401  # once


def test_a_sealed_secret_is_of_use_for_its_account_and_its_key_only() -> None:
    sealed = authenticator.seal(b"k" * 32, "lan", "SECRET")
    assert authenticator.unseal(b"k" * 32, "lan", sealed) == "SECRET"
    for key, name, text in ((b"x" * 32, "lan", sealed), (b"k" * 32, "minh", sealed), (b"k" * 32, "lan", "AAAA")):
        with pytest.raises(Refusal, match="EDX440"):
            authenticator.unseal(key, name, text)


def test_roles_are_as_they_are_now(world: Consoled) -> None:
    browser = world.signed_in("operator", name="doi-vai")
    people.give_roles(world.worker.ledger, world.settings(), "doi-vai", ["auditor"], "", "operator:test")
    assert "auditor" in browser.get("/account").text


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (NewPerson("Lan Anh", ("operator",)), "EDX440"),
        (NewPerson("an", ("king",)), "EDX440"),
        (NewPerson("an", ()), "EDX440"),
        (NewPerson("an", ("clerk",)), "EDX440"),
        (NewPerson("an", ("operator",), office="vp"), "EDX440"),
        (NewPerson("an", ("clerk",), office="khong-co"), "EDX403"),
    ],
    ids=str,
)
def test_an_account_that_cannot_be(world: Consoled, new: NewPerson, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        people.add_person(world.worker.ledger, world.settings(), new, PASSWORD, "operator:test")


def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    hashed = passwords.hashed_password("Đường-láng 2026")
    assert passwords.is_password(hashed, "Đường-láng 2026".replace("á", "a\u0301"))
    assert not passwords.is_password("", "")
    assert not passwords.is_password(hashed, "x" * 10_000)


def test_no_session_is_one_too_many(world: Consoled) -> None:
    browsers = [world.signed_in("operator", name="nhieu") for _ in range(11)]
    assert [is_inside(each) for each in browsers] == [False] + [True] * 10
    assert people.revoke_sessions(world.worker.ledger, "nhieu", "operator:test") == 10
    assert not any(map(is_inside, browsers))
