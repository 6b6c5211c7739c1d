"""A node and an axis that is not one of our gateways: what it is asked, and what its faults do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.axis.client import AxisClient
from edxml_router.axis.exchange import exchange
from edxml_router.config import Settings, load
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Finding, Setback
from edxml_router.services import office as offices
from edxml_router.services.axis import bridge
from edxml_router.services.health import checks
from edxml_router.services.node import serving
from edxml_router.services.office import InboxLetter
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring.opening import node_of
from edxml_router.wiring.stored import StoredNode
from tests import fixtures
from tests.axis.recording_axis import Kept, RecordingAxis

SECRET = "khóa bí mật dùng chung với trục, đủ dài"
TITLE, NOTATION = "V/v kết nối liên thông", "12/UBND-VP"


class Here:
    """The node below, and rounds of its process."""

    def __init__(self, axis: RecordingAxis, node: StoredNode, settings: Settings) -> None:
        self.axis, self.node, self.settings = axis, node, settings
        self.known: set[str] = set()
        self.count = 0

    def round(self, secret: str = SECRET) -> list[Finding]:
        assert self.settings.axis is not None
        self.work()
        with AxisClient(self.settings.axis, secret.encode()) as client:
            findings = exchange(self.node, self.settings, client, self.known)
        self.work()
        return list(findings)

    def work(self) -> None:
        while pipeline.forward(self.node):
            pass

    def hand_in(self, *to: str, subject: str = TITLE) -> str:
        self.count += 1
        data = fixtures.document(sender="H53", to=to or ["H01.151"], document_id=f"H53,{self.count}", subject=subject)
        [answer] = pipeline.accept(self.node, [Submission(MemoryBody(data), "so-ta", "cli")])
        assert answer.accepted, answer.finding
        self.work()
        return answer.digest

    def states(self, digest: str) -> dict[str, State]:
        return {one.recipient: one.state for one in self.node.ledger.views.list_deliveries(digest=digest)}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with closing(RecordingAxis(SECRET)) as axis:
        axis.about = lambda data: (TITLE, NOTATION)
        (tmp_path / "axis.secret").touch(mode=0o600)
        (tmp_path / "axis.secret").write_text(SECRET, encoding="utf-8")
        path = tmp_path / "tinh.toml"
        path.write_text(
            f"""
