"""The client in Python, against a gateway, both ways: what a maker of an e-office system writes in twenty lines."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from edxml_router.client import AsyncClient, Client, ProblemError, calls, flows
from edxml_router.client.flows import PROGRESS_BYTES, RESUMABLE_BYTES, OfficeFlows
from edxml_router.client.transfers import Download, EnvelopeUpload
from edxml_router.demo.letters import File
from edxml_router.demo.servers import free_port
from tests.gateway.test_guide import SEALS
from tests.gateway.test_serve import run
from tests.gateway.test_uploads import started
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
    monkeypatch.setattr(flows, "pause", lambda attempt, problem: 0.0)
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
    yield client._run(client._flows.events("", 1, 0))["cursor"]


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
    assert flows.dated("status", {"letter": "x", "code": "03"}).keys() == {"letter", "code", "at"}
    assert flows.dated("status", {"letter": "x", "code": "03", "at": "then"})["at"] == "then"
    assert "date" in flows.dated("letter", {})
    assert "date" not in flows.dated("update", {})  # it has the day of the letter


# --- large envelopes ---


class MeteredLine:
    """A line to the gateway that counts what is sent to it, and calls ``passing`` with the sum. Whoever dials while
    nobody is behind it is cut."""

    def __init__(self, port: int, passing: Callable[[int, MeteredLine], None]) -> None:
        self._behind, self._passing, self.sent = port, passing, 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._behind))
                except OSError:
                    near.close()
                    continue
                self._ends += [near, far]
                for source, target, counted in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pump, args=(source, target, counted), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                if counted:
                    self.sent += len(data)
                    self._passing(self.sent, self)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def cutting(*marks: int) -> Callable[[int, MeteredLine], None]:
    """Cut the line whenever so many bytes have passed."""
    left = list(marks)

    def passing(sent: int, line: MeteredLine) -> None:
        if left and sent >= left[0]:
            left.pop(0)
            line.cut()

    return passing


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flows, "pause", lambda attempt, problem: 0.01)


def large(world: World) -> bytes:
    data = world.letter(files=(File("ban-do.zip", 9_000_000),))
    assert len(data) > RESUMABLE_BYTES
    return data


def offsets_of(client: Client) -> list[int]:
    """Where each part begins that the client sends."""
    asked: list[int] = []

    def note(request: httpx.Request) -> None:
        if request.method == "PATCH":
            asked.append(int(request.headers["upload-offset"]))

    client._http.event_hooks["request"] = [note]
    return asked


@pytest.mark.usefixtures("quick")
def test_a_large_envelope_goes_on_where_the_line_was_cut(world: World, receiver: Client, tmp_path: Path) -> None:
    data = large(world)
    (tmp_path / "letter.edxml").write_bytes(data)
    line = MeteredLine(world.port, cutting(3_000_000, 6_000_000, 9_000_000))
    certificate = (world.pki / "client-vp.cert.pem", world.pki / "client-vp.key.pem")
    authorities = world.pki / "anchors.pem"
    with Client(line.url, certificate=certificate, authorities=authorities) as client:
        asked = offsets_of(client)
        told = client.submit(tmp_path / "letter.edxml")
    line.close()
    assert (told["accepted"], told["repeated"], told["digest"]) == (True, False, digest(data))
    # Once before each of the four attempts; once more where the node has not yet let go of the line that was cut.
    assert 4 <= len(asked) <= 7
    assert asked == sorted(asked)
    assert asked[-1] > 0
    world.work()
    [letter] = receiver.letters(forever=False)
    assert receiver.fetch(letter["letter"], tmp_path / "inbox").read_bytes() == data


@pytest.mark.usefixtures("quick")
def test_the_same_with_asyncio_and_bytes(world: World, receiver: Client) -> None:
    data = large(world)
    line = MeteredLine(world.port, cutting(2_000_000))

    async def submit() -> str:
        options = {"token": world.token("vp"), "authorities": world.pki / "anchors.pem", "tries": 3}
        async with AsyncClient(line.url, **options) as client:  # type: ignore[arg-type]
            return (await client.submit(data))["digest"]

    assert asyncio.run(submit()) == digest(data)
    line.close()
    assert line.sent < 2 * len(data)
    world.work()


@pytest.mark.usefixtures("quick")
def test_a_line_that_brings_nothing_is_given_up(world: World) -> None:
    data, dials = large(world), []

    def passing(sent: int, line: MeteredLine) -> None:
        if sent > 200_000:  # once it has begun, nothing goes through any more
            dials.append(sent)
            line.cut()

    line = MeteredLine(world.port, passing)
    with (
        Client(line.url, token=world.token("vp"), authorities=world.pki / "anchors.pem", tries=3) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.submit(data)
    line.close()
    assert len(dials) < 20


def test_the_gateway_is_killed_in_the_middle_of_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``kill -9``; the client waits until it is there again, and goes on."""
    world, port, log = World(tmp_path), free_port(), tmp_path / "serve.log"
    world.path.write_text(world.path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    data, killed = large(world), []

    def passing(sent: int, line: MeteredLine) -> None:
        if sent >= 6_000_000 and not killed:
            [*_, started_now] = [json.loads(one) for one in log.read_text().splitlines() if '"gateway.started"' in one]
            killed.append(started_now["process"])
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(flows, "pause", lambda attempt, problem: 0.2)
    serving, line = started(world, log), MeteredLine(port, passing)
    try:
        token = run(world, "token", "issue", "vp").strip()
        with Client(line.url, token=token, authorities=world.pki / "anchors.pem", tries=300) as client:
            asked = offsets_of(client)
            told = client.submit(data)
            assert (told["accepted"], told["digest"]) == (True, digest(data))
            assert len(killed) == 1
            assert (asked[0], asked[-1] > 0) == (0, True)
            assert client.submit(data)["repeated"] is True  # the same, from the beginning: not accepted twice
    finally:
        line.close()
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(120)


Answers = list[tuple[str, calls.GatewayAnswer]]


def walked(flow: calls.Flow[Any], answers: Answers) -> tuple[Any, list[calls.GatewayCall]]:
    """What a flow returns, and the calls that it makes, each of this method and answered so. Pauses are passed over."""
    made: list[calls.GatewayCall] = []
    step = next(flow)
    try:
        while True:
            if isinstance(step, calls.Pause):
                step = next(flow)
                continue
            method, answer = answers.pop(0)
            assert step.method == method
            made.append(step)
            step = flow.send(answer)
    except StopIteration as ended:
        return ended.value, made


BROKEN = calls.GatewayAnswer(0, error=httpx.ReadError("cut"))
BEGUN = calls.GatewayAnswer(201, {"location": "/v1/uploads/a"})
DONE = calls.GatewayAnswer(201, {}, b'{"accepted": true}')
BODY = bytes(RESUMABLE_BYTES)


def at(offset: int) -> calls.GatewayAnswer:
    return calls.GatewayAnswer(204, {"upload-offset": str(offset)})


def refused(status: int, code: str = "", weight: str = "permanent", **headers: str) -> calls.GatewayAnswer:
    return calls.GatewayAnswer(status, headers, f'{{"code": "{code}", "weight": "{weight}"}}'.encode() if code else b"")


@pytest.mark.parametrize(
    ("answers", "offsets"),
    [
        ([("POST", BEGUN), ("PATCH", DONE)], [0]),
        ([("POST", BROKEN), ("POST", BEGUN), ("PATCH", DONE)], [0]),
        ([("POST", BEGUN), ("PATCH", BROKEN), ("HEAD", at(7)), ("PATCH", DONE)], [0, 7]),
        ([("POST", BEGUN), ("PATCH", BROKEN), ("HEAD", at(len(BODY))), ("PATCH", DONE)], [0, len(BODY)]),
        ([("POST", BEGUN), ("PATCH", BROKEN), ("HEAD", BROKEN), ("HEAD", at(9)), ("PATCH", DONE)], [0, 9]),
        ([("POST", BEGUN), ("PATCH", BROKEN), ("HEAD", refused(404)), ("POST", BEGUN), ("PATCH", DONE)], [0, 0]),
        ([("POST", BEGUN), ("PATCH", refused(404, "EDX628")), ("POST", BEGUN), ("PATCH", DONE)], [0, 0]),
        ([("POST", BEGUN), ("PATCH", refused(400, "EDX419")), ("POST", BEGUN), ("PATCH", DONE)], [0, 0]),
        ([("POST", BEGUN), ("PATCH", refused(409, "EDX421", **{"upload-offset": "5"})), ("PATCH", DONE)], [0, 5]),
        ([("POST", BEGUN), ("PATCH", refused(503, "EDX602", "transient")), ("HEAD", at(len(BODY))), ("PATCH", DONE)],
         [0, len(BODY)]),
    ],
)  # fmt: skip
def test_what_follows_from_an_answer_to_an_upload(answers: Answers, offsets: list[int]) -> None:
    told, made = walked(OfficeFlows(3).submit(BODY), list(answers))
    assert told == {"accepted": True}
    parts = [call for call in made if call.method == "PATCH"]
    assert [call.offset for call in parts] == offsets
    assert [call.headers["content-length"] for call in parts] == [str(len(BODY) - offset) for offset in offsets]


def test_an_upload_is_refused_at_once_and_given_up_after_its_tries() -> None:
    with pytest.raises(ProblemError, match="EDX302"):
        walked(OfficeFlows(3).submit(BODY), [("POST", BEGUN), ("PATCH", refused(422, "EDX302"))])
    patched: Answers = [("PATCH", BROKEN), ("HEAD", at(PROGRESS_BYTES - 1))]
    with pytest.raises(httpx.ReadError):
        walked(OfficeFlows(3).submit(BODY), [("POST", BEGUN), *patched, *patched, ("PATCH", BROKEN)])
    far: Answers = [each for n in range(1, 8) for each in (("PATCH", BROKEN), ("HEAD", at(n * PROGRESS_BYTES)))]
    told, _ = walked(OfficeFlows(2).submit(BODY), [("POST", BEGUN), *far, ("PATCH", DONE)])  # a bad line, no dead one
    assert told


def test_what_was_damaged_on_its_way_is_sent_again() -> None:
    small = EnvelopeUpload.of(b"<edXML/>")
    answers: Answers = [("PUT", refused(400, "EDX419")), ("PUT", DONE)]
    told, made = walked(OfficeFlows(2).submit(small.envelope), answers)
    assert (told, len(made)) == ({"accepted": True}, 2)
