"""An e-office that was built on the national axis's SDK works here, over TLS and without, quirks and all."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router.demo.letters import File
from tests import fixtures
from tests.axis.sdk import VIETNAM, SdkClient, SdkError
from tests.axis.world import SECRETS, AxisWorld


@pytest.fixture(scope="module", params=["tls", "plain"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AxisWorld]:
    with AxisWorld(Path(tmp_path_factory.mktemp("axis")), plain=request.param == "plain") as running:
        yield running


def _send(world: AxisWorld, data: bytes | None = None, office: str = "vp", **headers: str) -> str:
    """The transfer's id, once the letter lies in the recipient's inbox."""
    answer = world.sdk(office).send(data or world.letter(), messagetype="edoc", servicetype="eDoc", **headers)
    assert (answer["status"], answer["ErrorCode"]) == ("OK", "0"), answer
    world.work()
    return str(answer["DocId"])


def _one(rows: list[dict[str, str]], digest: str) -> dict[str, str]:
    [found] = [row for row in rows if row.get("docId", row.get("receiverDocId", "")).startswith(digest)]
    return found


def test_a_document_and_the_statuses_about_it_go_between_two_systems(world: AxisWorld, tmp_path: Path) -> None:
    data = world.letter()
    before = world.sdk("so").count("/countReceiveEdoc")
    digest = _send(world, data, **{"from": "000.00.00.H53", "to": '["H01.151"]'})
    office = world.sdk("so")  # one client object for the whole round, which keeps what it sent
    assert office.count("/countReceiveEdoc") == before + 1
    row = _one(office.received(messagetype="edoc"), digest)
    assert row["docId"] == f"{digest}.H01.151"
    assert (row["from"], row["to"], row["status"], row["messageType"]) == ("H53", "H01.151", "initial", "edoc")
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert office.get(row["docId"], tmp_path) == data
    assert _one(office.received(messagetype="edoc"), digest)["status"] == "processing"
    assert office.download(row["docId"]) == data
    assert office.update(row["docId"], "done", description="da vao so")["status"] == "OK"
    row = _one(office.received(messagetype="edoc"), digest)
    assert (row["status"], row["status_desc"]) == ("done", "da vao so")
    assert office.count("/countReceiveEdoc") == before

    told = _one(world.sdk("vp").sent(messagetype="edoc"), digest)
    assert (told["sendStatus"], told["receiveStatus"], told["receiveStatusDesc"]) == ("done", "done", "da vao so")
    assert (told["senderDocId"], told["fromCode"], told["toCode"]) == (digest, "000.00.00.H53", "H01.151")
    assert told["title"] == "V/v thử nghiệm kết nối"
    assert told["receivedTime"] >= told["sentTime"]

    for code in ("01", "03", "06"):
        status = fixtures.status(
            sender="H01.151", response=fixtures.response_for("H53"), code=code, description="trạng thái"
        )
        assert office.send(status, messagetype="status", to='["000.00.00.H53"]', **{"from": "H01.151"})["DocId"]
    world.work()
    asker = world.sdk("vp")
    statuses = [one for one in asker.received(messagetype="status") if one["status"] == "initial"]
    assert len(statuses) == 3
    assert {one["from"] for one in statuses} == {"H01.151"}  # no rule writes this code in the old way
    assert all("không có chữ ký số" in one["status_desc"] for one in statuses)
    assert asker.count("/countReceiveStatus") == 3
    for one in statuses:
        assert b"StatusCode" in asker.get(one["docId"], tmp_path)
        assert asker.update(one["docId"], "done")["ErrorCode"] == "0"
    assert asker.count("/countReceiveStatus") == 0


def test_a_failure_is_told_to_the_sender_with_its_reason(world: AxisWorld) -> None:
    digest = _send(world)
    office = world.sdk("so")
    office.update(f"{digest}.H01.151", "processing", description="dang tai")
    assert _one(office.received(), digest)["status_desc"] == "dang tai"
    assert office.update(f"{digest}.H01.151", "fail", description="khong doc duoc tep")["status"] == "OK"
    told = _one(world.sdk("vp").sent(), digest)
    assert (told["sendStatus"], told["receiveStatus"]) == ("done", "fail")
    assert told["receiveStatusDesc"] == "EDX801 khong doc duoc tep"
    late = office.update(f"{digest}.H01.151", "done")
    assert (late["status"], late["ErrorCode"]) == ("FAIL", "EDX607")


def test_a_large_attachment_arrives_byte_for_byte(world: AxisWorld, tmp_path: Path) -> None:
    data = world.letter(files=[File("ban-ve.zip", 12_000_001)])  # above what is held in memory
    digest = _send(world, data)
    office = world.sdk("so")
    assert office.get(f"{digest}.H01.151", tmp_path) == data
    assert office.download(f"{digest}.H01.151") == data


def test_what_is_sent_twice_is_one_transfer(world: AxisWorld) -> None:
    data = world.letter()
    client = world.sdk("vp")
    first, again = (client.send(data, messagetype="edoc") for _ in range(2))
    assert first == again
    world.work()
    assert len([row for row in world.sdk("so").received() if row["docId"].startswith(first["DocId"])]) == 1


def test_a_list_holds_many_documents_and_loses_none(world: AxisWorld) -> None:
    sender, began = world.sdk("vp"), datetime.now(VIETNAM)
    digests = {sender.send(world.letter(), messagetype="edoc")["DocId"] for _ in range(60)}
    world.work()
    office = world.sdk("so")
    waiting = [row["docId"] for row in office.received(messagetype="edoc") if row["status"] == "initial"]
    assert digests <= {letter.partition(".")[0] for letter in waiting}
    today = datetime.now(VIETNAM)  # which may be another day by now
    tomorrow = today + timedelta(days=1)
    days = {"fromDate": f"{began:%Y/%m/%d}", "toDate": f"{today:%Y/%m/%d}"}
    assert digests <= {row["docId"].partition(".")[0] for row in office.received(**days)}
    assert not office.received(fromDate=f"{tomorrow:%Y/%m/%d}", toDate=f"{tomorrow:%Y/%m/%d}")
    assert digests <= {row["senderDocId"] for row in sender.sent(**days)}
    [one] = sender.sent(docId=f"{min(digests)}.H01.151")
    assert one["senderDocId"] == min(digests)
    assert len(sender.sent(docId="of another call")) >= 60


def test_agencies_are_listed_in_the_form_that_the_client_knows(world: AxisWorld) -> None:
    old, new = world.sdk("vp"), world.sdk("so")
    by_name = {row["name"]: row for row in old.agencies()}
    for row in new.agencies("/getAgenciesListQD20"):
        if row["code"] == "H53":
            assert row["code102"] == "000.00.00.H53"
            assert by_name[row["name"]]["code"] == "000.00.00.H53"
    assert {row["code"] for row in new.agencies()} >= {"H53", "G22"}
    tops = new.agencies("/getAgenciesListQD20", level="1")
    assert tops
    assert all("." not in row["code"] for row in tops)
    units = new.agencies("/getSynchronizeUnit")
    assert {type(row["deleted"]) for row in units} == {bool}
    assert {type(row["version"]) for row in units} == {int}
    assert any(row["deleted"] for row in units)


def test_an_office_registers_what_it_serves_and_nothing_else(world: AxisWorld) -> None:
    office = world.sdk("so")
    assert office.register({"id": "", "code": "H01.151", "name": "UBND xã"})["status"] == "OK"
    refused = office.register({"id": "", "code": "G22", "name": "Văn phòng Chính phủ"})
    assert (refused["status"], refused["ErrorCode"]) == ("FAIL", "EDX426")
    assert office.delete("G22")["status"] == "OK"
    assert office.delete("H01.151")["ErrorCode"] == "EDX426"
    assert "register G22" in [line.entry.detail for line in world.journal("agency.asked")]
    assert office.register({})["ErrorCode"] == "EDX418"


# --- what is refused ---


def _fields(client: SdkClient, path: str, change: Callable[[dict[str, str]], dict[str, str]]) -> dict[str, str]:
    return client.raw("POST", path, b"{}", change(client.headers())).fields


def test_a_call_that_is_not_proven_does_nothing(world: AxisWorld) -> None:
    digest = _send(world)
    letter = f"{digest}.H01.151"
    client = world.sdk("so")
    client.kept |= {"docId": letter, "status": "done"}
    tampered: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
        "another value": lambda found: {**found, "XroadVnpt-status": "fail"},
        "without proof": lambda found: {name: found[name] for name in found if not name.endswith("hash-header")},
        "nothing of it": lambda _: {},
        "another system": lambda found: {**found, "XroadVnpt-systemid": "000.00.00.H53"},
    }
    for change in tampered.values():
        assert _fields(client, "/updateStatus", change)["ErrorCode"] == "EDX422"
    wrong = world.sdk("so", secret=SECRETS["vp"])
    assert wrong.update(letter, "done")["ErrorCode"] == "EDX422"
    stranger = world.sdk("so", system="H99.99")
    assert stranger.update(letter, "done")["ErrorCode"] == "EDX422"
    assert _one(world.sdk("so").received(), digest)["status"] == "initial"


def test_an_old_call_is_refused_and_an_old_clock_explained(world: AxisWorld) -> None:
    for age in (timedelta(hours=2), timedelta(hours=-2), timedelta(days=400)):
        old = world.sdk("so", at=datetime.now(VIETNAM) - age)
        with pytest.raises(SdkError, match="EDX423"):
            old.received()
    assert world.sdk("so", at=datetime.now(UTC)).count("/countReceiveEdoc") >= 0  # a machine that shows UTC


def test_a_body_that_is_not_the_one_that_was_signed_is_refused(world: AxisWorld) -> None:
    client, data = world.sdk("vp"), world.letter()
    client.kept |= {"hash-file": hashlib.sha256(data).hexdigest()}
    for ending in (b"", b"\r\n"):
        assert client.raw("POST", "/sendEdoc", data + ending, client.headers()).fields["ErrorCode"] == "0"
    for body in (data + b" ", data[:-1], data + b"\r\n\r\n", data + b"\n", b"\r\n", b""):
        answer = client.raw("POST", "/sendEdoc", body, client.headers()).fields
        assert (answer["ErrorCode"], answer["DocId"]) == ("EDX425", "")
    unsigned = {name: value for name, value in client.kept.items() if name != "hash-file"}
    client.kept = unsigned
    assert client.raw("POST", "/sendEdoc", data, client.headers()).fields["ErrorCode"] == "EDX425"


def test_a_sender_that_is_not_the_systems_own_is_refused(world: AxisWorld) -> None:
    foreign = world.letter(sender="H01.151", to="H53")
    answer = world.sdk("vp").send(foreign, messagetype="edoc")
    assert (answer["status"], answer["ErrorCode"], answer["DocId"]) == ("FAIL", "EDX401", "")
    assert "người vận hành" in answer["ErrorDesc"]
    answer = world.sdk("vp").send(world.letter(), messagetype="edoc", **{"from": "H01.151"})
    assert answer["ErrorCode"] == "EDX424"
    answer = world.sdk("vp").send(world.letter(), messagetype="edoc", to='["H01.151","G22"]')
    assert answer["ErrorCode"] == "EDX424"
    answer = world.sdk("vp").send(world.letter(), messagetype="edoc", to="[[")
    assert answer["ErrorCode"] == "EDX418"


def test_what_nobody_signed_is_taken_under_its_exception_only(world: AxisWorld) -> None:
    answer = world.sdk("vp").send(fixtures.document(sender="H53", to=["H01.151"], document_id="chưa ký"))
    assert answer["ErrorCode"] == "EDX301"
    answer = world.sdk("so").send(fixtures.document(sender="H01.151", to=["H53"], document_id=f"ck{world.plain}"))
    assert answer["status"] == "OK", answer
    world.work()
    row = _one(world.sdk("vp").received(), answer["DocId"])
    assert "không có chữ ký số" in row["status_desc"]
    assert "phần mềm chưa ký số" in row["status_desc"]
    [line] = [one for one in world.journal("envelope.accepted") if one.entry.envelope == answer["DocId"]]
    assert "exception" in line.entry.detail


def test_what_is_not_there_or_makes_no_sense_is_told_so(world: AxisWorld, tmp_path: Path) -> None:
    client = world.sdk("so")
    for letter in ("", "8af226c8-7cde-4fbe-88fe-e15a768b49cb", "0" * 64, "0" * 64 + ".H01.151"):
        with pytest.raises(SdkError) as caught:
            client.get(letter, tmp_path)
        assert caught.value.code == "EDX606"
        assert client.update(letter, "done")["ErrorCode"] == "EDX606"
        with pytest.raises(SdkError, match="100"):
            client.download(letter)
    assert client.update("x", "initial")["ErrorCode"] == "EDX418"
    with pytest.raises(SdkError, match="EDX418"):
        client.received(fromDate="hôm qua".encode("ascii", "ignore").decode())
    answer = client.raw("POST", "/sendEdoc", b"", {})
    assert answer.http == 200
    assert answer.fields["DocId"] == ""
    not_xml = world.sdk("vp").send(b"<edXML", messagetype="edoc")
    assert not_xml["ErrorCode"] == "EDX101"


def test_words_with_letters_outside_ascii_arrive_in_either_encoding(world: AxisWorld) -> None:
    digest = _send(world)
    client = world.sdk("so")
    client.kept |= {"docId": f"{digest}.H01.151", "status": "processing", "description": "Đang xử lý"}
    line = {name: value.encode().decode("latin-1") for name, value in client.headers().items()}  # UTF-8 on the wire
    assert client.raw("POST", "/updateStatus", b"{}", line).fields["status"] == "OK"
    assert _one(world.sdk("so").received(), digest)["status_desc"] == "Đang xử lý"


def test_every_call_may_be_made_by_either_method(world: AxisWorld) -> None:
    client = world.sdk("so")
    for method, body in (("GET", None), ("POST", b""), ("POST", b"{}")):
        answer = client.raw(method, "/countReceiveEdoc", body, client.headers())
        assert json.loads(answer.body)["status"] == "OK"


def test_a_refused_client_that_sends_its_body_first_still_hears_why(world: AxisWorld) -> None:
    client, data = world.sdk("vp", secret="một bí mật khác"), world.letter() + b" " * 3_000_000
    answer = client.send(data, messagetype="edoc")
    assert answer["ErrorCode"] == "EDX422"


def test_a_client_that_waits_to_be_asked_for_its_body_is_answered(world: AxisWorld) -> None:
    if not world.plain:
        return
    client = world.sdk("so")
    headers = "".join(f"{name}: {value}\r\n" for name, value in client.headers().items())
    with socket.create_connection(("127.0.0.1", world.port), timeout=120) as line:
        asking = "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        line.sendall(f"POST /vxp/countReceiveEdoc HTTP/1.1\r\nHost: x\r\n{headers}{asking}".encode())
        came = line.recv(4096)
        if came.startswith(b"HTTP/1.1 100"):
            line.sendall(b"{}")
            came = came + line.recv(4096)
        assert b"HTTP/1.1 200 OK" in came
