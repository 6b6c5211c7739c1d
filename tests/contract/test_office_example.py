"""The example client for makers of e-office systems works against the topology."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from edxml_router.ports.transport import Message, Parcel
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
