"""A node is a client of an axis that has not adopted us, here one of our own gateways over TLS: what it does not serve
goes there, what lies there comes here, and both sides see the same states."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.axis.client import AxisClient
from edxml_router.axis.exchange import exchange
from edxml_router.config import ConfigErrors, Settings, in_force, load
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Finding, Setback
from edxml_router.services import office as offices
from edxml_router.services.axis import bridge
from edxml_router.services.node import serving
from edxml_router.services.office import InboxLetter
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode
from tests import fixtures
from tests.axis.world import SECRETS, AxisWorld


class Province:
    """A node whose axis is the gateway of ``world``, where it is the system ``vp``."""

    def __init__(self, world: AxisWorld, folder: Path, node: StoredNode, settings: Settings) -> None:
        self.world, self.folder, self.node, self.settings = world, folder, node, settings
        self.known: set[str] = set()

    def round(self, secret: str = SECRETS["vp"]) -> list[Finding]:
        """One round of the process that speaks to the axis."""
        assert self.settings.axis is not None
        self.work()
        with AxisClient(self.settings.axis, secret.encode()) as client:
            findings = exchange(self.node, self.settings, client, self.known)
        self.work()
        self.world.work()
        return list(findings)

    def work(self) -> None:
        while pipeline.forward(self.node):
            pass

    def hand_in(self, data: bytes) -> Acceptance:
        [answer] = pipeline.accept(self.node, [Submission(MemoryBody(data), "so-ta", "cli")])
        self.work()
        return answer

    def state(self, digest: str) -> dict[str, State]:
        return {one.recipient: one.state for one in self.node.ledger.views.list_deliveries(digest=digest)}


def config(world: AxisWorld, folder: Path, rest: str = "") -> Path:
    path = folder / "tinh.toml"
    secret = folder / "axis.secret"
    secret.write_text(SECRETS["vp"], encoding="utf-8")
    secret.chmod(0o600)
    path.write_text(
        f"""
[node]
name = "tinh-nha"
data = "data-tinh"
[axis]
url = "{world.url}/vxp"
system_id = "000.00.00.H53"
secret_file = "axis.secret"
interval = "200ms"
ca = "{world.pki / "anchors.pem"}"
unsigned = {{ until = 2099-12-31, reason = "trục chưa ký" }}
{rest}
[trust]
anchors = "{world.pki / "anchors.pem"}"
[[offices]]
name = "so-ta"
agencies = ["H53"]
unsigned = {{ until = 2099-12-31, reason = "chưa ký" }}
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AxisWorld]:
    with AxisWorld(Path(tmp_path_factory.mktemp("truc"))) as running:
        yield running


@pytest.fixture
def province(world: AxisWorld, tmp_path: Path) -> Iterator[Province]:
    path = config(world, tmp_path)
    serving.make(path)
    settings = load(path)
    with node_of(settings) as node:
        yield Province(world, tmp_path, node, settings)


def test_what_nobody_here_serves_goes_to_the_axis_and_its_end_comes_back(province: Province) -> None:
    world = province.world
    done, failed = (province.hand_in(world.letter()).digest for _ in range(2))
    assert province.state(done) == {"H01.151": State.AVAILABLE}
    assert province.round() == []
    office = world.sdk("so")
    assert {row["docId"] for row in office.received()} >= {f"{done}.H01.151", f"{failed}.H01.151"}
    before = len(office.received())
    assert province.round() == []  # nothing is sent twice
    assert len(office.received()) == before
    assert province.state(done) == {"H01.151": State.AVAILABLE}
    office.update(f"{done}.H01.151", "done")
    office.update(f"{failed}.H01.151", "fail", description="khong doc duoc")
    assert province.round() == []
    assert province.state(done) == {"H01.151": State.CONFIRMED}
    assert province.state(failed) == {"H01.151": State.RETURNED}
    notices = offices.notices(province.node.ledger.views, ["so-ta"])
    told = {note.receipt.envelope: note.receipt for note in notices.notes}
    assert told[failed].detail.endswith("khong doc duoc")
    assert str(told[done].outcome) == "confirmed"


