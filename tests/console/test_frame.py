"""The frame of the console: who gets in, what browsers are told, what is not a form of ours."""

from __future__ import annotations

import re

import pytest
from starlette.requests import Request

from edxml_router.console.cookies import SESSION_COOKIE
from edxml_router.console.whence import address_of
from tests.console.browsing import PASSWORD, Consoled


def test_who_has_not_signed_in_is_led_to_the_form(world: Consoled) -> None:
    browser = world.browser()
    assert browser.get("").headers["location"] == "/console/"
    answer = browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?note=note.session_ended")
    assert "Please sign in." in browser.get("/sign-in?note=note.session_ended").text


def test_signing_in_and_out(world: Consoled) -> None:
    browser = world.browser()
    page = browser.sign_in(world.person("lan", "operator", title="Nguyễn Thị Lan"))
    assert (page.status_code, page.headers["location"]) == (303, "/console/")
    inside = browser.get("/sign-in")
    assert inside.headers["location"] == "/console/"
    old = browser.client.cookies[SESSION_COOKIE]
    assert browser.post("/account/sign-out", {}).status_code == 303
    browser.client.cookies.set(SESSION_COOKIE, old, domain="127.0.0.1")
    assert browser.get("/").headers["location"].startswith("/console/sign-in")
    for event in ("person.signed-in", "person.signed-out"):
        assert "person:lan" in {line.entry.actor for line in world.journal(event)}


def test_the_session_has_a_new_id_after_signing_in(world: Consoled) -> None:
    """Session fixation: whoever planted an id in the browser has nothing of it."""
    browser = world.browser()
    browser.get("/sign-in")
    planted = browser.client.cookies[SESSION_COOKIE]
    browser.sign_in(world.person("lan", "operator"))
    assert browser.client.cookies[SESSION_COOKIE] != planted
    thief = world.browser()
    thief.client.cookies.set(SESSION_COOKIE, planted, domain="127.0.0.1")
    assert thief.get("/").headers["location"].startswith("/console/sign-in")


@pytest.mark.parametrize("place", ["/sign-in", "/", "/static/style.css", "/no-such-page", "/account/sign-out"])
def test_every_answer_lets_a_browser_run_nothing_else(world: Consoled, place: str) -> None:
    headers = world.browser().get(place).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert (headers["referrer-policy"], headers["cross-origin-opener-policy"]) == ("same-origin", "same-origin")
    assert ("no-store" in headers["cache-control"]) == (not place.startswith("/static/"))


def test_the_cookie_is_for_this_host_and_no_script(world: Consoled) -> None:
    told = world.browser().get("/sign-in").headers["set-cookie"]
    assert told.startswith("__Host-")
    for part in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert part in told
    assert "Domain" not in told


def test_no_script_or_style_stands_in_a_page(world: Consoled) -> None:
    text = world.browser().get("/sign-in").text
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", text)


def test_a_form_of_another_site_or_session_is_refused(world: Consoled) -> None:
    browser = world.browser()
    token = browser.token()
    form = {"token": token, "name": world.person("lan", "operator"), "password": PASSWORD, "code": ""}
    client, ours = browser.client, {"origin": browser.origin}
    refused = [
        client.post("/console/sign-in", data=form),
        client.post("/console/sign-in", data=form, headers={"origin": "https://evil.example"}),
        client.post("/console/sign-in", data=form, headers={"origin": "null"}),
        client.post("/console/sign-in", data=form, headers={"sec-fetch-site": "cross-site"}),
        client.post("/console/sign-in", data={**form, "token": ""}, headers=ours),
        client.post("/console/sign-in", data={**form, "token": world.browser().token()}, headers=ours),
        client.post("/console/sign-in", json=form, headers=ours),
        client.post("/console/sign-in", data=form, files={"file": b"x"}, headers=ours),
    ]
    assert [(answer.status_code, "EDX439" in answer.text) for answer in refused] == [(403, True)] * len(refused)
    assert client.post("/console/sign-in", data=form, headers={"sec-fetch-site": "same-origin"}).status_code == 303


def test_a_form_is_bounded(world: Consoled) -> None:
    browser = world.browser()
    answer = browser.post("/sign-in", {"name": "x" * 300_000})
    assert "EDX102" in answer.text
    assert "EDX439" in browser.post("/sign-in", {f"n{number}": "" for number in range(1500)}).text


def test_what_no_text_has_reaches_no_database(world: Consoled) -> None:
    browser = world.browser()
    pages = [
        browser.post("/sign-in", {"name": "a\0b"}),
        browser.get("/document?q=%00"),
        browser.get("/document/%00"),
        world.signed_in("clerk").client.post(
            "/console/clerk/write",
            content=b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\n\\ud800\r\n--x--\r\n",
            headers={"content-type": "multipart/form-data; boundary=x; charset=unicode_escape", "origin": world.url},
        ),
    ]
    assert [(page.status_code, "no text has" in page.text) for page in pages] == [(403, True)] * 4


@pytest.mark.parametrize(
    ("peer", "named", "address"),
    [
        ("192.0.2.9", "203.0.113.1", "192.0.2.9"),  # nobody's proxy: the header counts for nothing
        ("10.1.0.3", "203.0.113.1", "203.0.113.1"),
        ("10.1.0.3", "198.51.100.7, 203.0.113.1, 10.1.0.4", "203.0.113.1"),  # what the visitor wrote itself is before
        ("10.1.0.3", "2001:DB8::1", "2001:db8::1"),
        ("10.1.0.3", "", "10.1.0.3"),
        ("10.1.0.3", "unknown", "10.1.0.3"),
    ],
)
def test_behind_a_proxy_each_has_an_address(peer: str, named: str, address: str) -> None:
    headers = [(b"x-forwarded-for", named.encode())] if named else []
    request = Request({"type": "http", "headers": headers, "client": (peer, 1)})
    assert address_of(request, ("10.1.0.0/28",)) == address


def test_the_language_is_the_browser_s_until_one_is_chosen(world: Consoled) -> None:
    browser = world.browser(**{"accept-language": "vi-VN,vi;q=0.9"})
    assert '<html lang="vi">' in browser.get("/sign-in").text
    assert browser.get("/language/en?to=/sign-in").headers["location"] == "/console/sign-in"
    assert '<html lang="en">' in browser.get("/sign-in").text
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = browser.get("/language/vi", params={"to": elsewhere})
        assert answer.headers["location"].startswith("/console/")


def test_a_page_that_is_not_there_says_so(world: Consoled) -> None:
    answer = world.signed_in("operator").get("/<script>alert(1)</script>")
    assert answer.status_code == 404
    assert "EDX420" in answer.text
    assert "<script>alert" not in answer.text


def test_names_of_people_are_text(world: Consoled) -> None:
    browser = world.browser()
    browser.sign_in(world.person("evil", "operator", title='"><script>alert("Đỗ")</script>'))
    page = browser.get("/no-such-page").text
    assert "&lt;script&gt;alert(&#34;Đỗ&#34;)" in page
    assert "<script>alert" not in page
