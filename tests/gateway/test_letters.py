"""Letters from plain values over HTTP: written, sealed or signed in a second step, followed, recalled and answered."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from jsonschema import Draft202012Validator

from edxml_router.credentials import keys
from edxml_router.shapes.reference.catalogue import ANSWERS
from tests.gateway.world import World, problem
from tests.shapes import faults

SEAL = """
[[seals]]
agency = "H01.151"
key = "pki/H01.151.key.pem"
certificate = "pki/H01.151.cert.pem"
"""
OTHER = b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\n1\r\n--x--\r\n'
PDF = b"%PDF-1.7\n" + b"x" * 50_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(Path(tmp_path_factory.mktemp("letters")), rest=SEAL) as running:
        yield running


def draft(number: int, **members: Any) -> dict[str, Any]:
    return {
        "recipients": ["H53"],
        "number": str(number),
        "notation": "UBND-VP",
        "subject": "V/v thử nghiệm kết nối",
        "signer": {"name": "Nguyễn Văn Mẫu"},
        **members,
    }


def send(world: World, path: str, said: dict[str, Any], office: str = "so", **files: bytes) -> Any:
    """An answer that is of the shape written down, with its status."""
    parts: list[Any] = [("draft", (None, json.dumps(said).encode(), "application/json"))]
    parts += [("file", (f"{name}.pdf", data, "application/pdf")) for name, data in files.items()]
    answer = world.client(office).post(path, files=parts) if files else world.client(office).post(path, json=said)
    told = answer.json()
    if answer.status_code < 300:
        [shape, *_] = ANSWERS[f"POST {path}"]
        assert not faults(told, shape)
    return answer


def test_a_letter_with_a_file_is_sealed_sent_followed_answered_and_recalled(world: World) -> None:
    answer = send(world, "/v1/letters", draft(1), cong_van=PDF)
    assert answer.status_code == 201, answer.text
    [written] = answer.json()["messages"]
    assert written["recipients"] == ["H53"] and written["submission"]["accepted"]
    assert send(world, "/v1/letters", draft(1), cong_van=PDF).status_code == 200
    world.work()
    digest = written["submission"]["digest"]
    content = world.client("vp").get(f"/v1/inbox/{digest}.H53/content").json()
    assert (content["number"], content["attachments"][0]["name"]) == ("1", "cong_van.pdf")

    # The other office has no seal here: it signs the status itself.
    told = send(world, "/v1/statuses", {"letter": f"{digest}.H53", "code": "03",
                                        "signature": {"by": "office", "algorithm": "ecdsa-sha256"}}, "vp")  # fmt: skip
    assert told.status_code == 202, told.text
    waiting = told.json()["messages"][0]["to_sign"]
    key = keys.load_key(world.pki / "H53.key.pem")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    value = key.sign(b64decode(waiting["signed_info"]), ec.ECDSA(hashes.SHA256()))
    given = {"value": b64encode(value).decode(), "certificate": (world.pki / "H53.cert.pem").read_text("utf-8")}
    path = f"/v1/letters/{waiting['name']}/signature"
    assert problem(world.client("so").post(path, json=given)) == "EDX433"  # another office's
    assert problem(world.client("vp").post(path, json={**given, "value": "AAAA"})) == "EDX302"
    signed = world.client("vp").post(path, json=given)
    assert signed.status_code == 201, signed.text
    assert not faults(signed.json(), ANSWERS["POST /v1/letters/{name}/signature"][0])
    assert problem(world.client("vp").post(path, json=given)) == "EDX433"

    recalled = send(world, "/v1/recalls", {"document": written["document_id"], "reason": "Nhầm phụ lục"})
    assert recalled.status_code == 201
    page = world.client("so").get("/v1/sent", params={"limit": 1}).json()
    assert not faults(page, ANSWERS["GET /v1/sent"][0])
    assert page["letters"][0]["envelope"]["business"] == 1
    older = world.client("so").get("/v1/sent", params={"limit": 1, "cursor": page["cursor"]}).json()
    [first] = older["letters"]
    assert first["envelope"]["digest"] == digest
    assert first["deliveries"][0]["status"]["status_code"] == "03"
    one = world.client("so").get(f"/v1/sent/{digest[:16]}").json()
    assert not faults(one, ANSWERS["GET /v1/sent/{digest}"][0])
    assert one == first
    assert problem(world.client("vp").get(f"/v1/sent/{digest}")) == "EDX606"  # it was not theirs


def test_updates_and_replacements(world: World) -> None:
    [first] = send(world, "/v1/letters", draft(2)).json()["messages"]
    update = send(world, "/v1/updates", {"document": first["document_id"], "reason": "Sửa", "subject": "V/v sửa"})
    assert (update.status_code, update.json()["messages"][0]["business"]) == (201, 2)
    said = draft(3, replaces=[first["document_id"]])
    del said["recipients"]
    replaced = send(world, "/v1/replacements", said)
    assert (replaced.status_code, replaced.json()["messages"][0]["business"]) == (201, 3)


def test_all_mistakes_are_told_at_once_in_the_callers_language(world: World) -> None:
    client = world.client("so", **{"accept-language": "vi"})
    answer = client.post("/v1/letters", json={**draft(4), "number": "", "x": 1})
    assert (answer.status_code, problem(answer)) == (422, "EDX431")
    assert [one["where"] for one in answer.json()["problems"]] == ["/number", "/x"]
    assert answer.json()["title"] == answer.json()["title_vi"]
    assert problem(send(world, "/v1/letters", draft(4, signature={"by": "seal"}), "vp")) == "EDX432"
    unsigned = send(world, "/v1/letters", draft(5, recipients=["H01.151"], signature={"by": "nobody"}), "vp")
    assert problem(unsigned) == "EDX301"
    assert unsigned.json()["messages"][0]["submission"]["accepted"] is False


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"nothing of it", "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (OTHER, "multipart/form-data; boundary=x"),
        (b"{}", "multipart/form-data"),
        (b"<edXML/>", "application/xml"),
    ],
)
def test_a_body_of_another_kind_is_refused(world: World, content: bytes, kind: str) -> None:
    answer = world.client("so").post("/v1/letters", content=content, headers={"content-type": kind})
    assert problem(answer) == "EDX418"


def test_only_who_may_send_writes_letters(world: World) -> None:
    token = world.token("so", scopes=("receive",))
    answer = world.client(token=token).post("/v1/letters", json=draft(6))
    assert problem(answer) == "EDX416"
    assert world.client(token=token).get("/v1/sent").status_code == 200


def test_the_examples_of_drafts_are_of_their_schemas(world: World) -> None:
    document = world.client("so").get("/v1/openapi.json").json()
    for path in ("letters", "recalls", "updates", "replacements", "statuses"):
        body = document["paths"][f"/v1/{path}"]["post"]["requestBody"]["content"]["application/json"]
        assert not list(Draft202012Validator(body["schema"]).iter_errors(body["example"]))
