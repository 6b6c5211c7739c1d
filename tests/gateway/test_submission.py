"""Envelopes are handed in over HTTP: the digest is checked, the verdict is the answer, a repeat is harmless."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edxml_router.demo.letters import File
from edxml_router.services.flow import draining
from tests.gateway.world import World, digest, problem


def content_digest(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def test_an_envelope_is_accepted_and_a_repeat_answered_with_how_it_stands(world: World) -> None:
    data = world.letter()
    client = world.client("vp")
    first = client.put(f"/v1/envelopes/{digest(data)}", content=data)
    assert first.status_code == 201
    assert first.json()["accepted"] is True
    assert first.json()["recipients"] == ["H01.151"]
    again = client.put(f"/v1/envelopes/{digest(data)}", content=data)
    assert again.status_code == 200
    assert again.json()["repeated"] is True
    assert set(again.json()["states"]) == {"H01.151"}


def test_an_envelope_may_come_without_its_name(world: World) -> None:
    data = world.letter()
    answer = world.client("vp").post("/v1/envelopes", content=data, headers={"content-digest": content_digest(data)})
    assert answer.status_code == 201
    assert answer.json()["digest"] == digest(data)


@pytest.mark.parametrize("way", ["path", "header"])
def test_what_is_not_as_its_digest_says_is_not_accepted(world: World, way: str) -> None:
    data, other = world.letter(), world.letter()
    client = world.client("vp")
    if way == "path":
        answer = client.put(f"/v1/envelopes/{digest(other)}", content=data)
    else:
        answer = client.post("/v1/envelopes", content=data, headers={"content-digest": content_digest(other)})
    assert (answer.status_code, problem(answer)) == (400, "EDX419")
    assert world.worker.ledger.views.find_envelopes(digest=digest(data)) == []


def test_a_digest_that_cannot_be_read_is_not_passed_over(world: World) -> None:
    data = world.letter()
    answer = world.client("vp").post("/v1/envelopes", content=data, headers={"content-digest": "sha-256=abc"})
    assert (answer.status_code, problem(answer)) == (400, "EDX418")


def test_a_refusal_tells_the_problem_in_the_callers_language_with_the_verdict(world: World) -> None:
    data = world.letter(sender="H01.151", to="H53")  # not an agency of vp
    told = world.client("vp", **{"accept-language": "vi;q=0.9, en;q=0.5"}).put(
        f"/v1/envelopes/{digest(data)}", content=data
    )
    assert told.status_code == 403
    assert problem(told) == "EDX401"
    assert told.headers["content-language"] == "vi"
    assert told.json()["title"] == told.json()["title_vi"]
    assert told.json()["submission"]["accepted"] is False


def test_a_body_larger_than_memory_holds_goes_to_disk_and_is_accepted(world: World) -> None:
    data = world.letter(files=(File("lon.pdf", 2_000_000),))
    assert len(data) > world.desk.gateway.body_bytes
    assert world.hand_in(data)["digest"] == digest(data)
    assert list((world.settings().node.data / "bodies" / "incoming").iterdir()) == []


def test_an_envelope_above_the_limit_is_refused_before_its_bytes_and_while_they_come(world: World) -> None:
    client = world.client("vp")
    most = world.settings().limits.max_bytes
    with world.connect("vp") as line:
        line.sendall(f"POST /v1/envelopes HTTP/1.1\r\nHost: x\r\nContent-Length: {most + 1}\r\n\r\n".encode())
        assert line.recv(64).startswith(b"HTTP/1.1 413 ")

    def pieces() -> Iterator[bytes]:
        for _ in range(most // 1_000_000 + 2):
            yield b"x" * 1_000_000

    answer = client.post("/v1/envelopes", content=pieces())
    assert (answer.status_code, problem(answer)) == (413, "EDX102")
    assert list((world.settings().node.data / "bodies" / "incoming").iterdir()) == []


def test_what_the_gateway_does_not_know_is_a_problem_as_well(world: World) -> None:
    client = world.client("vp")
    assert problem(client.get("/v1/nothing")) == "EDX420"
    answer = client.delete("/v1/envelopes")
    assert (answer.status_code, problem(answer)) == (405, "EDX420")
    assert answer.headers["allow"] == "POST"


def test_a_drained_node_says_when_to_come_again(world: World) -> None:
    client, data = world.client("vp"), world.letter()
    draining.begin(world.worker, "lan", "thay đĩa")
    try:
        for answer in (client.put(f"/v1/envelopes/{digest(data)}", content=data), client.get("/v1/ready")):
            assert (answer.status_code, problem(answer)) == (503, "EDX664")
            assert int(answer.headers["retry-after"]) > 0
        assert client.get("/v1/inbox").status_code == 200
    finally:
        draining.resume(world.worker, "lan", "xong")
    assert client.put(f"/v1/envelopes/{digest(data)}", content=data).status_code == 201


def test_it_tells_whether_it_lives_and_is_ready(world: World) -> None:
    client = world.client()
    assert client.get("/v1/health").json() == {"ready": None}
    assert client.get("/v1/ready").json() == {"ready": True}
    document = client.get("/v1/openapi.json").json()
    assert document["openapi"] == "3.1.0"


def test_a_digest_is_required_where_the_operator_says_so(tmp_path: Path) -> None:
    with World(tmp_path, 'digests = "required"') as strict:
        client, data = strict.client("vp"), strict.letter()
        for headers in ({}, {"upload-complete": "?1"}):
            refused = client.post("/v1/envelopes", content=data, headers=headers)
            assert (refused.status_code, problem(refused)) == (400, "EDX418")
        given = client.post("/v1/envelopes", content=data, headers={"content-digest": content_digest(data)})
        assert given.status_code == 201
        parts = {"upload-complete": "?1", "repr-digest": content_digest(data)}
        assert client.post("/v1/envelopes", content=data, headers=parts).status_code == 200
        assert client.put(f"/v1/envelopes/{digest(data)}", content=data).status_code == 200