[node]
name = "tinh-nha"
data = "data-tinh"
[axis]
url = "{axis.url}"
system_id = "000.00.00.H53"
secret_file = "axis.secret"
unsigned = {{ until = 2099-12-31, reason = "trục chưa ký" }}
[[offices]]
name = "so-ta"
agencies = ["H53"]
unsigned = {{ until = 2099-12-31, reason = "chưa ký" }}
""",
            encoding="utf-8",
        )
        serving.make(path)
        settings = load(path)
        with node_of(settings) as node:
            yield Here(axis, node, settings)


def test_each_call_is_as_the_axis_reads_it(here: Here) -> None:
    digest = here.hand_in("H01.151", "G22")
    here.axis.waiting.append(Kept("den-1", fixtures.document(sender="H01.151", to=["H53"], document_id="đến 1"), {}))
    assert here.round() == []
    [(_, sent, body)] = [one for one in here.axis.calls if one[0] == "sendEdoc"]
    assert body == here.node.bodies.open([digest])[digest].whole()
    assert sent["Content-Length"] == str(len(body))
    assert sent["Content-Type"] == sent["XroadVnpt-Content-Type"] == "application/octet-stream"
    assert sent["XroadVnpt-from"] == "H53"
    assert sorted(json.loads(sent["XroadVnpt-to"])) == ["000.00.00.G22", "H01.151"]
    assert (sent["XroadVnpt-servicetype"], sent["XroadVnpt-messagetype"]) == ("eDoc", "edoc")
    assert re.fullmatch(r"\d{8}T\d{6}\+\d{4}", sent["XroadVnpt-timestamp"])
    [(_, listed, nothing)] = [one for one in here.axis.calls if one[0] == "getReceivedEdocList"][:1]
    assert nothing == b""
    assert re.fullmatch(r"\d{4}/\d{2}/\d{2}", listed["XroadVnpt-fromDate"])
    assert {call for call, _, _ in here.axis.calls} >= {"getSentEdocList", "getEdoc", "updateStatus"}
    assert [one["status"] for one in here.axis.updates] == ["processing"]
    [came] = offices.ready(here.node.ledger.views, here.settings)
    offices.confirm(here.node, [InboxLetter("so-ta", came.delivery.name)])
    assert here.round() == []
    assert [one["status"] for one in here.axis.updates] == ["processing", "done"]
    here.axis.documents[0].status = "done"
    assert here.round() == []
    assert set(here.states(digest).values()) == {State.CONFIRMED}


@pytest.mark.parametrize("fault", ["html", "number", "list", "unknown", "send-lost-before"])
def test_an_axis_that_answers_badly_loses_nothing_and_is_named(here: Here, fault: str) -> None:
    digest = here.hand_in()
    here.axis.fault = fault
    try:
        told = here.round()
    except Setback as setback:
        told = [setback.finding]
    assert {one.code for one in told} == {"EDX923"}
    assert here.states(digest) == {"H01.151": State.AVAILABLE}
    assert here.axis.documents == []
    assert here.round() == []  # it is well again
    assert len(here.axis.documents) == 1


def test_an_answer_that_is_lost_does_not_double_the_document(here: Here) -> None:
    """This axis gives each sending a number of its own, so only its list can tell."""
    digest = here.hand_in("H01.151", "G22")
    here.axis.fault = "send-lost-after"
    with pytest.raises(Setback, match="EDX923"):
        here.round()
    assert len(here.axis.documents) == 1
    assert here.round() == []
    assert len(here.axis.documents) == 1
    here.axis.documents[0].status = "done"
    assert here.round() == []
    assert set(here.states(digest).values()) == {State.CONFIRMED}


def test_a_crash_before_our_note_does_not_double_it_either(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.hand_in()

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(bridge, "number", die)
        here.round()
    here.known = set()  # as in a new process
    assert here.round() == []
    assert here.round() == []
    assert len(here.axis.documents) == 1


@pytest.mark.parametrize("differs", ["subject", "recipient", "time", "known", "silent"])
def test_in_doubt_it_goes_again_rather_than_never(here: Here, differs: str) -> None:
    """What the list shows must be this document by all that it tells."""
    here.hand_in()
    here.axis.fault = "send-lost-after"
    with pytest.raises(Setback):
        here.round()
    [there] = here.axis.documents
    if differs == "subject":
        there.title = "V/v việc khác"
    elif differs == "recipient":
        there.fields["to"] = '["G22"]'
    elif differs == "time":
        there.at = there.at.replace(year=2020)
    elif differs == "silent":
        here.axis.lists_sent = False
    else:  # that number belongs to another of ours
        other = here.hand_in(subject="V/v việc khác")
        bridge.number(here.node, [InboxLetter("axis", f"{other}.H01.151")], there.number)
    assert here.round() == []
    assert len(here.axis.documents) == 2


def examined(here: Here) -> list[tuple[str, str]]:
    return [(detail, finding.code if finding else "") for detail, finding in checks.CHECKS["axis"](here.settings)]


def test_the_doctor_tells_how_the_axis_is(here: Here) -> None:
    here.hand_in()
    reached, clock, waiting = examined(here)
    assert reached == (here.axis.url, "")
    assert clock[1] == ""
    assert waiting == ("1 letters have no end there yet; 0 of them were sent", "")
    assert here.axis.documents == []
    here.round()
    assert examined(here)[2][0] == "1 letters have no end there yet; 1 of them were sent"
    here.axis.ahead = timedelta(minutes=-20)
    assert examined(here)[1][1] == "EDX920"
    here.axis.secret = b"another"
    assert examined(here)[0][1] == "EDX923"
    here.axis.close()
    assert [code for _, code in examined(here)] == ["EDX923", ""]
