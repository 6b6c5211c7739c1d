"""The log: one line per event, in both forms; safe to read, and without content."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery, Move
from edxml_router.core.link.route import Route
from edxml_router.core.message.envelope import Document, Envelope, Party
from edxml_router.core.problems import Finding
from edxml_router.core.signature.by_signxml import Indication, Verdict
from edxml_router.observe import events
from edxml_router.observe.escape import json_line, printable
from edxml_router.observe.logs import configure
from edxml_router.stages.acceptance.submission import Acceptance

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
ENVELOPE = Envelope(Party("H53"), (Party("G22"),), Document("H53,2026/03/02,1/UBND-VP", subject="V/v chuyện riêng"))


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def out() -> io.StringIO:
    stream = io.StringIO()
    configure("json", "info", node="h53", stream=stream)
    return stream


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def one(out: io.StringIO) -> dict[str, Any]:
    [line] = lines(out)
    assert list(line)[:4] == ["at", "level", "event", "node"]
    return {key: value for key, value in line.items() if key not in ("at", "node")}


def delivery(number: int, **fields: Any) -> Delivery:
    values: dict[str, Any] = {
        "id": number, "digest": "d" * 64, "recipient": f"H53.{number}", "state": State.FORWARDING,
        "route": Route.link("h53-31"), "origin": Route.office("vp"), "generation": 0, "attempts": 1, "urgent": False,
        "due_at": NOW, "expires_at": NOW, "far_accepted": False, "code": "", "detail": "", "updated_at": NOW,
        "version": 1,
    }  # fmt: skip
    return Delivery(**{**values, **fields})


# --- events -------------------------------------------------------------------------------------------


def test_an_accepted_envelope_is_one_line_without_content(out: io.StringIO) -> None:
    verdict = Verdict(Indication.PASSED, "ok")
    remarks = (Finding("EDX203", "PromulgationDate"), Finding("EDX203", "DueDate"))
    events.answered([Acceptance("d" * 64, accepted=True, envelope=ENVELOPE, verdict=verdict, remarks=remarks,
                            recipients=("G22", "H01"))])  # fmt: skip
    assert one(out) == {
        "level": "info",
        "event": "envelope.accepted",
        "envelope": "d" * 64,
        "sender": "H53",
        "document_id": "H53,2026/03/02,1/UBND-VP",
        "kind": "document",
        "business": 0,
        "recipients": 2,
        "signature": "passed",
        "reason": "ok",
        "remarks": ["EDX203"],
    }
    assert "riêng" not in out.getvalue()


@pytest.mark.parametrize(
    ("answer", "level", "event"),
    [
        (Acceptance("d", accepted=True, repeated=True), "info", "envelope.repeated"),
        (Acceptance("d", finding=Finding("EDX104", "line 1")), "warning", "envelope.refused"),
        (Acceptance("d", passing=True, finding=Finding("EDX601")), "warning", "envelope.put-off"),
        (Acceptance("d", finding=Finding("EDX699", "judge")), "error", "envelope.defect"),
    ],
)
def test_every_answer_has_its_name(out: io.StringIO, answer: Acceptance, level: str, event: str) -> None:
    events.answered([answer])
    line = one(out)
    assert (line["level"], line["event"]) == (level, event)
    assert line.get("code") == (answer.finding.code if answer.finding else None)


def test_moves_of_one_envelope_over_one_link_are_one_line(out: io.StringIO) -> None:
    moves = [
        Move(delivery(1), Event.HAND_OVER, State.FORWARDED),
        Move(delivery(2, attempts=3), Event.HAND_OVER, State.FORWARDED),
        Move(delivery(3), Event.OFFER, State.AVAILABLE, route=Route.office("vp")),
        Move(delivery(4), Event.DEFER, State.DEFERRED, code="EDX701", detail="mq.example.vn"),
    ]
    events.moved(moves)
    said = [(x["event"], x["level"], x["route"], x["recipients"], x["attempts"], x.get("code")) for x in lines(out)]
    assert said == [
        ("delivery.forwarded", "info", Route.link("h53-31"), 2, 3, None),
        ("delivery.available", "info", Route.office("vp"), 1, 1, None),
        ("delivery.deferred", "warning", Route.link("h53-31"), 1, 1, "EDX701"),
    ]


def test_the_life_of_a_node(out: io.StringIO) -> None:
    events.node_started(2)
    events.worker_started(7)
    events.worker_lost(7, -9, 0.5)
    events.side_process_lost("gateway", 8, -9, 0.5)
    events.reload_refused([Finding("EDX901", "node.toml, line 3", "x"), Finding("EDX902", "a.pem")])
    events.reloaded()
    events.setback(Finding("EDX602", "store"))
    events.worker_ended(8)
    events.node_ended()
    assert [(x["event"], x["level"]) for x in lines(out)] == [
        ("node.started", "info"),
        ("worker.started", "info"),
        ("worker.lost", "error"),
        ("gateway.lost", "error"),
        ("config.refused", "error"),
        ("config.refused", "error"),
        ("node.reloaded", "info"),
        ("node.setback", "error"),
        ("worker.ended", "info"),
        ("node.ended", "info"),
    ]


def test_a_clock_that_was_set_is_an_alarm(out: io.StringIO) -> None:
    for step in (1.5, -3):
        events.clock_stepped(step)
    told = [(line["level"], line["event"], line["code"], line["detail"]) for line in lines(out)]
    assert told == [
        ("error", "clock.stepped", "EDX660", "1.500000 s back"),
        ("error", "clock.stepped", "EDX660", "3.000000 s ahead"),
    ]


def test_an_exception_is_told_by_type_and_place_only(out: io.StringIO) -> None:
    try:
        raise ValueError("số căn cước 0123")
    except ValueError as error:
        events.defect("judge", error)
    line = one(out)
    assert (line["error"], line["code"]) == ("ValueError", "EDX699")
    assert line["places"][-1].endswith("test_an_exception_is_told_by_type_and_place_only")
    assert "0123" not in out.getvalue()


# --- form ---------------------------------------------------------------------------------------------


def test_levels_are_obeyed() -> None:
    out = io.StringIO()
    configure("json", "warning", stream=out)
    events.node_started(1)
    events.setback(Finding("EDX602"))
    assert [line["event"] for line in lines(out)] == ["node.setback"]


def test_a_restored_journal_says_since_when_as_every_other_line_says_a_time(out: io.StringIO) -> None:
    events.restored("ab", NOW, "entry 7 of the journal is missing")
    assert datetime.fromisoformat(one(out)["since"]) == NOW


def test_a_stranger_cannot_forge_a_line(out: io.StringIO) -> None:
    events.setback(Finding("EDX701", 'x"}\n{"event":"envelope.accepted"}', "\u202etxt\x1b[2J" + "a" * 1000))
    line = one(out)
    assert line["where"] == 'x"}\\n{"event":"envelope.accepted"}'
    assert line["detail"].startswith("\\u202etxt\\x1b[2J")
    assert len(line["detail"]) < 350


def test_pretty_and_plain_when_it_is_not_a_terminal() -> None:
    for form, is_json in (("pretty", False), ("auto", True)):
        out = io.StringIO()
        configure(form, "info", node="h53", stream=out)
        events.node_started(1)
        assert out.getvalue().startswith("{") is is_json
        assert "node.started" in out.getvalue()
        assert "\x1b" not in out.getvalue()


def test_what_libraries_say_has_the_same_form(out: io.StringIO) -> None:
    logging.getLogger("alembic.env").info("connected")
    logging.getLogger("alembic.env").warning("lost %s", "a\nb")
    assert one(out) == {"level": "warning", "event": "lost a\\nb", "logger": "alembic.env"}


def test_what_pika_says_of_each_attempt_is_left_to_the_transports(out: io.StringIO) -> None:
    logging.getLogger("pika.adapters").error("Socket failed to connect")
    events.transport_problem("parent", Finding("EDX707", "mq.example.vn:5671//", "certificate has expired"))
    events.transport_problem("parent", None)
    failed, mended = lines(out)
    assert (failed["event"], failed["hub"], failed["code"]) == ("transport.problem", "parent", "EDX707")
    assert (mended["event"], mended["hub"]) == ("transport.mended", "parent")


@given(st.text())
def test_what_is_printable_has_no_control_or_direction_marks(text: str) -> None:
    shown = printable(text)
    assert not any(character in shown for character in "\n\r\x1b\x00\u202e\u2066\u061c")
    shown.encode("utf-8")
    assert len(printable(text, 10)) <= 100
    if text.isprintable() and len(text) < 300 and text.isascii():
        assert shown == text


def test_vietnamese_is_printable() -> None:
    assert printable("Ủy ban nhân dân xã Long Chữ") == "Ủy ban nhân dân xã Long Chữ"


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_drives_no_terminal_and_says_the_same(value: Any) -> None:
    line = json_line(value)
    assert json.loads(line) == value
    assert not any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in line)


def test_json_leaves_vietnamese_readable() -> None:
    assert json_line({"name": "xã Long Chữ", "at": NOW}, str) == f'{{"name": "xã Long Chữ", "at": "{NOW}"}}'
    assert json_line("a\x9b\u202e\U000e0041") == '"a\\u009b\\u202e\\udb40\\udc41"'
