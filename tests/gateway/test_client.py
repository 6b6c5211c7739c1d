"""The client in Python, against a gateway, both ways: what a maker of an e-office system writes in twenty lines."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from edxml_router.client import AsyncClient, Client, ProblemError, calls
from edxml_router.client.calls import Download
from tests.gateway.test_guide import SEALS
from tests.gateway.world import World, digest


def office(world: World, name: str, **options: object) -> Client:
    certificate = (world.pki / f"client-{name}.cert.pem", world.pki / f"client-{name}.key.pem")
    made = Client(world.url, certificate=certificate, authorities=world.pki / "anchors.pem", **options)  # type: ignore[arg-type]
    return world.stack.enter_context(made)


@pytest.fixture
def sender(world: World) -> Client:
    return office(world, "vp")


@pytest.fixture
def receiver(world: World) -> Iterator[Client]:
    made = office(world, "so")
    yield made
    for letter in made.letters(forever=False):  # the next test begins with an empty inbox
        made.confirm(letter["letter"])


def test_a_letter_goes_from_office_to_office(world: World, sender: Client, receiver: Client, tmp_path: Path) -> None:
    path = tmp_path / "letter.edxml"
    path.write_bytes(world.letter())
    answer = sender.submit(path)
    assert (answer["accepted"], answer["repeated"]) == (True, False)
    assert sender.submit(path.read_bytes())["repeated"] is True
    world.work()
    [letter] = receiver.letters(forever=False)
    assert receiver.content(letter["letter"])["document_id"] == answer["document_id"]
    fetched = receiver.fetch(letter["letter"], tmp_path / "inbox")
    assert fetched.read_bytes() == path.read_bytes()
    assert list((tmp_path / "inbox").iterdir()) == [fetched]
    assert receiver.confirm(letter["letter"])["problem"] is None
    assert list(receiver.letters(forever=False)) == []


def test_a_problem_says_what_whose_turn_and_whether_it_passes(sender: Client) -> None:
    with pytest.raises(ProblemError) as caught:
        sender.submit(b"<edXML/>")
    assert caught.value.code.startswith("EDX")
    assert not caught.value.passing
    assert caught.value.remedy == caught.value.document["remedy_vi"]
    with pytest.raises(ProblemError, match="EDX606"):
        sender.confirm(f"{'0' * 64}.H53")


def test_a_proxy_that_answers_is_told_from_the_node() -> None:
    error = ProblemError.of(502, b"<html>Bad gateway</html>", "7")
    assert (error.code, error.passing, error.retry_after, str(error)) == ("", True, 7.0, "HTTP 502")
    assert not ProblemError.of(403, b"[]", None).passing


def test_letters_are_heard_of_while_one_waits(world: World, sender: Client, receiver: Client) -> None:
    heard: list[str] = []

    def listen() -> None:
        heard.append(next(receiver.letters(wait=30))["envelope"]["digest"])

    listener = threading.Thread(target=listen)
    listener.start()
    while not world.desk.readers.count:
        threading.Event().wait(0.005)
    digest = sender.submit(world.letter())["digest"]
    world.work()
    listener.join(60)
    assert heard == [digest]


def test_a_download_goes_on_where_it_broke_off(
    world: World, sender: Client, receiver: Client, tmp_path: Path
) -> None:
    data = world.letter(files=())
    sender.submit(data)
    world.work()
    [letter] = [one["letter"] for one in receiver.letters(forever=False)]
    broken = Download(letter, tmp_path)
    broken.begin(200)
    broken.write(data[:1000])
    asked: list[str] = []
    receiver._http.event_hooks["request"] = [lambda request: asked.append(request.headers.get("range", ""))]
    assert receiver.fetch(letter, tmp_path).read_bytes() == data
    assert asked == ["bytes=1000-"]
    whole = Download(letter, tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    whole.write(data)  # and was not given its name
    assert receiver.fetch(letter, tmp_path / "whole").read_bytes() == data


def test_what_is_not_the_letter_never_gets_its_name(
    world: World, sender: Client, receiver: Client, tmp_path: Path
) -> None:
    data = world.letter()
    sender.submit(data)
    world.work()
    [letter] = [one["letter"] for one in receiver.letters(forever=False)]
    Download(letter, tmp_path).write(b"another")
    with pytest.raises(ValueError, match="not the letter"):
        receiver.fetch(letter, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert receiver.fetch(letter, tmp_path).read_bytes() == data


def test_passing_trouble_is_waited_out_and_not_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = office(world, "vp", tries=3)
    monkeypatch.setattr(calls, "pause", lambda attempt, problem: 0.0)
    empty = {"letters": [], "cursor": "", "more": False}
    answers = [httpx.Response(503, headers={"retry-after": "1"}), httpx.Response(200, json=empty)]
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if len(seen) == 1:
            raise httpx.ConnectError("nobody listens")
        return answers.pop(0)

    client._http._transport = httpx.MockTransport(answer)
    client._http._mounts = {}
    assert client.inbox()["letters"] == []
    assert len(seen) == 3
    client._http._transport = httpx.MockTransport(lambda request: httpx.Response(503, json={"weight": "transient"}))
    with pytest.raises(ProblemError):
        client.inbox()


def test_whoever_only_connects_loads_nothing_of_a_node() -> None:
    code = "import sys, edxml_router.client; print([m for m in sys.modules if m.startswith('edxml_router.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.split(".")[1] for name in ast.literal_eval(loaded)} == {"client"}


def test_pauses_grow_and_keep_to_what_was_asked() -> None:
    assert [calls.pause(attempt, None) <= 0.5 * 2 ** (attempt - 1) for attempt in (1, 2, 3)] == [True] * 3
    assert calls.pause(1, ProblemError(503, {}, 60.0)) == 60.0
    assert calls.pause(50, None) <= 30.0


def test_the_same_with_asyncio(world: World, sender: Client, receiver: Client, tmp_path: Path) -> None:
    data = world.letter()
    (tmp_path / "letter.edxml").write_bytes(data)

    async def exchange() -> Path:
        authorities = world.pki / "anchors.pem"
        async with (
            AsyncClient(world.url, token=world.token("vp"), authorities=authorities) as one,
            AsyncClient(world.url, token=world.token("so"), authorities=authorities) as other,
        ):
            told = await one.submit(tmp_path / "letter.edxml")
            await asyncio.to_thread(world.work)
            async for letter in other.letters():
                assert letter["envelope"]["digest"] == told["digest"]
                fetched = await other.fetch(letter["letter"], tmp_path / "inbox")
                answers = await other.confirm_all([letter["letter"]])
                assert answers["letters"][0]["done"] is True
                break
            found = await one.agencies("tỉnh", limit=3)
            assert found["agencies"]
            assert (await one.agency("H53"))["code"] == "H53"
            with pytest.raises(ProblemError, match="EDX606"):
                await other.send_back(letter["letter"][:64] + ".H53", "khác")
            return fetched

    assert asyncio.run(exchange()).read_bytes() == data
    assert list(receiver.letters(forever=False)) == []
    assert digest(data)


def test_events_tell_what_becomes_of_a_letter(world: World, sender: Client, receiver: Client) -> None:
    begin = next(iter(_cursor(sender)))
    sent = sender.submit(world.letter())["digest"]
    world.work()
    told = [event for event in sender.events(begin, forever=False) if event["digest"] == sent]
    assert {event["side"] for event in told} == {"sent"}
    assert told[-1]["after"] == "available"


def _cursor(client: Client) -> Iterator[str]:
    page: dict[str, str] = client._json(calls.events("", 1, 0))
    yield page["cursor"]


def test_a_letter_and_its_status_are_written_from_plain_values(tmp_path: Path) -> None:
    (tmp_path / "cong-van.pdf").write_bytes(b"%PDF-1.7\n")
    draft: dict[str, object] = {"recipients": ["H01.151"], "number": "126", "notation": "UBND-VP"}
    draft |= {"signer": {"name": "Nguyễn Văn Mẫu"}, "subject": "V/v nối hệ thống"}
    draft |= {"attachments": [{"file": "cong-van.pdf"}]}
    with World(tmp_path, rest=SEALS) as world:
        one, other = office(world, "vp"), office(world, "so")
        [told] = one.write("letter", draft, [tmp_path / "cong-van.pdf"])["messages"]
        assert told["submission"]["accepted"] is True
        world.work()
        [came] = other.letters(forever=False)
        assert other.content(came["letter"])["attachments"][0]["name"] == "cong-van.pdf"
        [sent] = one.sent()["letters"]
        assert (sent["envelope"]["digest"], sent["states"]) == (told["submission"]["digest"], {"available": 1})
        with pytest.raises(ProblemError, match=r"EDX431.*/code") as caught:
            other.write("status", {"letter": came["letter"], "code": "99"})
        assert caught.value.document["problems"]

        async def update() -> int:
            certificate = (world.pki / "client-vp.cert.pem", world.pki / "client-vp.key.pem")
            async with AsyncClient(
                world.url, certificate=certificate, authorities=world.pki / "anchors.pem", tries=1
            ) as client:
                order = {"document": told["submission"]["document_id"], "reason": "sửa", "subject": "V/v nối hệ thống"}
                return len((await client.write("update", order, []))["messages"])

        assert asyncio.run(update()) == 1


def test_a_draft_that_is_repeated_is_the_same() -> None:
    first = calls.write("status", {"letter": "x", "code": "03"}, [])
    assert first.json.keys() == {"letter", "code", "at"}
    assert calls.write("status", {"letter": "x", "code": "03", "at": "then"}, []).json["at"] == "then"
    assert "date" in calls.write("letter", {}, []).json
    assert "date" not in calls.write("update", {}, []).json  # it has the day of the letter
