"""The forms that provinces have given the axis's calls: the same services behind other words."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from edxml_router.demo.letters import File
from tests.axis.world import SECRETS, SYSTEMS, AxisWorld
from tests.gateway.world import digest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AxisWorld]:
    with AxisWorld(Path(tmp_path_factory.mktemp("province"))) as running:
        yield running


class Lgsp:
    """A client of a provincial platform, which has logged in."""

    def __init__(self, world: AxisWorld, office: str) -> None:
        self.http = world.client()
        names = {"username": SYSTEMS[office], "password": SECRETS[office], "applicationCode": "VB"}
        told = self.http.post("/lgsp/v1/auth/login", json=names).json()
        assert told["success"], told
        secret = SECRETS[office].encode()  # a header of bytes: the secret has letters
        self.headers: dict[str, Any] = {
            "Authorization": f"Bearer {told['token']}",
            "X-SystemId": SYSTEMS[office],
            "X-SecretKey": secret,
        }

    def send(self, data: bytes, **fields: str) -> httpx.Response:
        files = {"edocFile": ("van-ban.edxml", data, "application/xml")}
        fields = {"messageType": "edoc", **fields}
        return self.http.post("/lgsp/v1/sendEdoc", files=files, data=fields, headers=self.headers)

    def get(self, call: str, **asked: str) -> dict[str, Any]:
        return dict(self.http.get(f"/lgsp/v1/{call}", params=asked, headers=self.headers).json())

    def post(self, call: str, form: dict[str, str]) -> dict[str, Any]:
        return dict(self.http.post(f"/lgsp/v1/{call}", json=form, headers=self.headers).json())


def test_a_document_goes_the_provincial_way(world: AxisWorld) -> None:
    data = world.letter(files=[File("ban-ve.zip", 3_000_000)])
    told = Lgsp(world, "vp").send(data).json()
    assert (told["success"], told["errorCode"]) == (True, 0), told
    world.work()
    office = Lgsp(world, "so")
    rows = office.get("syncReceivedEdocList", messageType="edoc")["data"]
    [row] = [one for one in rows if told["docId"] in one["docId"]]
    assert row["status"] == "initial"
    letter = office.get("getEdoc", docId=row["docId"])
    assert base64.b64decode(letter["edxml"]) == data
    assert (letter["from"], letter["edocAbstract"]) == ("H53", "V/v thử nghiệm kết nối")
    assert letter["attachments"] == [{"fileName": "ban-ve.zip"}]
    assert letter["fromName"]
    assert office.post("updateStatus", {"docId": row["docId"], "status": "done"})["success"]
    [row] = [one for one in office.get("syncReceivedEdocList")["data"] if told["docId"] in one["docId"]]
    assert row["status"] == "done"
    assert {one["code"] for one in office.get("getAgenciesList")["data"]} >= {"H53"}
    assert office.post("registerAgency", {"code": "H01.151"})["success"]


def test_the_provincial_codes_tell_who_is_to_act(world: AxisWorld) -> None:
    client, stranger = Lgsp(world, "vp"), Lgsp(world, "so")
    foreign = client.send(world.letter(sender="H01.151", to="H53")).json()
    assert (foreign["success"], foreign["errorCode"]) == (False, 19)
    assert "EDX401" in foreign["message"]
    assert client.send(world.letter(to="H60.99.99")).json()["errorCode"] == 18
    assert client.send(b"<edXML").json()["errorCode"] == 10
    assert client.send(b"<edXML xmlns='http://www.mic.gov.vn/TBT/QCVN_102_2016'/>").json()["errorCode"] == 22
    assert stranger.get("getEdoc", docId="0" * 64)["success"] is False
    assert stranger.post("updateStatus", {"docId": "x", "status": "gone"})["errorCode"] == 22
    assert client.post("registerAgency", {"code": "G22"})["success"] is False


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer 00"},
        {"X-SystemId": "H01.151"},
        {"X-SecretKey": "x"},
        {"Authorization": "Basic 00"},
    ],
)
def test_who_is_not_known_gets_nothing_the_provincial_way(world: AxisWorld, headers: dict[str, Any]) -> None:
    client = Lgsp(world, "vp")
    client.headers = {**client.headers, **headers} if headers else {}
    answer = client.http.get("/lgsp/v1/syncReceivedEdocList", headers=client.headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (401, 15)


def test_a_token_says_nothing_of_the_secret_and_ends(tmp_path: Path) -> None:
    with AxisWorld(tmp_path) as world:
        client = Lgsp(world, "vp")
        token = client.headers["Authorization"].partition(" ")[2]
        said = bytes.fromhex(token)
        assert SECRETS["vp"].encode() not in said
        system, until, seal = said.decode().rsplit("|", 2)
        for forged in (f"{system}|{int(until) + 1}|{seal}", f"H01.151|{until}|{seal}", f"{system}|x|{seal}"):
            client.headers["Authorization"] = f"Bearer {forged.encode().hex()}"
            answer = client.http.get("/lgsp/v1/syncReceivedEdocList", headers=client.headers)
            assert answer.status_code == 401
        wrong = {"username": SYSTEMS["vp"], "password": SECRETS["so"]}
        assert client.http.post("/lgsp/v1/auth/login", json=wrong).json()["errorCode"] == 15


def test_a_multipart_body_that_is_none_is_refused(world: AxisWorld) -> None:
    client = Lgsp(world, "vp")
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    bodies: list[tuple[bytes, dict[str, str]]] = [
        (b"{}", {"Content-Type": "application/json"}),
        (b"", kind),
        (b"nothing", kind),
        (b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nv\r\n--x--\r\n', kind),
        (b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n' + b"v" * 100_000, kind),
        (b"--x\r\n" + b"A: b\r\n" * 50_000, kind),
    ]
    for body, headers in bodies:
        answer = client.http.post("/lgsp/v1/sendEdoc", content=body, headers={**client.headers, **headers})
        assert answer.json()["errorCode"] in (10, 22), body[:50]
        assert not answer.json()["success"]


class Wso2:
    """A client of a platform on WSO2."""

    base = "/truclienthong/v1.0.0"

    def __init__(self, world: AxisWorld, office: str) -> None:
        self.http = world.client()
        told = self.http.post(
            f"{self.base}/token",
            data={"grant_type": "client_credentials", "client_id": SYSTEMS[office], "client_secret": SECRETS[office]},
        )
        assert told.status_code == 200, told.text
        self.http.headers["Authorization"] = f"Bearer {told.json()['access_token']}"

    def __call__(self, method: str, resource: str, **how: Any) -> httpx.Response:
        return self.http.request(method, f"{self.base}/{resource}", **how)


def test_a_document_goes_over_resources(world: AxisWorld) -> None:
    data = world.letter()
    sender, office = Wso2(world, "vp"), Wso2(world, "so")
    told = sender("POST", "vanbans", json={"data": base64.b64encode(data).decode(), "kind": "edoc"})
    assert told.status_code == 200, told.text
    world.work()
    letter = f"{told.json()['docId']}.H01.151"
    [row] = [one for one in office("GET", "vanbans").json()["data"] if one["docId"] == letter]
    assert row["status"] == "INITIAL"
    assert base64.b64decode(office("GET", f"vanbans/{letter}").json()["data"]) == data
    assert office("PUT", f"vanbans/{letter}", json={"status": "DONE"}).json()["status"] == "OK"
    [row] = [one for one in office("GET", "vanbans").json()["data"] if one["docId"] == letter]
    assert row["status"] == "DONE"
    assert office("GET", "donvilienthongs").json()["data"]
    assert office("POST", "donvilienthongs", json={"code": "H01.151"}).status_code == 200
    refused = office("DELETE", "donvilienthongs/H01.151")
    assert (refused.status_code, refused.json()["ErrorCode"]) == (403, "EDX426")


def test_what_is_wrong_over_resources_is_a_status(world: AxisWorld) -> None:
    sender = Wso2(world, "vp")
    for body in ({"data": "%%"}, {"data": 7}, {}, {"data": base64.b64encode(b"<edXML").decode()}):
        assert sender("POST", "vanbans", json=body).status_code == 400
    assert sender("GET", "vanbans/" + "0" * 64).status_code == 404
    assert sender("PUT", "vanbans/x", json={"status": "GONE"}).status_code == 400
    sender.http.headers["Authorization"] = "Bearer 00"
    assert sender("GET", "vanbans").status_code == 401
    for form in ({}, {"grant_type": "password"}):
        assert sender("POST", "token", data=form).status_code == 400
    wrong = {"grant_type": "client_credentials", "client_id": SYSTEMS["vp"], "client_secret": "x"}
    assert sender("POST", "token", data=wrong).status_code == 401
    basic = httpx.BasicAuth(SYSTEMS["vp"], SECRETS["vp"])
    del sender.http.headers["Authorization"]
    assert sender("POST", "token", data={"grant_type": "client_credentials"}, auth=basic).status_code == 200


def test_a_large_document_over_resources_is_set_down_on_disk(world: AxisWorld) -> None:
    data = world.letter(files=(File("ban-do.pdf", 6_000_000),))
    text = json.dumps({"data": base64.b64encode(data).decode()}).replace("/", "\\/")
    told = Wso2(world, "vp")("POST", "vanbans", content=text, headers={"content-type": "application/json"})
    assert (told.status_code, told.json()["docId"]) == (200, digest(data))
