"""``edxml-router demo --axis``: whole journeys with the office that answers, and every trouble that can be planted, as
a maker's system meets them."""

from __future__ import annotations

import base64
import hashlib
import queue
import re
import shlex
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edxml_router.conformance.cases.table import CASES
from edxml_router.demo.axis import plans
from edxml_router.demo.axis.counterpart import JOURNEY, MANY, WRITINGS, CounterpartAct
from edxml_router.demo.axis.doors.damage import ADDED
from edxml_router.demo.axis.doors.door import SeenCall
from edxml_router.demo.axis.faults import FAULTS
from edxml_router.demo.axis.handout import PAGES, control_command, examination
from edxml_router.demo.axis.trial import Seen, TrialAxis
from edxml_router.demo.letters import Post
from edxml_router.resources import program
from tests.axis.sdk import SdkClient, SdkError
from tests.cli.conftest import call
from tests.contract.receiver import Receiver
from tests.scenarios.world import SECONDS, until

CUT = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

NUMBERS = iter(range(100, 10_000))
_TOLD: queue.SimpleQueue[Seen] = queue.SimpleQueue()


class Maker:
    """A maker's system at the test axis, as one office."""

    def __init__(self, axis: TrialAxis, office: str) -> None:
        self.axis, self.office = axis, axis.offices[office]
        self.seen: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        trusted = ssl.create_default_context(cafile=str(axis.folder / "ca.pem"))
        headers = {"authorization": f"Bearer {axis.tokens[office]}"}
        self.http = httpx.Client(base_url=self.office.url, verify=trusted, headers=headers, timeout=SECONDS)
        self.post = Post(axis.pki)

    def letter(self, to: str = "G22") -> bytes:
        return self.post.document(self.office.agency, [to], next(NUMBERS), "V/v thử nghiệm")

    def put(self, data: bytes) -> httpx.Response:
        return self.http.put(f"/v1/envelopes/{hashlib.sha256(data).hexdigest()}", content=data)

    def plant(self, name: str, **numbers: int) -> None:
        answer = self.http.post(f"/axis/faults/{name}", params=numbers)
        assert answer.status_code == 200, answer.text

    def letters(self, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> list[dict[str, Any]]:
        """So many letters as these, once they have come."""
        deadline, cursor, found = time.monotonic() + SECONDS, "", []
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} came"
            page = self.http.get("/v1/inbox", params={"cursor": cursor, "wait": 5}).json()
            found += [one for one in page["letters"] if wanted(one["envelope"])]
            cursor = page["cursor"]
        return found

    def written(self, kind: str) -> list[dict[str, Any]]:
        """What the office that answers writes on request, in the inbox."""
        answer = self.http.post(f"/axis/letters/{kind}")
        assert answer.status_code == 201, answer.text
        documents = answer.json()["documents"]
        return self.letters(lambda envelope: envelope["document_id"] in documents, len(documents))

    def heard(self, wanted: Callable[[Seen], bool]) -> Seen:
        """What the axis shows on its terminal."""
        while True:
            if wanted(seen := self.seen.get(timeout=SECONDS)):
                return seen


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def axis(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[TrialAxis]:
    with TrialAxis(Path(tmp_path_factory.mktemp("axis")), webhook=receiver.url, tell=_TOLD.put) as running:
        yield running


@pytest.fixture
def maker(axis: TrialAxis) -> Iterator[Maker]:
    made = Maker(axis, "van-thu")
    made.seen = _TOLD
    while not _TOLD.empty():
        _TOLD.get()
    yield made
    made.http.delete("/axis/faults")
    made.http.close()


def test_a_letter_is_confirmed_followed_by_statuses_and_answered(maker: Maker) -> None:
    told = maker.put(maker.letter()).json()
    about = told["document_id"]
    came = maker.letters(lambda envelope: about in envelope["refers_to"], len(JOURNEY))
    assert sorted(one["envelope"]["status_code"] for one in came) == sorted(JOURNEY)
    [answer] = maker.letters(lambda envelope: envelope["kind"] == "document" and envelope["sender"] == "G22")
    assert [hop["node"] for hop in answer["envelope"]["hops"]] == ["quoc-gia", "tay-ninh"]
    assert maker.http.get(f"/v1/inbox/{answer['letter']}/content").json()["attachments"]
    [sent] = [one for one in maker.http.get("/v1/sent").json()["letters"] if one["envelope"]["document_id"] == about]
    assert sent["states"] == {"confirmed": 1}
    assert maker.heard(lambda seen: isinstance(seen, CounterpartAct) and seen.act == "wrote")


def test_both_offices_of_the_maker_write_to_each_other(axis: TrialAxis, maker: Maker) -> None:
    other = Maker(axis, "bo-noi-vu")
    data = other.post.unsigned("G09", ["H53"], 7, "V/v chưa ký số")  # which this office may
    assert other.put(data).status_code == 201
    [letter] = maker.letters(lambda envelope: envelope["sender"] == "G09")
    assert letter["envelope"]["signature"]["indication"] == "absent"
    assert maker.http.get(f"/v1/inbox/{letter['letter']}").content == data
    refused = maker.put(maker.post.unsigned("H53", ["G09"], 8, "V/v chưa ký số"))
    assert refused.json()["code"] == "EDX301"
    shown = maker.heard(lambda seen: isinstance(seen, SeenCall) and seen.code != "")
    assert isinstance(shown, SeenCall)
    assert (shown.office, shown.method, shown.status, shown.code) == ("van-thu", "PUT", 403, "EDX301")


@pytest.mark.parametrize("kind", WRITINGS)
def test_the_office_that_answers_writes_on_request(maker: Maker, kind: str) -> None:
    came = maker.written(kind)
    last = came[-1]["envelope"]
    business = {"recall": 1, "update": 2, "replacement": 3}.get(kind, 0)
    assert (last["sender"], last["business"], last["urgent"]) == ("G22", business, kind == "urgent")
    assert len(came) == {"many": MANY}.get(kind, len(came))
    assert last["size"] > 10_000_000 or kind != "large"


# --- the folder ---


@pytest.mark.parametrize("page", PAGES.values())
def test_what_the_page_says_to_type_works(axis: TrialAxis, page: str) -> None:
    text = (axis.folder / page).read_text("utf-8")
    assert [name for name in FAULTS if f"| `{name}` |" not in text] == []
    assert set(WRITINGS) <= set(re.findall(r"[a-z]+", text))
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    assert control_command("GET", "") in commands
    done = subprocess.run(["bash", "-euxc", commands], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [word for word in ('"access_token"', '"tokenType"', '"count"') if word not in done.stdout] == []


def test_the_kit_examines_a_system_there(axis: TrialAxis) -> None:
    """Which does nothing here, so that its confirmation is missed."""
    [program_name, *typed] = shlex.split(examination(axis))
    assert program_name == "edxml-router"
    done = call(*typed, "--case", CASES[0].name, "--unattended", "--wait", "1s", "--json")
    assert done.exit_code in (1, 75), done.output
    assert CASES[0].name in done.stdout


def test_keys_are_the_accounts_alone(axis: TrialAxis) -> None:
    names = ("token", "secret", "env.sh")
    secret = [path for path in axis.folder.rglob("*") if path.name in names or ".key." in path.name]
    assert len(secret) > 10
    assert {oct(path.stat().st_mode & 0o077) for path in secret} == {"0o0"}


def test_a_system_logs_in_by_its_certificate(axis: TrialAxis, maker: Maker) -> None:
    assert by_certificate(axis).get("/v1/inbox").status_code == 200
    with pytest.raises(httpx.TransportError):  # of another authority
        by_certificate(axis, *self_signed(axis.folder)).get("/v1/inbox")


def by_certificate(axis: TrialAxis, certificate: str = "client.cert.pem", key: str = "client.key.pem") -> httpx.Client:
    trusted = ssl.create_default_context(cafile=str(axis.folder / "ca.pem"))
    trusted.load_cert_chain(axis.folder / "van-thu" / certificate, axis.folder / "van-thu" / key)
    return httpx.Client(base_url=axis.offices["van-thu"].url, verify=trusted, timeout=60)


def self_signed(folder: Path) -> tuple[str, str]:
    names = ("strange.cert.pem", "strange.key.pem")
    certificate, key = (str(folder / "van-thu" / name) for name in names)
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=client-van-thu", "-days", "1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    return names


# --- asking the axis ---


def test_only_who_has_the_token_plants(maker: Maker) -> None:
    wrong = {"authorization": f"Bearer {maker.axis.tokens['bo-noi-vu']}"}
    assert maker.http.post("/axis/faults/slow", headers=wrong).json()["code"] == "EDX415"
    assert maker.http.get("/axis", headers={"authorization": ""}).status_code == 401
    assert maker.http.get("/axis").json()["planted"] == []


def test_what_is_planted_is_told_and_taken_away(maker: Maker) -> None:
    maker.plant("slow", times=3, seconds=9)
    state = maker.http.get("/axis", headers={"accept-language": "vi"}).json()
    assert state["planted"] == [{"name": "slow", "times": 3, "seconds": 9}]
    assert [one["name"] for one in state["faults"]] == list(FAULTS)
    assert maker.http.delete("/axis/faults").status_code == 204
    assert maker.http.get("/axis").json()["planted"] == []


@pytest.mark.parametrize(
    ("method", "what", "code"),
    [
        ("POST", "faults/earthquake", "EDX606"),
        ("POST", "faults/slow?times=0", "EDX418"),
        ("POST", "faults/slow?seconds=many", "EDX418"),
        ("POST", "faults/slow?minutes=1", "EDX418"),
        ("POST", "letters/poem", "EDX606"),
        ("PUT", "faults", "EDX420"),
    ],
)
def test_what_cannot_be_done_is_a_problem(maker: Maker, method: str, what: str, code: str) -> None:
    assert maker.http.request(method, f"/axis/{what}").json()["code"] == code


# --- troubles ---


def test_busy(maker: Maker) -> None:
    maker.plant("busy", times=2, seconds=7)
    answers = [maker.http.get("/v1/sent") for _ in range(3)]
    assert [one.status_code for one in answers] == [503, 503, 200]
    assert (answers[0].headers["retry-after"], answers[0].json()["code"]) == ("7", "EDX626")


def test_slow(maker: Maker) -> None:
    maker.plant("slow", seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        maker.http.get("/v1/sent", timeout=0.3)
    assert maker.http.get("/v1/sent").status_code == 200


@pytest.mark.parametrize("name", ["cut-upload", "lost-answer"])
def test_a_line_that_is_cut_while_a_letter_is_handed_in(maker: Maker, name: str) -> None:
    data = maker.letter("G09")
    maker.plant(name)
    with pytest.raises(CUT):
        maker.put(data)
    told = maker.put(data)
    assert (told.status_code, told.json()["repeated"]) == ((200, True) if name == "lost-answer" else (201, False))


def test_damaged_upload(maker: Maker) -> None:
    data = maker.letter("G09")
    maker.plant("damaged-upload")
    assert maker.put(data).json()["code"] == "EDX419"
    assert maker.put(data).status_code == 201


def test_a_fetch_is_cut_and_goes_on(maker: Maker) -> None:
    letter = maker.written("letter")[0]["letter"]
    maker.plant("cut-fetch")
    here = b""
    with pytest.raises(CUT), maker.http.stream("GET", f"/v1/inbox/{letter}") as answer:
        for piece in answer.iter_raw(1):
            here += piece
    assert here
    rest = maker.http.get(f"/v1/inbox/{letter}", headers={"range": f"bytes={len(here)}-"})
    assert rest.status_code == 206
    assert hashlib.sha256(here + rest.content).hexdigest() == letter[:64]


def test_damaged_fetch(maker: Maker) -> None:
    letter = maker.written("letter")[0]["letter"]
    maker.plant("damaged-fetch")
    wrong, right = (maker.http.get(f"/v1/inbox/{letter}") for _ in range(2))
    assert wrong.status_code == 200
    assert len(wrong.content) == len(right.content)
    assert sum(one != other for one, other in zip(wrong.content, right.content, strict=True)) == 1
    assert hashlib.sha256(right.content).hexdigest() == letter[:64]


def test_broken_signature(maker: Maker, tmp_path: Path) -> None:
    letter = maker.written("letter")[0]["letter"]
    maker.plant("broken-signature")
    data, headers = (answer := maker.http.get(f"/v1/inbox/{letter}")).content, answer.headers
    assert ADDED in data
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert headers["repr-digest"] == f"sha-256=:{digest}:"
    (tmp_path / "letter.edxml").write_bytes(data)
    assert "EDX302" in call("check", tmp_path / "letter.edxml").stdout


def test_a_letter_with_a_broken_signature_in_the_way_of_the_sdk(maker: Maker, tmp_path: Path) -> None:
    letter = maker.written("letter")[0]["letter"]
    maker.plant("broken-signature")
    assert ADDED in sdk(maker).get(letter, tmp_path)
    assert ADDED not in sdk(maker).get(letter, tmp_path)


def test_duplicate(maker: Maker) -> None:
    letter = maker.written("letter")[0]["letter"]
    listed = [letter in maker.http.get("/v1/inbox", params={"limit": 500}).text]
    assert maker.http.post(f"/v1/inbox/{letter}/confirm").status_code == 200
    maker.plant("duplicate")
    listed += [letter in maker.http.get("/v1/inbox", params={"limit": 500}).text for _ in range(2)]
    assert listed == [True, True, False]
    assert maker.http.get(f"/v1/inbox/{letter}").status_code == 200  # who fetches it again gets the same


def test_expired_token(maker: Maker) -> None:
    maker.plant("expired-token")
    answers = [maker.http.get("/v1/sent") for _ in range(2)]
    assert [one.status_code for one in answers] == [401, 200]
    assert "expired" in answers[0].json()["detail"]


def test_revoked_certificate(axis: TrialAxis, maker: Maker) -> None:
    maker.plant("revoked-certificate")
    with by_certificate(axis) as client:
        answers = [client.get("/v1/sent") for _ in range(2)]
    assert [one.status_code for one in answers] == [401, 200]
    with by_certificate(axis, "revoked.cert.pem", "revoked.key.pem") as client:
        told = client.get("/v1/sent").json()
    assert (told["code"], told["detail"]) == ("EDX415", answers[0].json()["detail"])


def test_refusal(maker: Maker) -> None:
    maker.plant("refusal")
    about = maker.put(maker.letter()).json()["document_id"]
    came = maker.letters(lambda envelope: about in envelope["refers_to"], 2)
    assert sorted(one["envelope"]["status_code"] for one in came) == ["01", "02"]


def test_return(maker: Maker) -> None:
    maker.plant("return")
    assert ended(maker, maker.letter()) == ("returned", "EDX801")


def ended(maker: Maker, data: bytes) -> tuple[str, str]:
    """What becomes of a letter that is handed in, by its events."""
    cursor = maker.http.get("/v1/events").json()["cursor"]
    digest = maker.put(data).json()["digest"]
    deadline = time.monotonic() + SECONDS
    while True:
        assert time.monotonic() < deadline
        page = maker.http.get("/v1/events", params={"cursor": cursor, "wait": 5}).json()
        for event in page["events"]:
            if event["digest"] == digest and event["after"] in ("confirmed", "returned"):
                return event["after"], (event["problem"] or {}).get("code", "")
        cursor = page["cursor"]


def test_silence(maker: Maker) -> None:
    maker.plant("silence")
    told = maker.put(maker.letter()).json()
    maker.heard(lambda seen: isinstance(seen, CounterpartAct) and seen.act == "silent")
    assert ended(maker, maker.letter()) == ("confirmed", "")  # the next one
    listed = maker.http.get("/v1/sent").json()["letters"]
    [sent] = [one for one in listed if one["envelope"]["digest"] == told["digest"]]
    assert "confirmed" not in sent["states"]


def test_a_call_that_is_answered_500_comes_again(maker: Maker, receiver: Receiver) -> None:
    maker.plant("webhook-error")
    before = len(receiver.calls)
    maker.written("letter")
    failed = maker.heard(lambda seen: isinstance(seen, SeenCall) and seen.fault == "webhook-error")
    assert isinstance(failed, SeenCall)
    assert failed.status == 500
    until(lambda: len(receiver.calls) > before, "the call that comes again")


def test_a_call_comes_twice(maker: Maker, receiver: Receiver) -> None:
    before = len(receiver.calls)
    maker.plant("webhook-twice")
    maker.written("letter")
    maker.heard(lambda seen: isinstance(seen, SeenCall) and seen.fault == "webhook-twice")
    came = receiver.calls[before:]  # others may come before and after them
    assert any(came.count(one) > 1 for one in came), came


def sdk(maker: Maker) -> SdkClient:
    trusted = ssl.create_default_context(cafile=str(maker.axis.folder / "ca.pem"))
    office = maker.office
    return SdkClient("127.0.0.1", office.port, "/vxp", office.system_id, office.secret, trusted)


def test_clock_off(maker: Maker) -> None:
    assert sdk(maker).count("/countReceiveEdoc") >= 0
    maker.plant("clock-off", seconds=600)
    with pytest.raises((SdkError, KeyError)) as caught:
        sdk(maker).received()
    assert "EDX423" in str(caught.value)


def test_rate_limit(maker: Maker) -> None:
    maker.plant("rate-limit", seconds=600)
    answers = [maker.http.get("/v1/sent") for _ in range(3)]
    assert answers[-1].status_code == 429
    assert answers[-1].json()["code"] == "EDX417"
    assert int(answers[-1].headers["retry-after"]) > 0
    maker.plant("rate-limit", seconds=0)
    deadline = time.monotonic() + SECONDS
    # What the limit is, every answer says; asking in a loop for answers of 200 would itself keep the bucket empty.
    while f"q={plans.REQUESTS};" not in (told := maker.http.get("/v1/sent")).headers["ratelimit-policy"]:
        assert time.monotonic() < deadline
    if told.status_code == 429:
        time.sleep(int(told.headers["retry-after"]))
        told = maker.http.get("/v1/sent")
    assert told.status_code == 200


def test_crash(maker: Maker) -> None:
    data, accepted = maker.letter("G09"), maker.letter("G09")
    assert maker.put(accepted).status_code == 201
    maker.plant("crash")
    with pytest.raises(CUT):
        maker.put(data)
    deadline = time.monotonic() + SECONDS
    while True:
        assert time.monotonic() < deadline
        try:
            told = maker.put(data)
            break
        except CUT:
            time.sleep(0.1)
    assert told.status_code == 201
    assert maker.put(accepted).json()["repeated"] is True


def test_every_trouble_has_its_test_and_is_in_the_guides() -> None:
    text = Path(__file__).read_text("utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
    docs = Path(__file__).parents[2] / "docs"
    for guide in (docs / "guide-office.md", docs / "vi/guide-office.md"):
        assert [name for name in (*FAULTS, *WRITINGS) if f"`{name}`" not in guide.read_text("utf-8")] == []


def test_an_end_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """Neither a folder that was not named nor a process."""
    command = [*program(), "demo", "--axis"]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    log = tmp_path / "edxml-router-demo/nodes/tay-ninh/serve.log"
    until(log.exists, "the log of a node")
    running.terminate()  # as Ctrl-C, which a job in the background does not hear
    assert running.wait(SECONDS) == 143
    assert list(tmp_path.iterdir()) == []
