"""The pages of rules and people, and four eyes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.services.people import accounts as people
from edxml_router.services.people import approvals, passwords
from edxml_router.services.people.accounts import NewPerson
from edxml_router.services.people.roles import Person
from edxml_router.store.people import accounts as rows
from edxml_router.store.people import approvals as table
from tests.console.browsing import PASSWORD, Browser, Consoled


@pytest.fixture
def administrator(world: Consoled) -> Browser:
    name = world.person("chi-huy", "administrator")
    browser = world.browser()
    world.enrol(name, "")
    browser.sign_in(name)
    world.enrol(name)
    return browser


def test_an_administrator_makes_an_account_and_changes_it(world: Consoled, administrator: Browser) -> None:
    evil = 'Đỗ <img src=x onerror=alert(1)> "Hoa"'
    page = administrator.post("/people/add", {"name": "hoa", "title": evil, "role": ["clerk"], "office": "vp"})
    [first] = re.findall(r'class="note id">([^<]+)<', page.text)
    listed = administrator.get("/people").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in listed
    assert "<img" not in listed
    assert first not in listed
    assert world.browser().sign_in("hoa", first).status_code == 303
    given = {"name": "hoa", "act": "roles", "role": ["operator", "manager"], "office": ""}
    assert administrator.post("/people/act", given).status_code == 303
    assert people.account_of(world.worker.ledger, "hoa").roles == ("operator", "manager")
    for act, standing in (("lock", "disabled"), ("unlock", "active"), ("end", "active"), ("take", "active")):
        assert administrator.post("/people/act", {"name": "hoa", "act": act}).status_code == 303
        assert people.standing(people.account_of(world.worker.ledger, "hoa"), world.worker.ledger) == standing
    assert administrator.post("/people/act", {"name": "hoa", "act": "sing"}).status_code == 403
    actors = {line.entry.actor for line in world.journal("person.roles") if line.entry.recipient == "person:hoa"}
    assert actors == {"person:chi-huy"}


def test_what_cannot_be_is_said_on_the_page(administrator: Browser) -> None:
    assert "a role is one of" in administrator.post("/people/add", {"name": "x1", "title": ""}).text
    assert "EDX606" in administrator.post("/people/act", {"name": "nobody", "act": "lock"}).text


def test_nobody_gives_themselves_rights(administrator: Browser) -> None:
    roles = {"act": "roles", "role": ["operator", "administrator"]}
    for form in ({"act": "lock"}, {"act": "password"}, {"act": "take"}, roles):
        assert "EDX438" in administrator.post("/people/act", {"name": "chi-huy", **form}).text


def test_a_session_is_ended_from_the_list(world: Consoled, administrator: Browser) -> None:
    other = world.signed_in("manager", name="xa-nha")
    page = administrator.get("/people").text
    digests = re.findall(r'name="session" value="([0-9a-f]{64})" aria-label="End: xa-nha"', page)
    assert administrator.post("/people/revoke", {"session": digests[0]}).status_code == 303
    assert other.get("/").headers["location"].startswith("/console/sign-in")


def test_settings_are_shown_with_their_origin(world: Consoled) -> None:
    page = world.signed_in("auditor", name="soi").get("/people/settings").text
    assert re.search(r"gateway\.listen</th><td[^>]*>127\.0\.0\.1:0</td><td>the file", page)
    assert re.search(r"console\.idle_time</th><td[^>]*>15m</td><td>default", page)


def test_an_auditor_looks_and_has_no_buttons(world: Consoled) -> None:
    page = world.signed_in("auditor", name="soi").get("/people").text
    assert "soi" in page
    assert "/people/act" not in page


def test_a_second_person_approves_exactly_that_and_once(world: Consoled) -> None:
    ledger, settings = world.worker.ledger, world.settings()
    lan, minh = Person("lan", frozenset({"operator"})), Person("minh", frozenset({"operator"}))
    look = Person("soi", frozenset({"auditor"}))
    digest = approvals.selection_digest([3, 1, 2])
    assert digest == approvals.selection_digest([1, 2, 3]) != approvals.selection_digest([1, 2])
    assert approvals.selection_digest(["2\nno", 1]) != approvals.selection_digest([1, 2, "no"])
    assert approvals.approved(ledger, settings, lan, "cancel", digest, "") == ""  # not asked for
    assert approvals.approved(ledger, settings, lan, "redrive", digest, "3 deliveries") is None
    assert approvals.approved(ledger, settings, lan, "redrive", digest, "3 deliveries") is None
    asked = [row for row in approvals.questions(ledger) if row.digest == digest]
    assert len(asked) == 1  # asking again asks nothing new
    for who in (lan, look):
        with pytest.raises(Refusal, match="EDX438"):
            approvals.decide_question(ledger, who, asked[0].id, yes=True)
    approvals.decide_question(ledger, minh, asked[0].id, yes=True)
    with pytest.raises(Refusal, match="EDX606"):
        approvals.decide_question(ledger, minh, asked[0].id, yes=False)
    other = approvals.selection_digest([1, 2, 3, 4])
    assert approvals.approved(ledger, settings, lan, "redrive", other, "4 deliveries") is None
    assert approvals.approved(ledger, settings, minh, "redrive", digest, "") is None  # it was lan's
    assert approvals.approved(ledger, settings, lan, "redrive", digest, "") == "minh"
    assert approvals.approved(ledger, settings, lan, "redrive", digest, "") is None  # it counted once
    events = [line.entry.event for line in world.journal("approval.")]
    assert {"approval.asked", "approval.approved", "approval.used"} <= set(events)


def test_an_approval_runs_out_and_questions_are_bounded(world: Consoled) -> None:
    ledger, settings = world.worker.ledger, world.settings()
    nam, minh = Person("nam", frozenset({"operator"})), Person("minh", frozenset({"operator"}))
    for number in range(20):
        approvals.approved(ledger, settings, nam, "redrive", approvals.selection_digest([number]), "")
    with pytest.raises(Refusal, match="EDX440"):
        approvals.approved(ledger, settings, nam, "redrive", approvals.selection_digest(["more"]), "")
    [row, *_] = [row for row in approvals.questions(ledger) if row.asked_by == "nam"]
    approvals.decide_question(ledger, minh, row.id, yes=True)
    with ledger.book() as book:
        past = ledger.clock.now() - timedelta(seconds=1)
        book.connection.execute(table.approvals.update().where(table.approvals.c.id == row.id).values(expires_at=past))
    assert approvals.approved(ledger, settings, nam, "redrive", row.digest, "") is None


def test_one_administrator_with_two_accounts_is_no_second_person(world: Consoled) -> None:
    ledger, settings = world.worker.ledger, world.settings()
    for name in ("mot", "hai"):
        people.add_person(ledger, settings, NewPerson(name, ("operator",)), PASSWORD, "person:sep")
    one, two, chief, other = (
        Person(name, frozenset({role}))
        for name, role in (("mot", "operator"), ("hai", "operator"), ("sep", "administrator"), ("xa-la", "operator"))
    )
    digest = approvals.selection_digest(["both"])
    assert approvals.approved(ledger, settings, one, "redrive", digest, "both") is None
    [number] = [row.id for row in approvals.questions(ledger) if row.digest == digest]
    for decider in (two, chief):
        with pytest.raises(Refusal, match=r"EDX438.*in hand"):
            approvals.decide_question(ledger, decider, number, yes=True)
    with pytest.MonkeyPatch.context() as patched:  # a day later whoever reads the journal has seen it
        patched.setattr(approvals, "APART", timedelta(0))
        later = approvals.selection_digest(["later"])
        assert approvals.approved(ledger, settings, one, "redrive", later, "later") is None
        [late] = [row.id for row in approvals.questions(ledger) if row.digest == later]
        approvals.decide_question(ledger, two, late, yes=True)
    approvals.decide_question(ledger, other, number, yes=True)
    assert approvals.approved(ledger, settings, one, "redrive", digest, "both") == "xa-la"


def test_a_password_that_is_replaced_while_it_is_tried_is_wrong(world: Consoled) -> None:
    name, plain = world.person("dang-thu", "operator"), passwords.is_password

    def replaced(hashed: str, given: str) -> bool:
        right = plain(hashed, given)
        with world.worker.ledger.book() as book:
            rows.alter(book.connection, name, {"password": passwords.hashed_password("another")})
        return right

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("edxml_router.services.people.signing_in.passwords.is_password", replaced)
        assert world.browser().sign_in(name).status_code == 401


def test_questions_are_decided_on_their_page(world: Consoled) -> None:
    ledger, settings = world.worker.ledger, world.settings()
    asker = Person("bac", frozenset({"operator"}))
    digest = approvals.selection_digest(["page"])
    approvals.approved(ledger, settings, asker, "redrive", digest, "<b>1</b> delivery")
    browser = world.signed_in("operator", name="nhi")
    page = browser.get("/approvals").text
    assert "&lt;b&gt;1&lt;/b&gt; delivery" in page
    [row, *_] = [row for row in approvals.questions(ledger) if row.asked_by == "bac"]
    assert browser.post("/approvals", {"number": str(row.id), "decision": "approved"}).status_code == 303
    assert approvals.approved(ledger, settings, asker, "redrive", digest, "") == "nhi"
