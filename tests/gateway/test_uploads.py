"""A large envelope is sent in parts, which go on where they broke off, also after the node was killed."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from edxml_router.core.xml.skeleton import LARGE_BYTES
from edxml_router.demo.letters import File
from edxml_router.demo.servers import free_port
from edxml_router.gateway.native import uploads as uploads_face
from edxml_router.resources import program
from edxml_router.services.gateway import uploads
from tests.gateway.test_serve import run
from tests.gateway.test_submission import content_digest
from tests.gateway.world import World, digest, problem

PART = {"content-type": "application/partial-upload"}


def part(offset: int, *, last: bool) -> dict[str, str]:
    return {**PART, "upload-offset": str(offset), "upload-complete": "?1" if last else "?0"}


def begun(client: httpx.Client, data: bytes = b"", **headers: str) -> str:
    answer = client.post("/v1/envelopes", content=data, headers={"upload-complete": "?0", **headers})
    assert answer.status_code == 201, answer.text
    assert answer.headers["upload-offset"] == str(len(data))
    assert "max-size=" in answer.headers["upload-limit"]
    place: str = answer.headers["location"]
    return place


def large(world: World) -> bytes:
    return world.letter(files=(File("lon.pdf", 3_000_000),))


def test_an_upload_in_parts_is_handed_in_with_the_last(world: World) -> None:
    client, data = world.client("vp"), large(world)
    place = begun(client, data[:1000], **{"upload-length": str(len(data))})
    answer = client.patch(place, content=data[1000:2_000_000], headers=part(1000, last=False))
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "2000000")
    head = client.head(place)
    assert (head.headers["upload-offset"], head.headers["upload-complete"]) == ("2000000", "?0")
    assert head.headers["upload-length"] == str(len(data))
    last = client.patch(place, content=data[2_000_000:], headers=part(2_000_000, last=True))
    assert (last.status_code, last.json()["digest"]) == (201, digest(data))
    assert client.head(place).headers["upload-complete"] == "?1"
    again = client.patch(place, headers=part(len(data), last=True))  # as if the answer had been lost
    assert (again.status_code, again.json()["repeated"]) == (200, True)


def test_nothing_is_added_to_what_was_handed_in(world: World) -> None:
    """A large body is not copied: what is kept of it is this very file."""
    client, data = world.client("vp"), world.letter(files=(File("ban-do.zip", 9_000_000),))
    assert len(data) > LARGE_BYTES
    place = begun(client)
    assert client.patch(place, content=data, headers=part(0, last=True)).status_code == 201
    answer = client.patch(place, content=b"more", headers=part(len(data), last=True))
    assert (answer.status_code, problem(answer)) == (409, "EDX421")
    world.work()
    assert world.client("so").get(f"/v1/inbox/{digest(data)}.H01.151").content == data


def test_an_upload_may_be_whole_at_once(world: World) -> None:
    data = large(world)
    headers = {"upload-complete": "?1", "repr-digest": content_digest(data)}
    answer = world.client("vp").post("/v1/envelopes", content=data, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (201, True)


def test_a_part_that_does_not_go_on_where_it_is(world: World) -> None:
    client = world.client("vp")
    place = begun(client, b"x" * 100)
    answer = client.patch(place, content=b"y", headers=part(50, last=False))
    assert (answer.status_code, problem(answer)) == (409, "EDX421")
    assert (answer.json()["expected-offset"], answer.json()["provided-offset"]) == (100, 50)


def test_what_comes_is_held_against_what_was_said_when_it_began(world: World) -> None:
    client, data = world.client("vp"), large(world)
    place = begun(client, **{"upload-length": "100"})
    assert problem(client.patch(place, content=b"x" * 101, headers=part(0, last=True))) == "EDX102"
    place = begun(client, **{"upload-length": "100"})
    assert problem(client.patch(place, content=b"x" * 99, headers=part(0, last=True))) == "EDX418"
    place = begun(client, **{"repr-digest": content_digest(b"other")})
    assert problem(client.patch(place, content=data, headers=part(0, last=True))) == "EDX419"
    assert client.head(place).status_code == 404


def test_nobody_goes_on_with_anothers_upload_and_a_removed_one_is_gone(world: World) -> None:
    place = begun(world.client("vp"))
    other = world.client("so").patch(place, content=b"x", headers=part(0, last=False))
    assert (other.status_code, problem(other)) == (404, "EDX628")
    assert world.client("vp").delete(place).status_code == 204
    assert world.client("vp").head(place).status_code == 404


def test_an_office_begins_as_many_uploads_as_it_may(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST", 2)
    client = world.client("so")
    places = [begun(client) for _ in range(2)]
    answer = client.post("/v1/envelopes", headers={"upload-complete": "?0"})
    assert (answer.status_code, problem(answer)) == (503, "EDX626")
    client.delete(places[0])
    begun(client)


def test_what_nobody_goes_on_with_is_swept(world: World) -> None:
    place = begun(world.client("vp"), b"x")
    folder = world.desk.uploads / "vp" / place.rpartition("/")[2]
    os.utime(folder / "data", (0, 0))
    assert uploads.sweep(world.desk.uploads) >= 1
    assert not folder.exists()


def started(world: World, log: Path) -> Any:
    before = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        command = [*program(), "--config", str(world.path), "serve"]
        serving = subprocess.Popen(command, stderr=output, start_new_session=True)
    deadline = time.monotonic() + 120
    while b'"gateway.started"' not in log.read_bytes()[before:]:
        assert time.monotonic() < deadline
        assert serving.poll() is None
        time.sleep(0.05)
    return serving


def test_an_upload_outlives_the_node_that_was_killed_in_the_middle(tmp_path: Path) -> None:
    world, port, log = World(tmp_path), free_port(), tmp_path / "serve.log"
    world.path.write_text(world.path.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    data = large(world)
    serving = started(world, log)
    try:
        token = run(world, "token", "issue", "vp").strip()

        def client() -> httpx.Client:
            headers = {"authorization": f"Bearer {token}"}
            return httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=world.tls(), timeout=200, headers=headers)

        def killed() -> Any:
            """Bytes that end when the node does."""
            yield data[:1_200_000]
            while not int(client().head(place).headers["upload-offset"]):
                time.sleep(0.01)
            os.killpg(serving.pid, signal.SIGKILL)
            serving.wait()
            yield b"x" * 10_000_000

        place = begun(client())
        with pytest.raises(httpx.TransportError):
            client().patch(place, content=killed(), headers=part(0, last=True))
        serving = started(world, log)
        here = int(client().head(place).headers["upload-offset"])
        assert 0 < here <= 1_200_000
        answer = client().patch(place, content=data[here:], headers=part(here, last=True))
        assert (answer.status_code, answer.json()["digest"]) == (201, digest(data))
        os.killpg(serving.pid, signal.SIGKILL)  # and the answer is lost
        serving.wait()
        serving = started(world, log)
        again = client().patch(place, headers=part(len(data), last=True))
        assert (again.status_code, again.json()["repeated"]) == (200, True)
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait(120)


def interim(line: ssl.SSLSocket, kept: bytes = b"") -> tuple[str, dict[str, str], bytes]:
    """The next head that comes on a line: its first line, its fields, and what came behind it."""
    while b"\r\n\r\n" not in kept:
        piece = line.recv(65536)
        assert piece, kept
        kept += piece
    head, _, rest = kept.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in fields)}, rest


def test_where_the_upload_is_is_told_before_its_body_has_come(world: World) -> None:
    """So a client whose very first request breaks off goes on, and need not begin anew."""
    data = world.letter(files=(File("ban-do.pdf", 9_000_000),))
    head = (
        "POST /v1/envelopes HTTP/1.1\r\nHost: node\r\nContent-Type: application/xml\r\nUpload-Complete: ?1\r\n"
        f"Upload-Draft-Interop-Version: 8\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    with world.connect("vp") as line:
        line.sendall(head.encode())
        first, fields, rest = interim(line)
        assert first == "HTTP/1.1 104 Upload Resumption Supported"
        assert fields["upload-draft-interop-version"] == "8"
        assert "max-size=" in fields["upload-limit"]
        place = fields["location"]
        line.sendall(data[: uploads_face.TOLD + uploads_face.AT_ONCE])
        first, fields, rest = interim(line, rest)
        assert first.startswith("HTTP/1.1 104 ")
        assert "location" not in fields
        safe = int(fields["upload-offset"])
        assert uploads_face.TOLD <= safe <= len(data)
    client = world.client("vp")
    answer = client.head(place)
    while True:  # what was still in the old line may be written meanwhile
        at = int(answer.headers["upload-offset"])
        assert at >= safe
        answer = client.patch(place, content=data[at:], headers=part(at, last=True))
        if answer.status_code != 409:
            break
    assert (answer.status_code, answer.json()["digest"]) == (201, digest(data))


@pytest.mark.parametrize("version", ["", "3"])
def test_nobody_hears_104_who_does_not_speak_the_draft(world: World, version: str) -> None:
    data = world.letter()
    named = f"Upload-Draft-Interop-Version: {version}\r\n" if version else ""
    head = f"POST /v1/envelopes HTTP/1.1\r\nHost: node\r\nUpload-Complete: ?1\r\n{named}"
    head += f"Content-Length: {len(data)}\r\n\r\n"
    with world.connect("vp") as line:
        line.sendall(head.encode() + data)
        assert interim(line)[0].startswith("HTTP/1.1 201 ")
