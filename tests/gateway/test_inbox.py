"""What lies ready is listed with a cursor, waited for, fetched, read and confirmed over HTTP."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.demo.letters import File
from edxml_router.store.bodies.table import bodies
from tests.gateway.world import World, digest, problem


def arrived(world: World, **options: Any) -> tuple[str, bytes]:
    """The name of a letter that lies ready for ``so``, and its bytes."""
    data = world.letter(**options)
    world.hand_in(data)
    world.work()
    return f"{digest(data)}.H01.151", data


def listed(client: httpx.Client, cursor: str = "", **query: Any) -> tuple[list[str], str]:
    page = client.get("/v1/inbox", params={"cursor": cursor, **query})
    assert page.status_code == 200, page.text
    return [one["letter"] for one in page.json()["letters"]], page.json()["cursor"]


def waiting(world: World, count: int = 1) -> None:
    """Until so many requests wait at the desk."""
    while world.desk.readers.count < count:
        threading.Event().wait(0.005)


def test_the_inbox_is_listed_in_pages_and_followed_with_a_cursor(world: World) -> None:
    client = world.client("so")
    names = [arrived(world)[0] for _ in range(3)]
    first, cursor = listed(client, limit=2)
    rest, cursor = listed(client, cursor, limit=100)
    assert {*first, *rest} >= set(names)
    assert not set(first) & set(rest)
    assert listed(client, cursor)[0] == []
    name, _ = arrived(world)
    assert listed(client, cursor)[0] == [name]
    assert listed(client, cursor)[0] == [name]  # a cursor is no state of the node's


def test_a_damaged_letter_that_is_asked_for_is_in_the_log(world: World) -> None:
    name, data = arrived(world)
    with world.worker.ledger.book() as book:
        book.connection.execute(update(bodies).where(bodies.c.digest == digest(data)).values(data=b"!" + data[1:]))
    with capture_logs() as lines:
        for path in (f"/v1/inbox/{name}", f"/v1/inbox/{name}/content"):
            assert problem(world.client("so").get(path)) == "EDX603"
        assert problem(world.client("so").get(f"/v1/inbox/{'0' * 64}.H01.151")) == "EDX606"
    told = [line for line in lines if line["event"] == "body.damaged"]
    assert [(line["log_level"], line["code"], digest(data) in line["where"]) for line in told] == [
        ("error", "EDX603", True)
    ] * 2
    assert len(world.journal("body.damaged")) == 1


def test_what_comes_while_the_inbox_is_listed_is_not_missed(world: World) -> None:
    client = world.client("so")
    before = [arrived(world)[0] for _ in range(2)]
    first, cursor = listed(client, limit=1)
    late, _ = arrived(world)
    seen = set(first)
    for _ in range(100):
        page, following = listed(client, cursor, limit=1)
        seen |= set(page)
        if following == cursor:
            break
        cursor = following
    assert seen >= {*before, late}


def test_a_letter_that_becomes_available_late_is_not_hidden_behind_a_higher_number(world: World) -> None:
    held = world.letter()
    world.hand_in(held)  # accepted first, and so of the lower number
    [delivery] = world.worker.ledger.views.list_deliveries(digest=digest(held))
    with world.worker.ledger.book() as book:
        book.deliveries.move([change(delivery, Event.HOLD)])
    arrived(world)
    client = world.client("so")
    cursor = ""
    while True:
        _, following = listed(client, cursor, limit=500)
        if following == cursor:
            break
        cursor = following
    [delivery] = world.worker.ledger.views.list_deliveries(digest=digest(held))
    with world.worker.ledger.book() as book:
        book.deliveries.move([change(delivery, Event.RELEASE, due_at=world.worker.now())])
    world.work()
    assert listed(client, cursor)[0] == [f"{digest(held)}.H01.151"]


@pytest.mark.parametrize("cursor", ["other-5", "other-5-3"])
def test_a_cursor_of_before_a_restore_begins_anew(world: World, cursor: str) -> None:
    name, _ = arrived(world)
    assert name in listed(world.client("so"), cursor, limit=500)[0]


def test_what_is_no_cursor_is_said_to_be_none(world: World) -> None:
    answer = world.client("so").get("/v1/inbox", params={"cursor": "; drop"})
    assert (answer.status_code, problem(answer)) == (400, "EDX418")


def test_who_waits_hears_of_mail_at_the_commit(world: World) -> None:
    client = world.client("so")
    cursor = ""
    while True:
        _, following = listed(client, cursor, limit=500)
        if following == cursor:
            break
        cursor = following
    with ThreadPoolExecutor(4) as pool:
        polls = [pool.submit(listed, world.client("so"), cursor, wait=50) for _ in range(3)]
        waiting(world, 3)
        other = pool.submit(world.client("vp").get, "/v1/inbox", params={"cursor": cursor, "wait": 1})
        name, _ = arrived(world)
        assert [poll.result(50)[0] for poll in polls] == [[name]] * 3
        assert other.result(50).json()["letters"] == []  # nobody hears of another's mail


def test_who_waits_in_vain_is_answered_with_nothing(world: World) -> None:
    answer = world.client("vp").get("/v1/inbox", params={"wait": 1, "cursor": listed(world.client("vp"))[1]})
    assert answer.json()["letters"] == []


def test_a_letter_is_fetched_as_it_was_sent(world: World) -> None:
    name, data = arrived(world)
    client = world.client("so")
    answer = client.get(f"/v1/inbox/{name}")
    assert answer.content == data
    assert answer.headers["etag"] == f'"sha-256:{digest(data)}"'
    assert answer.headers["repr-digest"].startswith("sha-256=:")
    head = client.head(f"/v1/inbox/{name}")
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(data))
    known = client.get(f"/v1/inbox/{name}", headers={"if-none-match": answer.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert len([one for one in world.journal("delivery.fetched") if one.entry.envelope == digest(data)]) == 1


@pytest.mark.parametrize(
    ("asked", "start", "stop"), [("bytes=10-19", 10, 20), ("bytes=100-", 100, None), ("bytes=-7", -7, None)]
)
def test_a_part_of_a_letter_is_fetched(world: World, asked: str, start: int, stop: int | None) -> None:
    name, data = arrived(world)
    answer = world.client("so").get(f"/v1/inbox/{name}", headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == data[start:stop]
    assert answer.headers["content-range"].endswith(f"/{len(data)}")


def test_ranges_that_are_none_or_not_meant_for_this(world: World) -> None:
    name, data = arrived(world)
    client = world.client("so")
    beyond = client.get(f"/v1/inbox/{name}", headers={"range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    for headers in ({"range": "bytes=5-2"}, {"range": "bytes=0-1,4-5"}, {"range": "lines=1-2"},
                    {"range": "bytes=0-1", "if-range": '"other"'}):  # fmt: skip
        answer = client.get(f"/v1/inbox/{name}", headers=headers)
        assert (answer.status_code, answer.content) == (200, data)


def test_nobody_fetches_or_confirms_what_is_anothers(world: World) -> None:
    name, _ = arrived(world)
    client = world.client("vp")
    for answer in (
        client.get(f"/v1/inbox/{name}"),
        client.get(f"/v1/inbox/{name}", headers={"if-none-match": "*"}),
        client.get(f"/v1/inbox/{name}/content"),
        client.post(f"/v1/inbox/{name}/confirm"),
    ):
        assert (answer.status_code, problem(answer)) == (404, "EDX606")
    assert client.head(f"/v1/inbox/{name}").status_code == 404


def test_a_letter_is_confirmed_and_leaves_the_inbox(world: World) -> None:
    name, _ = arrived(world)
    client = world.client("so")
    for _ in range(2):  # twice is no mistake
        assert client.post(f"/v1/inbox/{name}/confirm").json() == {"letter": name, "done": True, "problem": None}
    assert name not in listed(client, limit=500)[0]


def test_several_letters_are_confirmed_at_once_whatever_is_wrong_with_one(world: World) -> None:
    names = [arrived(world)[0] for _ in range(2)]
    answer = world.client("so").post("/v1/inbox/confirm", json={"letters": [names[0], "nothing", names[1]]})
    assert [one["done"] for one in answer.json()["letters"]] == [True, False, True]


def test_a_letter_is_returned_with_a_reason(world: World) -> None:
    name, _ = arrived(world)
    client = world.client("so")
    assert problem(client.post(f"/v1/inbox/{name}/return", json={})) == "EDX418"
    assert problem(client.post(f"/v1/inbox/{name}/return", content=b'{"reason": "' + b"x" * 400_000)) == "EDX418"
    answer = client.post(f"/v1/inbox/{name}/return", json={"reason": "Không thuộc thẩm quyền"})
    assert answer.json()["done"] is True
    again = client.post(f"/v1/inbox/{name}/confirm")
    assert (again.status_code, problem(again)) == (409, "EDX607")  # it has said that it did not take it


@pytest.mark.parametrize("size", [20_000, 4_000_000])  # parsed whole; with its attachments left where they are
def test_a_letter_is_read_without_knowing_edxml(world: World, size: int) -> None:
    files = [File("cong-van.pdf", size), File("phu-luc.zip", 700)]
    name, _ = arrived(world, files=files)
    client = world.client("so")
    told = client.get(f"/v1/inbox/{name}/content").json()
    assert told["subject"] == "V/v thử nghiệm kết nối"
    assert told["sender"]["code"] == "H53"
    assert [one["name"] for one in told["attachments"]] == ["cong-van.pdf", "phu-luc.zip"]
    for number, file in enumerate(files, 1):
        answer = client.get(f"/v1/inbox/{name}/attachments/{number}")
        assert answer.content == file.content
        assert told["attachments"][number - 1]["digest"] == hashlib.sha256(file.content).hexdigest()
        assert answer.headers["content-type"] == "application/octet-stream"
    assert problem(client.get(f"/v1/inbox/{name}/attachments/3")) == "EDX606"


def test_agencies_are_found_without_diacritics_and_by_any_form_of_their_code(world: World) -> None:
    client = world.client("so")
    found = client.get("/v1/agencies", params={"q": "uy ban nhan dan tinh tay ninh", "limit": 5}).json()
    assert "H53" in [one["code"] for one in found["agencies"]]
    assert client.get("/v1/agencies/000.00.00.H53").json()["code"] == "H53"
    answer = client.get("/v1/agencies/H53..1")
    assert (answer.status_code, problem(answer)) == (422, "EDX503")