def test_what_lies_on_the_axis_comes_here_and_the_axis_hears_its_end(province: Province) -> None:
    world = province.world
    sender = world.sdk("so")
    done = sender.send(world.letter(sender="H01.151", to="H53"), messagetype="edoc")["DocId"]
    failed = sender.send(world.letter(sender="H01.151", to="H53"), messagetype="edoc")["DocId"]
    world.work()
    assert province.round() == []
    found = {row["senderDocId"]: row for row in sender.sent()}
    assert (found[done]["receiveStatus"], found[failed]["receiveStatus"]) == ("processing", "processing")
    ready = {one.delivery.digest: one for one in offices.ready(province.node.ledger.views, province.settings)}
    assert {done, failed} <= ready.keys()
    assert "exception" not in ready[done].envelope.reason
    offices.confirm(province.node, [InboxLetter("so-ta", ready[done].delivery.name)])
    offices.refuse(province.node, [InboxLetter("so-ta", ready[failed].delivery.name)], "nham noi nhan")
    assert province.round() == []
    found = {row["senderDocId"]: row for row in sender.sent()}
    assert (found[done]["receiveStatus"], found[failed]["receiveStatus"]) == ("done", "fail")
    assert "nham noi nhan" in found[failed]["receiveStatusDesc"]
    assert not offices.notices(province.node.ledger.views, ["axis"]).notes
    assert len(bridge.taken(province.node, datetime.now(UTC) - timedelta(hours=1))) >= 2


def test_statuses_go_both_ways(province: Province) -> None:
    world = province.world
    mine = world.post.status("H53", "H01.151", world.post.document_id("H01.151", 1), "03")
    assert province.hand_in(mine).accepted
    theirs = fixtures.status(sender="H01.151", response=fixtures.response_for("H53"), code="06")
    assert world.sdk("so").send(theirs, messagetype="status")["status"] == "OK"
    world.work()
    assert province.round() == []
    ready = [one for one in offices.ready(province.node.ledger.views, province.settings) if one.envelope.status_code]
    assert [one.envelope.status_code for one in ready] == ["06"]
    assert any(row["messageType"] == "status" for row in world.sdk("so").received(messagetype="status"))


def test_an_axis_that_is_away_or_does_not_know_us_loses_nothing(province: Province, tmp_path: Path) -> None:
    digest = province.hand_in(province.world.letter()).digest
    told = province.round("một bí mật khác hẳn")
    assert {one.code for one in told} == {"EDX923"}
    assert "EDX422" in told[0].detail
    assert province.state(digest) == {"H01.151": State.AVAILABLE}
    path = config(province.world, tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace(province.world.url, "https://127.0.0.1:9"), "utf-8")
    province.settings = load(path)
    with pytest.raises(Setback, match="EDX923"):
        province.round()
    assert province.state(digest) == {"H01.151": State.AVAILABLE}


def test_a_document_that_the_axis_refuses_goes_back_to_its_sender(province: Province) -> None:
    unsigned = fixtures.document(sender="H53", to=["H01.151"], document_id="chưa ký gửi trục")
    digest = province.hand_in(unsigned).digest
    assert province.round() == []
    assert province.state(digest) == {"H01.151": State.RETURNED}
    [told] = [one.receipt for one in offices.notices(province.node.ledger.views, ["so-ta"]).notes
              if one.receipt.envelope == digest]  # fmt: skip
    assert "EDX301" in told.detail


def test_nobody_on_the_axis_sends_in_our_name(province: Province) -> None:
    forged = MemoryBody(province.world.letter(sender="H53", to="H53"))
    answer = bridge.hand_in(province.node, "axis", forged, ())
    assert answer.finding is not None
    assert answer.finding.code == "EDX401"
    passing_through = MemoryBody(province.world.letter(sender="H01.151", to="G22"))
    answer = bridge.hand_in(province.node, "axis", passing_through, ("G22",))
    assert answer.finding is not None
    assert answer.finding.code == "EDX505"


def test_its_process_carries_mail_by_itself_until_it_is_told_to_end(province: Province) -> None:
    world = province.world
    digest = province.hand_in(world.letter()).digest
    pins = json.dumps(in_force.pins(province.settings))
    command = [sys.executable, "-m", "edxml_router.axis", str(province.settings.path), str(os.getpid()), pins]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("axis.started" in line for line in process.stderr)
            office = world.sdk("so")
            until = time.monotonic() + 60
            while province.state(digest) != {"H01.151": State.CONFIRMED}:
                assert time.monotonic() < until, "nothing came"
                world.work()
                office.update(f"{digest}.H01.151", "done")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def test_an_axis_and_a_parent_cannot_both_have_the_rest(world: AxisWorld, tmp_path: Path) -> None:
    parent = '[parent]\nname = "axis"\nhub = { kind = "local", path = "hub" }'
    with pytest.raises(ConfigErrors, match="only one of them"):
        load(config(world, tmp_path, parent))
