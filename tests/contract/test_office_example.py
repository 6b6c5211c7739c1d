"""The example client for makers of e-office systems works against the topology."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from edxml_router.core.body import MemoryBody
from edxml_router.core.link.chunked import ChunkedEnvelope, decode_chunked, encode_chunked
from edxml_router.core.link.wire import decode_chunk
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.forwarding.dispatch import body_chunks
from edxml_router.transport import topology
from tests.contract.hubs import PASSWORD, VHOST, RabbitHub, collect, until

CLIENT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "office_amqp.py"
NAME = f"{'9f' * 32}.H53.31"
INBOX, SUBMIT = topology.inbox("vp"), topology.submission("vp")


def start(rabbit: RabbitHub, folder: Path, *action: str) -> subprocess.Popen[str]:
    (folder / "secret").write_text(PASSWORD + "\n")
    command = [
        sys.executable, "-u", str(CLIENT), "--host", rabbit.broker.host, "--port", str(rabbit.broker.port),
        "--vhost", VHOST, "--user", "vp", "--password-file", "secret", *action,
    ]  # fmt: skip
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)


def test_it_submits_and_prints_the_verdict_that_answers_it(rabbit: RabbitHub, tmp_path: Path) -> None:
    (tmp_path / "document.xml").write_bytes(b"<edXML/>")
    node = rabbit.open("node", [SUBMIT])
    client = start(rabbit, tmp_path, "send", "document.xml")
    (arrival,) = collect(node, 1)
    assert (arrival.peer, arrival.mailbox) == ("vp", SUBMIT)
    assert (arrival.message.kind, arrival.message.body) == ("submit", b"<edXML/>")
    verdict = json.dumps({"accepted": False}).encode()
    node.publish(
        [
            Parcel(INBOX, Message("notice", "n1", b"{}")),
            Parcel(INBOX, Message("verdict", "v0", b'{"accepted": true}', correlation="another")),
            Parcel(INBOX, Message("verdict", "v1", verdict, correlation=arrival.message.id)),
        ]
    )
    printed, _ = client.communicate(timeout=60)
    assert (json.loads(printed), client.returncode) == ({"accepted": False}, 1)
    assert sorted(one.message.id for one in collect(rabbit.open("node", [INBOX]), 2)) == ["n1", "v0"]


def test_it_keeps_and_confirms_what_is_in_its_inbox(rabbit: RabbitHub, tmp_path: Path) -> None:
    node = rabbit.open("node", [SUBMIT])
    node.publish(
        [
            Parcel(INBOX, Message("notice", "n1", "đã nhận".encode())),
            Parcel(INBOX, Message("envelope", NAME, b"<edXML/>", headers={"recipient": "H53.31"})),
        ]
    )
    client = start(rabbit, tmp_path, "receive")
    try:
        (arrival,) = collect(node, 1)
        assert (arrival.message.kind, arrival.message.correlation) == ("confirm", NAME)
        assert (tmp_path / f"{NAME}.edxml").read_bytes() == b"<edXML/>"
        assert client.stdout is not None
        assert [client.stdout.readline() for _ in range(2)] == [
            "notice: đã nhận\n",
            f"document {NAME}: 8 bytes, for H53.31\n",
        ]
        until(lambda: rabbit.open("node", [INBOX]).depths() == {INBOX: 0})
    finally:
        client.kill()
        client.communicate()


def test_it_sends_in_chunks_what_no_message_holds(rabbit: RabbitHub, tmp_path: Path) -> None:
    data = b"<edXML>" + b"x" * 5000 + b"</edXML>"
    (tmp_path / "document.xml").write_bytes(data)
    node = rabbit.open("node", [SUBMIT])
    client = start(rabbit, tmp_path, "--message-bytes", "3024", "send", "document.xml")
    *pieces, last = (arrival.message for arrival in collect(node, 4))
    assert [one.kind for one in pieces] == ["chunk"] * 3
    assert b"".join(decode_chunk(one.body)[1] for one in pieces) == data
    announced = decode_chunked(last.body)
    assert (last.kind, announced.size, announced.chunks) == ("submit-chunks", len(data), 3)
    assert announced.envelope == hashlib.sha256(data).hexdigest()
    node.publish([Parcel(INBOX, Message("verdict", "v1", b'{"accepted": true}', correlation=last.id))])
    client.communicate(timeout=60)
    assert client.returncode == 0


def test_it_puts_together_what_comes_in_chunks(rabbit: RabbitHub, tmp_path: Path) -> None:
    data = b"<edXML>" + b"y" * 5000 + b"</edXML>"
    digest = hashlib.sha256(data).hexdigest()
    name, node = f"{digest}.H53.31", rabbit.open("node", [SUBMIT])
    pieces = [
        Parcel(INBOX, Message("chunk", f"{name}.{number}", piece, correlation=name))
        for number, piece in enumerate(body_chunks(MemoryBody(data), digest, 2000))
    ]
    end = Message("envelope-chunks", name, encode_chunked(ChunkedEnvelope(digest, len(data), 3)))
    node.publish([*pieces[1:], Parcel(INBOX, end), *pieces, Parcel(INBOX, end)])  # one was missing, and came again
    client = start(rabbit, tmp_path, "receive")
    try:
        (arrival,) = collect(node, 1)
        assert (arrival.message.kind, arrival.message.correlation) == ("confirm", name)
        assert (tmp_path / f"{name}.edxml").read_bytes() == data
        until(lambda: rabbit.open("node", [INBOX]).depths() == {INBOX: 0})
        assert not (tmp_path / f"{name}.chunks").exists()
    finally:
        client.kill()
        client.communicate()
