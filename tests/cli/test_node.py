"""A node seen from the command line: send, inbox, fetch, confirm, queue, resend, trace, journal, doctor."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from edxml_router import pipeline
from edxml_router.cli.acting import account
from edxml_router.cli.auditor.trace import trail
from edxml_router.cli.session import Session
from edxml_router.config import load
from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.delivery.moves import change
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.document_id import is_digest
from edxml_router.node import worker
from edxml_router.node.worker import Worker
from edxml_router.observe import logs
from edxml_router.services import operator
from edxml_router.services.health import database as health_database
from edxml_router.store.journal import sequencer
from edxml_router.wiring import composition, own_ledger
from tests import fixtures
from tests.cli.conftest import COMMAND, OneNode, call, rows, signed
from tests.shapes import code_of

# --- offices ------------------------------------------------------------------------------------------


def test_a_letter_from_one_office_to_another(node: OneNode) -> None:
    letter = node.letter("H53-1", ["000.00.00.G22"])
    [answer] = node.rows("send", letter, "--as", "vp")
    assert (answer["accepted"], answer["repeated"], answer["document_id"]) == (True, False, "H53-1")
    [again] = node.rows("send", letter, "--as", "vp")
    assert (again["accepted"], again["repeated"]) == (True, True)
    assert node.rows("inbox") == []
    node.work()
    [waiting] = node.rows("inbox", "--office", "vpcp")
    envelope = waiting["envelope"]
    assert (waiting["recipient"], envelope["sender"], envelope["document_id"]) == ("G22", "H53", "H53-1")
    assert node.rows("inbox", "--agency", "000.00.00.G22") == [waiting] == node.rows("inbox")
    assert node.rows("inbox", "--office", "vp") == []
    name = waiting["letter"]
    assert name == f"{answer['digest']}.G22"
    assert node.call("fetch", name, "-o", "got.edxml").exit_code == 0
    assert Path("got.edxml").read_bytes() == letter.read_bytes()
    assert node.call("fetch", name[:12], "-o", "-").stdout_bytes == letter.read_bytes()
    assert node.rows("confirm", f"{name[:16]}.G22") == [{"letter": name, "done": True, "problem": None}]
    assert node.call("confirm", name[:16], "--lang", "vi").stdout == f"{name[:16]}: đã xác nhận\n"
    assert node.rows("inbox") == []
    [notice] = node.rows("inbox", "--notices")
    [receipt] = notice["receipts"]
    assert (notice["office"], receipt["recipient"], receipt["outcome"]) == ("vp", "G22", "confirmed")
    assert "confirmed" in node.call("inbox", "--notices", "--clear").stdout
    assert node.call("inbox", "--notices").stdout == "There are no notices.\n"


def test_an_envelope_is_returned_with_a_reason(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    node.work()
    [waiting] = node.rows("inbox")
    name = waiting["letter"]
    assert node.call("confirm", name, "--refuse").exit_code == 2
    assert node.call("confirm", name, "--refuse", "--reason", "sai nơi nhận").exit_code == 0
    result = node.call("confirm", name)
    assert (result.exit_code, "EDX607" in result.stdout) == (1, True)
    [notice] = node.rows("inbox", "--notices")
    [receipt] = notice["receipts"]
    assert (receipt["outcome"], code_of(receipt), receipt["detail"]) == ("returned", "EDX801", "sai nơi nhận")


def test_one_bad_letter_does_not_stop_the_others(node: OneNode, pki: Path) -> None:
    bad = node.folder / "bad.edxml"
    bad.write_bytes(signed(pki, fixtures.document(sender="H53", to=["H99"], document_id="H53-2")))
    plain = node.folder / "plain.edxml"
    plain.write_bytes(fixtures.document(sender="H53", to=["G22"], document_id="H53-3"))
    result = node.call("send", bad, plain, node.letter("H53-1", ["G22"]), "--as", "vp", "--json")
    assert result.exit_code == 1
    said = [(row["accepted"], code_of(row)) for row in rows(result)]
    assert said == [(False, "EDX501"), (False, "EDX301"), (True, None)]
    shown = node.call("send", plain, "--as", "vp")
    assert shown.stdout.splitlines()[1] == "EDX301 The envelope is not signed"


def test_sending_under_a_wrong_name(node: OneNode) -> None:
    letter = node.letter("H53-1", ["G22"])
    assert "EDX403" in node.call("send", letter, "--as", "nobody").stderr
    assert node.call("send", letter, "--as", "vpcp", "--json").exit_code == 1
    assert node.call("inbox", "--office", "nobody").exit_code == 1


def test_what_is_not_in_an_inbox_cannot_be_fetched(node: OneNode) -> None:
    digest = node.send("H53-1", ["H53.01"])
    for command in (["fetch", digest, "-o", "x"], ["confirm", digest[:12]], ["fetch", "0" * 12, "-o", "x"]):
        result = node.call(*command)
        assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")


def test_a_letter_has_no_number_for_its_office(node: OneNode) -> None:
    """A row's number is given again after a restored back-up: then 1 is another letter, which nobody has."""
    digest = node.send("H53-1", ["G22", "H53"])
    node.work()
    for command in (["fetch", "1", "-o", "x"], ["confirm", "1"], ["confirm", digest[:8]]):
        result = node.call(*command)
        assert (result.exit_code, result.stderr[:6]) == (66, "EDX606")
    several = node.call("confirm", digest[:12])  # the offices of two recipients have it
    assert (several.exit_code, several.stderr[:6]) == (1, "EDX613")
    assert [row["state"] for row in node.rows("queue", "list")] == ["available", "available"]
    assert node.call("confirm", f"{digest[:12]}.G22").exit_code == 0


def test_a_disk_that_is_full_is_not_the_end(node: OneNode) -> None:
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(
        text.replace('#reserve_bytes = "256 MiB"', 'reserve_bytes = "900000 GiB"'), encoding="utf-8"
    )
    result = node.call("send", node.letter("H53-1", ["G22"]), "--as", "vp", "--json")
    assert result.exit_code == 75
    [row] = rows(result)
    assert (row["accepted"], row["try_again"], row["problem"]["code"]) == (False, True, "EDX601")
    assert node.call("doctor").exit_code == 75


# --- the queue ----------------------------------------------------------------------------------------


@pytest.fixture
def waiting(node: OneNode) -> OneNode:
    """Two letters to the child that is never there, one of them to an office too."""
    node.send("H53-1", ["H53.01"])
    node.send("H53-2", ["G22", "H53.01"])
    return node


def test_listing_and_filters(waiting: OneNode) -> None:
    everything = waiting.rows("queue", "list")
    assert [(row["recipient"], row["state"], row["route"]) for row in everything] == [
        ("H53.01", "queued", "link:h53-01"),
        ("G22", "queued", "office:vpcp"),
        ("H53.01", "queued", "link:h53-01"),
    ]
    digest = everything[0]["digest"]

    def count(*options: str) -> int:
        return len(waiting.rows("queue", "list", *options))

    assert count("--link", "h53-01") == count("--link", "link:h53-01") == 2
    assert count("--link", "vpcp") == 1
    assert count("--recipient", "000.00.00.G22") == 1
    assert count("--document", "H53-2") == 2
    assert count("--document", digest[:12]) == 1
    assert count("--state", "held") == count("--older", "1h") == count("--code", "edx701") == 0
    assert count("--state", "queued", "--state", "held") == 3
    assert count("--limit", "2") == 2
    assert waiting.call("queue", "list", "--document", "H53-9").exit_code == 66
    assert waiting.call("queue", "list", "--state", "held").stdout == "Nothing matches.\n"
    assert [row["document_id"] for row in everything] == ["H53-1", "H53-2", "H53-2"]
    shown = waiting.call("queue", "list").stdout
    assert ("link:h53-01" in shown, shown.count("H53-2")) == (True, 2)


def test_shape_and_show(waiting: OneNode) -> None:
    shapes = {row["route"]: row for row in waiting.rows("queue", "shape")}
    assert (shapes["link:h53-01"]["total"], shapes["office:vpcp"]["total"]) == (2, 1)
    assert sum(shapes["link:h53-01"]["ages"].values()) == 2
    assert "<1280m" in waiting.call("queue", "shape").stdout
    [row] = waiting.rows("queue", "show", "1")
    assert (row["document_id"], row["entries"][-1]["event"]) == ("H53-1", "delivery.queued")
    assert "link:h53-01" in waiting.call("queue", "show", "1").stdout
    assert waiting.call("queue", "show", "99").exit_code == 66


def test_what_was_handed_over_says_who_has_to_move(waiting: OneNode) -> None:
    """Handed to the link, accepted by the next node, ready for an office: the state alone does not tell them apart."""

    def waits() -> dict[int, str | None]:
        listed = {row["number"]: row["waits_for"] for row in waiting.rows("queue", "list")}
        [row] = waiting.rows("trace", "H53-2")
        traced = {one["number"]: one["waits_for"] for one in row["deliveries"]}
        assert traced.items() <= listed.items()
        assert all(waiting.rows("queue", "show", str(number))[0]["waits_for"] == one for number, one in listed.items())
        return listed

    def shown(language: str, words: str) -> bool:
        calls = (["queue", "list"], ["queue", "show", "3"], ["trace", "H53-2"])
        return all(words in waiting.call("--lang", language, *call).stdout for call in calls)

    assert waits() == {1: "node", 2: "node", 3: "node"}
    waiting.work()
    assert waits() == {1: "link:h53-01", 2: "office:vpcp", 3: "link:h53-01"}
    assert shown("en", "link:h53-01 has not accepted it yet (handed over ")
    assert shown("vi", "link:h53-01 chưa tiếp nhận (bàn giao ")
    assert "office:vpcp has to fetch and confirm it" in waiting.call("queue", "show", "2").stdout
    accept(waiting, 3)
    assert waits() == {1: "link:h53-01", 2: "office:vpcp", 3: "recipient"}
    assert shown("en", "the recipient has not confirmed yet")
    assert shown("vi", "nơi nhận chưa xác nhận")


def hindrances(node: OneNode) -> dict[int, Any]:
    """By number; the same in the list, alone and in the trace."""
    listed = {row["number"]: row["hindrance"] for row in node.rows("queue", "list")}
    [row] = node.rows("trace", "H53-2")
    assert {one["number"]: one["hindrance"] for one in row["deliveries"]}.items() <= listed.items()
    assert all(node.rows("queue", "show", str(number))[0]["hindrance"] == one for number, one in listed.items())
    return listed


def test_what_waits_for_a_hub_that_is_away_says_so(waiting: OneNode) -> None:
    """Though no attempt was made, and its row says nothing."""
    with composition.open_worker(load(waiting.config)) as opened:  # its hub is a folder that is not there
        for _ in range(3):
            pipeline.forward(opened.node)
    said = hindrances(waiting)
    assert (said[1]["earlier"], said[1]["problem"]["code"], said[1] == said[3], said[2]) == (None, "EDX701", True, None)
    for language, words in (("en", "link:h53-01 is not answered since "), ("vi", "link:h53-01 không có trả lời từ ")):
        for each in (["queue", "list"], ["queue", "show", "1"], ["trace", "H53-1"]):
            shown = waiting.call("--lang", language, *each).stdout
            assert "EDX701" in shown
            assert words in " ".join(shown.split()) or each[1] != "show"  # a table may break its lines
    waiting.work()
    assert list(filter(None, hindrances(waiting).values())) == []


def test_what_waits_behind_an_earlier_letter_of_its_document_names_it(waiting: OneNode) -> None:
    about = fixtures.response_for(organ_id="H53", document_id="H53-2")
    recall = waiting.letter("H53-3", ["H53.01"], business="1", response=about)
    assert waiting.call("send", recall, "--as", "vp").exit_code == 0
    assert {number for number, one in hindrances(waiting).items() if one} == {4}
    [row] = waiting.rows("trace", "H53-3")
    assert row["deliveries"][0]["hindrance"] == {"earlier": 3, "problem": None, "since": None}
    assert "delivery 3, which is of the same document" in " ".join(waiting.call("trace", "H53-3").stdout.split())


def test_an_act_that_is_not_possible_names_what_helps(waiting: OneNode) -> None:
    waiting.work()  # 1 and 3 are forwarded, 2 is available
    assert waiting.call("queue", "hold", "--link", "h53-01", "--reason", "x").stdout.startswith("hold: 0 done, 0 not")

    def answer(*call: str, language: str = "en") -> str:
        shown = waiting.call("--lang", language, *call, "--reason", "x")
        assert shown.exit_code == 1
        return shown.stderr.splitlines()[0]

    maybe = "forwarded; the next node may have it already; ask the sender for a recall, or the operator of link:h53-01"
    assert answer("queue", "hold", "1").endswith(maybe)
    assert answer("queue", "cancel", "1").endswith(maybe)
    assert answer("queue", "hold", "1", language="vi").endswith("hoặc liên hệ người vận hành link:h53-01")
    accept(waiting, 1)
    for act in ("hold", "cancel", "retry"):
        assert "forwarded; the next node has accepted it; ask the sender" in answer("queue", act, "1")
    assert answer("queue", "release", "1").endswith("it is not held")
    assert answer("queue", "hold", "2").endswith("`edxml-router queue cancel` takes it away")
    assert answer("resend", "2").endswith("it is still on its way and needs no new opening")
    waiting.send("H53-3", ["H53.01"])
    waiting.call("queue", "hold", "4", "--reason", "x")
    assert answer("queue", "retry", "4").endswith("held; `edxml-router queue release` lets it go on")
    waiting.call("queue", "cancel", "4", "--reason", "x")
    assert answer("queue", "hold", "4").endswith("cancelled; it has ended; `edxml-router resend` opens it again")
    assert waiting.call("confirm", waiting.rows("inbox")[0]["letter"]).exit_code == 0
    assert answer("resend", "2").endswith("the recipient has it; only a recall by the sender takes it back")


def accept(node: OneNode, number: int) -> None:
    """What the next node's receipt does."""
    with composition.open_node(load(node.config)) as opened, opened.ledger.book() as book:
        accepted = [change(one, Event.ACCEPT, far_accepted=True) for one in book.deliveries.numbered([number])]
        book.deliveries.move(accepted)


def test_hold_release_cancel_resend(waiting: OneNode) -> None:
    assert waiting.call("queue", "hold", "--link", "h53-01").exit_code == 2  # no reason
    assert waiting.call("queue", "hold", "--reason", "x").exit_code == 2  # neither numbers nor filters
    assert waiting.call("queue", "hold", "1", "--link", "h53-01", "--reason", "x").exit_code == 2  # both
    dry = waiting.call("queue", "hold", "--link", "h53-01", "--dry-run")
    assert dry.stdout.splitlines() == ["would hold: 2, not possible: 0", "1 3"]
    assert waiting.rows("queue", "list", "--state", "held") == []
    done = waiting.rows("queue", "hold", "--link", "h53-01", "--reason", "chờ kiểm tra")
    assert [(row["delivery"], row["done"]) for row in done] == [(1, True), (3, True)]
    waiting.work()
    assert [row["number"] for row in waiting.rows("queue", "list", "--state", "held")] == [1, 3]
    assert waiting.call("queue", "release", "1").stdout == "release: 1 done, 0 not possible\n"
    result = waiting.call("queue", "release", "1", "88", "--json")
    assert result.exit_code == 66
    assert [code_of(row) for row in rows(result)] == ["EDX607", "EDX606"]
    assert waiting.call("queue", "retry", "1").exit_code == 0
    assert waiting.call("queue", "cancel", "1", "--reason", "gửi nhầm", "--lang", "vi").stdout == (
        "hủy: 1 xong, 0 không thể\n"
    )
    [story] = waiting.rows("queue", "show", "1")
    assert (story["state"], code_of(story), story["detail"]) == ("cancelled", "EDX803", "gửi nhầm")
    assert f"operator:{account()}" in {entry["actor"] for entry in story["entries"]}
    assert waiting.rows("resend", "H53-1", "--dry-run")[0]["delivery"] == 1
    assert waiting.rows("resend", "H53-1", "--reason", "nhầm lẫn")[0]["done"]
    assert waiting.call("resend", "H53-1").exit_code == 1  # nothing of it has failed any more
    assert waiting.call("resend", "1").exit_code == 1
    assert waiting.call("resend", "H53-77").exit_code == 66


@pytest.mark.parametrize("act", ["hold", "release", "retry", "cancel", "resend"])
def test_a_dry_run_answers_as_the_act_would(waiting: OneNode, act: str) -> None:
    """Of deliveries held, cancelled, handed over, available and queued, and of one that is not there."""
    waiting.send("H53-3", ["G22"])
    waiting.send("H53-4", ["G22"])
    waiting.call("queue", "hold", "1", "--reason", "x")
    waiting.call("queue", "cancel", "2", "--reason", "x")
    waiting.work()
    waiting.call("queue", "cancel", "5", "--reason", "x")
    waiting.send("H53-5", ["G22"])
    states = {row["number"]: row["state"] for row in waiting.rows("queue", "list", "--document", "H53-3")}
    assert states == {4: "available"}
    command = ["resend"] if act == "resend" else ["queue", act]
    asked = [*command, "1", "2", "3", "4", "5", "6", "88", "--reason", "x"]
    before = waiting.rows("journal", "query", "--event", "delivery.")
    dry, said = waiting.call(*asked, "--dry-run", "--json"), waiting.call(*asked, "--dry-run")
    assert waiting.rows("journal", "query", "--event", "delivery.") == before
    real = waiting.call(*asked, "--json")
    assert (dry.exit_code, said.exit_code) == (real.exit_code, real.exit_code) == (66, 66)
    answers = rows(real)
    assert [{**row, "done": row["possible"]} for row in rows(dry)] == answers
    assert not any(row["done"] for row in rows(dry))
    possible = [str(row["delivery"]) for row in answers if row["possible"]]
    assert said.stdout.splitlines() == [
        f"would {act}: {len(possible)}, not possible: {7 - len(possible)}", " ".join(possible)
    ]  # fmt: skip
    assert len(possible) in range(1, 5)
    told = re.findall(r"^EDX60[67] ", said.stderr, re.MULTILINE) + [
        each for found in re.findall(r"and \d+ more of this kind: (.*)", said.stderr) for each in found.split()
    ]
    assert len(told) == 7 - len(possible)


def test_a_filter_acts_only_where_the_state_allows_it(waiting: OneNode) -> None:
    waiting.call("queue", "cancel", "1", "--reason", "x")
    assert waiting.call("queue", "cancel", "--recipient", "H53.01", "--reason", "x").stdout.startswith("cancel: 1 done")
    assert waiting.call("queue", "release", "--state", "queued", "--older", "1ms").stdout.startswith("release: 0 done")
    assert waiting.call("resend", "H53-2", "--recipient", "G22").exit_code == 1
    assert [row["delivery"] for row in waiting.rows("resend", "H53-2", "--recipient", "000.00.01.H53")] == [3]


def test_refused_input_is_kept_for_the_operator(node: OneNode) -> None:
    bad = node.folder / "bad.edxml"
    bad.write_bytes(b"<!DOCTYPE x><x/>")
    node.call("send", bad, "--as", "vp")
    [item] = node.rows("queue", "list", "--quarantine")
    assert (code_of(item), item["peer"], item["size"], item["kept"]) == ("EDX104", "vp", 16, True)
    assert node.rows("queue", "list", "--quarantine", "--code", "EDX101") == []
    assert "EDX104" in node.call("queue", "list", "--quarantine").stdout
    number = str(item["number"])
    assert "DTD" in node.call("queue", "show", number, "--quarantine", "--lang", "vi").stdout
    assert node.call("queue", "show", number, "--quarantine", "-o", "kept").exit_code == 0
    assert Path("kept").read_bytes() == bad.read_bytes()
    assert node.call("queue", "discard", number).exit_code == 0
    assert node.rows("queue", "list", "--quarantine") == []
    assert node.call("queue", "discard", number).exit_code == 66
    assert node.call("queue", "show", number, "--quarantine").exit_code == 66
    assert node.rows("journal", "query", "--event", "quarantine.removed")[0]["actor"] == f"operator:{account()}"


# --- trace and journal --------------------------------------------------------------------------------


def test_trace(node: OneNode) -> None:
    digest = node.send("H53-1", ["H53.01", "G22"])
    node.work()
    for text in ("H53-1", digest, digest[:8].upper()):
        [row] = node.rows("trace", text)
        assert (row["envelope"]["digest"], row["envelope"]["document_id"], row["outcome"]) == (digest, "H53-1", "open")
    assert row["envelope"]["signature"]["indication"] == "passed"
    assert [hop["node"] for hop in row["envelope"]["hops"]] == ["h53"]
    states = {one["recipient"]: one["state"] for one in row["deliveries"]}
    assert states["G22"] == "available"
    assert states["H53.01"] in ("forwarded", "deferred")
    assert row["entries"][0]["event"] == "envelope.accepted"
    [row] = node.rows("trace", "H53-1", "--recipient", "000.00.00.G22")
    assert [one["recipient"] for one in row["deliveries"]] == ["G22"]
    shown = node.call("trace", "H53-1", "--events", "--lang", "vi").stdout
    assert "chờ lấy" in shown
    assert "delivery.offered" in shown
    assert node.call("trace", "H53-9").exit_code == 66


def test_statuses_are_traced_with_their_document(node: OneNode, pki: Path) -> None:
    node.send("H53-1", ["G22"])
    status = node.folder / "status.edxml"
    response = fixtures.response_for(organ_id="H53", document_id="H53-1")
    status.write_bytes(signed(pki, fixtures.status(sender="G22", response=response), "G22"))
    assert node.rows("send", status, "--as", "vpcp")[0]["accepted"]
    assert [row["envelope"]["kind"] for row in node.rows("trace", "H53-1")] == ["document", "status"]
    assert [row["envelope"]["status_code"] for row in node.rows("trace", "H53-1")] == [None, "01"]


def test_a_refused_document_is_traced_to_what_was_kept_of_it(node: OneNode, pki: Path) -> None:
    bad = node.folder / "bad.edxml"
    bad.write_bytes(fixtures.document(sender="H53", to=["G22"], document_id="H53-1"))
    digest = hashlib.sha256(bad.read_bytes()).hexdigest()
    node.call("send", bad, "--as", "vp")
    node.call("send", bad, "--as", "vp")
    for text in ("H53-1", digest, digest[:8]):
        result = node.call("trace", text, "--json")
        [row] = rows(result)
        assert result.exit_code == 1
        assert (row["envelope"], row["outcome"]) == (None, "refused")
        [kept] = row["quarantined"]
        assert (code_of(kept), kept["digest"], kept["count"]) == ("EDX301", digest, 2)
    shown = node.call("trace", "H53-1")
    assert (shown.exit_code, shown.stderr) == (1, "")
    said = shown.stdout.splitlines()
    assert said[:2] == ["H53-1: refused, and never accepted by this node", "EDX301 The envelope is not signed"]
    assert said[-1].endswith(
        f", from vp (cli), times: 2; see `queue show --quarantine 1`, `queue list --quarantine` and "
        f"`journal query --document {digest}`"
    )
    assert "chưa từng tiếp nhận" in node.call("trace", "H53-1", "--lang", "vi").stdout
    assert [row["number"] for row in node.rows("queue", "list", "--quarantine", "--document", "H53-1")] == [1]
    for text in (digest, digest[:8], "H53-1"):
        assert [row["event"] for row in node.rows("journal", "query", "--document", text)] == ["envelope.refused"] * 2
    node.call("queue", "discard", "1")  # now only the journal knows, and only by the digest
    result = node.call("trace", digest[:12])
    assert (result.exit_code, result.stdout.count("envelope.refused")) == (1, 2)
    assert node.call("trace", "H53-1").exit_code == 66
    assert node.call("trace", "00000000").exit_code == 66
    assert node.call("journal", "query", "--document", "H53-1").exit_code == 66


def test_a_refused_try_is_told_beside_the_accepted_document(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    other = node.letter("H53-1", ["H53.01"])
    node.call("send", other, "--as", "vp")
    result = node.call("trace", "H53-1")
    assert (result.exit_code, "refused" in result.stdout) == (0, False)
    assert result.stderr.splitlines()[-1].endswith("see `queue show --quarantine NUMBER`: 1 (EDX404)")


def test_of_a_state_secret_not_even_the_id_is_kept(node: OneNode, pki: Path) -> None:
    secret = node.folder / "secret.edxml"
    data = fixtures.document(sender="H53", to=["G22"], document_id="H53-1", subject="TUYỆT MẬT: kế hoạch")
    secret.write_bytes(signed(pki, data))
    [row] = rows(node.call("send", secret, "--as", "vp", "--json"))
    assert row["problem"]["code"] == "EDX405"
    assert node.rows("queue", "list", "--quarantine")[0]["document_id"] is None
    assert node.call("trace", "H53-1").exit_code == 66
    assert node.call("trace", row["digest"]).exit_code == 1


def test_a_recalled_document_shows_its_recall(node: OneNode, pki: Path) -> None:
    node.send("H53-1", ["G22"])
    recall = node.folder / "recall.edxml"
    recall.write_bytes(signed(pki, fixtures.recall("H53-1", sender="H53", to=["G22"], document_id="H53-2")))
    [answer] = node.rows("send", recall, "--as", "vp")
    [row] = node.rows("trace", "H53-1")
    [change] = row["changes"]
    recalling = change["envelope"]
    assert (recalling["business"], recalling["document_id"], change["outcome"]) == (1, "H53-2", "open")
    assert recalling["digest"] == answer["digest"]
    assert node.rows("trace", "H53-2")[0]["changes"] == []
    assert re.search(r"^  recalled by +H53-2, .*, under way$", node.call("trace", "H53-1").stdout, re.MULTILINE)
    assert re.search(r"^  recalls +H53-1$", node.call("trace", "H53-2").stdout, re.MULTILINE)
    assert "bị thu hồi bởi" in node.call("trace", "H53-1", "--lang", "vi").stdout


def test_asking_the_journal(node: OneNode) -> None:
    digest = node.send("H53-1", ["H53.01", "G22"])
    node.work()
    accepted = node.rows("journal", "query", "--event", "envelope.accepted")
    assert [(row["digest"], row["actor"]) for row in accepted] == [(digest, "vp")]
    assert len(node.rows("journal", "query", "--document", "H53-1", "--recipient", "G22")) == 3
    assert len(node.rows("journal", "query", "--document", digest, "--event", "delivery.")) == 6
    assert len(node.rows("journal", "query", "--limit", "1")) == 1
    assert node.rows("journal", "query", "--until", "1h") == []
    assert node.rows("journal", "query", "--since", "2999-01-01") == []
    assert len(node.rows("journal", "query", "--since", "1h", "--actor", "vp")) == 1
    assert node.rows("journal", "query", "--code", "edx304") == []
    assert node.call("journal", "query", "--since", "yesterday").exit_code == 2
    assert "envelope.accepted" in node.call("journal", "query").stdout


def test_verifying_the_journal(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    node.work()
    [good] = node.rows("journal", "verify")
    assert good["sound"]
    root = f"{good['size']}:{good['root']}"
    assert root in node.call("journal", "verify", "--root", root).stdout
    wrong = node.call("journal", "verify", "--root", f"{good['size']}:{'0' * 64}")
    assert (wrong.exit_code, "EDX605" in wrong.stderr) == (70, True)
    result = node.call("journal", "verify", "--root", f"9999:{'0' * 64}", "--json")
    assert (result.exit_code, rows(result)[0]["sound"]) == (70, False)
    assert node.call("journal", "verify", "--root", "x").exit_code == 2


def test_what_a_command_journals_is_numbered_without_serve(node: OneNode) -> None:
    def state() -> tuple[int, int]:
        [row] = node.rows("journal", "verify")
        assert (row["sound"], row["unnumbered_since"] is None) == (True, row["unnumbered"] == 0)
        return row["size"], row["unnumbered"]

    node.send("H53-1", ["G22", "H53.01"])
    assert state() == (4, 0)  # the rules that are in force, the letter, its two deliveries
    node.call("queue", "hold", "2", "--reason", "x")
    assert state() == (5, 0)
    assert node.call("send", node.letter("H53-2", ["H99"]), "--as", "vp").exit_code == 1  # a refusal ends with a status
    assert state() == (6, 0)


def test_entries_that_no_root_protects_yet_are_told(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    with composition.open_node(load(node.config)) as opened:  # as a command that was killed after its commit
        operator.hold(opened, [1], "lan", "x")
    [row] = node.rows("journal", "verify")
    assert (row["sound"], row["size"], row["unnumbered"]) == (True, 3, 1)
    assert node.rows("journal", "verify") == [row]  # it reads only
    for language, words in {"en": "Not protected by this root yet: 1 ", "vi": "Gốc này chưa bảo vệ: 1 mục"}.items():
        assert words in node.call("--lang", language, "journal", "verify").stdout


def test_deliveries_that_cannot_be_helped_are_told_once(node: OneNode) -> None:
    for number in range(3):
        node.send(f"H53-{number}", ["G22"])
    node.work()
    result = node.call("queue", "hold", "1", "2", "3", "--reason", "thử")
    assert result.stderr.count("EDX607") == 1
    assert "and 2 more of this kind: 2 3" in result.stderr


def test_hold_by_filter_says_what_it_does_not_do(node: OneNode) -> None:
    node.send("H53-1", ["H53.01"])
    result = node.call("queue", "hold", "--link", "h53-01", "--reason", "bảo trì")
    assert result.stdout.splitlines()[-1] == "What is accepted from now on is not held by this."
    assert "accepted from now" not in node.call("queue", "release", "1").stdout


def test_a_clock_that_is_days_ahead_shows_in_the_trail() -> None:
    at = datetime(2026, 11, 27, 9, tzinfo=UTC).astimezone()
    hops = [Hop("xa", at + timedelta(days=3)), Hop("tinh", at), Hop("quoc-gia", at + timedelta(seconds=2))]
    ahead, here = f"{at + timedelta(days=3):%Y-%m-%d %H:%M:%S}", f"{at:%Y-%m-%d %H:%M:%S}"
    assert trail(Session(language="en"), hops) == f"xa {ahead} → tinh {here} → quoc-gia {hops[2].at:%H:%M:%S}"


def test_digests_and_document_ids_are_told_apart() -> None:
    assert is_digest("deadbeef")
    assert is_digest("A" * 64)
    assert not is_digest("deadbee")
    assert not is_digest("H53-1")


# --- doctor and serve ---------------------------------------------------------------------------------


def test_a_healthy_node(node: OneNode) -> None:
    node.work()
    found = {(row["check"], row["result"]) for row in node.rows("doctor")}
    expected = {"packages", "config", "data", "disk", "database", "trust", "neighbours", "catalogue", "clock", "hub"}
    expected |= {"witnesses", "stamps", "backup", "bodies", "outcomes", "metrics", "halts"}
    warnings = {"certificate", "serve", "links"}  # the child's verifier key is not named
    assert found == {(check, "ok") for check in expected} | {(check, "warning") for check in warnings}
    shown = node.call("doctor", "--lang", "vi")
    assert shown.stdout.endswith("Không có lỗi; số cảnh báo cần xem: 3.\n")
    assert "EDX907" in shown.stdout


def test_every_illness_is_named(node: OneNode, pki: Path) -> None:
    key = node.folder / "key.pem"
    key.touch(mode=0o600)
    key.write_bytes((pki / "G22.key.pem").read_bytes())
    text = node.config.read_text(encoding="utf-8")
    text = text.replace(f'anchors = "{pki / "anchors.pem"}"', '#anchors = ""')
    text = text.replace('#key = "node.key.pem"', 'key = "key.pem"', 1)
    text = text.replace('#certificate = "node.cert.pem"', f'certificate = "{pki / "H53.cert.pem"}"', 1)
    text = text.replace('agencies = ["H53"]', 'agencies = ["H53.99"]')
    text += '[parent]\nname = "national"\n[parent.hub]\nkind = "local"\npath = "nowhere"\n'
    node.config.write_text(text, encoding="utf-8")
    (node.folder / "data" / "journal.db").unlink()
    result = node.call("doctor", "--json")
    assert result.exit_code == 78
    said = {row["check"]: row["problem"]["code"] for row in rows(result) if row["problem"] and row["check"] != "config"}
    assert said == {
        "database": "EDX617",
        "trust": "EDX316",
        "certificate": "EDX903",
        "served": "EDX636",  # that agency is not in the certificate
        "neighbours": "EDX411",
        "catalogue": "EDX907",
        "parent": "EDX701",
    }
    assert not (node.folder / "data" / "journal.db").exists()  # looking changes nothing


def test_a_link_in_the_place_of_a_folder_of_the_hub_is_named(node: OneNode) -> None:
    """In a mailbox that the node takes from, and in one that it only writes to."""
    node.work()
    for mailbox in ("edx.up.h53-01", "edx.down.h53-01"):
        folder = node.folder / "hub" / mailbox / "new"
        folder.rmdir()
        folder.symlink_to(node.folder / "data")
    result = node.call("doctor", "--json")
    assert result.exit_code == 75
    told = [row for row in rows(result) if row["check"] == "hub"]
    assert [row["problem"]["code"] for row in told if row["problem"]] == ["EDX714", "EDX714"]
    assert [row["detail"] for row in told][:2] == ["edx.up.h53-01", "edx.down.h53-01"]
    assert "có liên kết hoặc thứ không phải thư mục" in node.call("doctor", "--lang", "vi").stdout


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["has not been started yet: the node's own hub, which `edxml-router serve` makes", "Start it:"]),
        ("vi", ["chưa được khởi động lần nào: máy chủ trung chuyển của chính nút này", "Khởi động nút:"]),
    ],
)
def test_a_node_before_its_first_start_is_new_and_not_ill(node: OneNode, language: str, words: list[str]) -> None:
    found = {row["check"]: (row["result"], row["problem"]["code"]) for row in node.rows("doctor") if row["problem"]}
    assert (found["serve"], found["hub"]) == (("warning", "EDX612"), ("warning", "EDX612"))
    shown = node.call("--lang", language, "doctor")
    assert shown.exit_code == 0
    assert all(one in shown.stdout for one in words)
    assert not (node.folder / "hub").exists()  # looking makes nothing


def test_doctor_says_nothing_good_of_mailboxes_that_it_cannot_see(node: OneNode) -> None:
    node.work()
    (node.folder / "data" / "serve.lock").touch()  # it was started once

    def told(check: str) -> list[tuple[str, str]]:
        answers = rows(node.call("doctor", "--json"))
        return [(row["result"], row["detail"]) for row in answers if row["check"] == check]

    assert told("mailboxes") == [("ok", "h53-01: nobody is absent, no mail waits for room")]
    shown = node.call("--lang", "vi", "doctor").stdout
    assert "h53-01: không bên nào vắng mặt, không thư nào phải chờ chỗ trống" in shown
    (node.folder / "hub").rename(node.folder / "away")
    assert [result for result, _ in told("hub")] == ["failed"]
    assert told("mailboxes") == []


def test_doctor_is_not_in_order_while_letters_wait_with_a_problem(node: OneNode) -> None:
    """Everything that the node depends on may be well, and a letter lie here for good all the same."""
    node.work()
    (node.folder / "data" / "serve.lock").touch()  # it was started once

    def told() -> list[tuple[str, str | None]]:
        found = [row for row in rows(node.call("doctor", "--json")) if row["check"] == "letters"]
        return [(row["result"], row["problem"] and row["problem"]["code"]) for row in found]

    for number in (1, 2):
        node.send(f"H53-{number}", ["H53.01"])
    with closing(sqlite3.connect(node.folder / "data" / "journal.db")) as database, database:
        database.execute("UPDATE bodies SET data = x'00'")
    node.work()
    assert [row["state"] for row in node.rows("queue", "list")] == ["held", "held"]
    assert told() == [("ok", None)]  # it was accepted just now, and may still find its way
    with closing(sqlite3.connect(node.folder / "data" / "journal.db")) as database, database:
        database.execute("UPDATE envelopes SET accepted_at = accepted_at - 3600000000")
    assert told() == [("failed", "EDX603")]
    assert "2 deliveries wait" in node.call("doctor").stdout
    assert "2 lượt chuyển đang chờ" in node.call("--lang", "vi", "doctor").stdout


def test_doctor_is_not_in_order_while_something_waits_to_be_looked_at(
    node: OneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Input that was refused and kept, entries without a place, an offer that could not be laid into its mailbox."""
    node.work()
    (node.folder / "data" / "serve.lock").touch()  # it was started once
    monkeypatch.setattr(health_database, "holder", lambda _: "1234")

    def told() -> dict[str, str | None]:
        found = rows(node.call("doctor", "--json"))
        return {row["check"]: row["problem"] and row["problem"]["code"] for row in found}

    assert [told()[check] for check in ("peers", "journal", "letters")] == [None] * 3
    junk = node.folder / "junk.edxml"
    junk.write_bytes(b"<no/>")
    assert node.call("send", str(junk), "--as", "vp").exit_code != 0
    assert told()["peers"] == "EDX621"
    node.send("H53-1", ["000.00.00.G22"])
    node.work()
    with closing(sqlite3.connect(node.folder / "data" / "journal.db")) as database, database:
        database.execute("UPDATE deliveries SET code = 'EDX703' WHERE state = 'available'")
        database.execute("UPDATE envelopes SET accepted_at = accepted_at - 3600000000")
    assert told()["letters"] == "EDX703"
    old = Entry(datetime.now(UTC) - timedelta(hours=2), "delivery.pushed", actor="node")
    with closing(own_ledger.open_ledger(load(node.config))) as ledger, ledger.book() as book:
        book.journal.note([old])
    assert told()["journal"] == "EDX616"
    with closing(own_ledger.open_ledger(load(node.config))) as ledger:
        sequencer.number_entries(ledger)
    assert told()["journal"] is None


def test_a_link_in_the_place_of_the_mailbox_to_the_parent_is_named_by_the_child(node: OneNode) -> None:
    """It is the parent's operator who must act, but the child's whose mail waits, and who asks why."""
    node.work()
    hub = node.folder / "hub"
    assert call("init", node.folder / "child", "--name", "h53-01").exit_code == 0
    child = OneNode(node.folder / "child", node.pki)
    with child.config.open("a", encoding="utf-8") as file:
        file.write(f'[parent]\nname = "h53"\n[parent.hub]\nkind = "local"\npath = "{hub}"\n')
    (hub / "edx.up.h53-01" / "tmp").rmdir()
    (hub / "edx.up.h53-01" / "tmp").symlink_to(node.folder / "data")
    told = [row for row in rows(child.call("doctor", "--json")) if row["check"] == "parent"]
    assert [row["problem"] and row["problem"]["code"] for row in told] == ["EDX714", None]
    assert told[0]["detail"] == "edx.up.h53-01"


def test_a_database_that_does_not_answer_is_said_once(node: OneNode) -> None:
    """What depends on it is not asked: it would say the same after waiting as long."""
    node.work()
    (node.folder / "data" / "serve.lock").touch()
    with closing(sqlite3.connect(node.folder / "data" / "journal.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        told = rows(node.call("doctor", "--json"))
        assert [row["check"] for row in told if row["problem"] and row["problem"]["code"] == "EDX624"] == ["database"]
        assert {"clock", "hub", "catalogue"} <= {row["check"] for row in told if row["problem"] is None}
        assert not {"peers", "mailboxes", "recovery", "neighbours"} & {row["check"] for row in told}
        other.execute("ROLLBACK")
    assert {"peers", "mailboxes", "neighbours"} <= {row["check"] for row in rows(node.call("doctor", "--json"))}


def test_an_office_whose_agency_was_closed_is_named_with_its_successor(node: OneNode) -> None:
    """Bến Tre became part of Vĩnh Long; Bến Cầu went with the level of the districts. Neither is an illness."""
    text = node.config.read_text(encoding="utf-8")
    text = text.replace('agencies = ["H53"]', 'agencies = ["H53", "H07", "000.00.31.H53"]')
    node.config.write_text(text, encoding="utf-8")
    node.work()
    result = node.call("doctor", "--json")
    assert result.exit_code == 0
    found = [(row["detail"], row["problem"]) for row in rows(result) if row["check"] == "catalogue" and row["problem"]]
    assert [(detail, problem["code"], problem["where"]) for detail, problem in found] == [
        ("H07", "EDX910", "offices[1].agencies"),
        ("000.00.31.H53", "EDX910", "offices[1].agencies"),
    ]
    assert "vp: H07 closed after 2025-06-30; successor H61" in found[0][1]["detail"]
    assert "level district, which ended on 2025-06-30" in found[1][1]["detail"]
    assert "Add the successor's code" in node.call("doctor").stdout


def test_doctor_without_a_usable_configuration(node: OneNode) -> None:
    node.config.write_text("[node]\n", encoding="utf-8")
    result = node.call("doctor", "--json")
    assert result.exit_code == 78
    assert [row["problem"]["code"] for row in rows(result) if row["check"] == "config"] == ["EDX901"]


def test_serve_works_and_ends_when_told(node: OneNode) -> None:
    text = node.config.read_text(encoding="utf-8").replace("#workers = 0", "workers = 1")
    node.config.write_text(text, encoding="utf-8")
    log = node.folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([COMMAND, "--config", node.config, "serve"], stderr=output)
    try:
        until = time.monotonic() + 120
        while b"worker.started" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        node.send("H53-1", ["G22"])
        while not node.rows("inbox"):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
    finally:
        process.kill()
        process.wait()
    assert b"node.ended" in log.read_bytes()


def test_serve_with_a_wrong_configuration_ends_with_78(node: OneNode) -> None:
    node.config.write_text("[node]\n", encoding="utf-8")
    done = subprocess.run([COMMAND, "--config", node.config, "serve"], capture_output=True, text=True, check=False)
    assert (done.returncode, "EDX901" in done.stderr, "Traceback" in done.stderr) == (78, True, False)


def test_a_worker_that_meets_a_mistake_of_ours_tells_where_and_ends_with_70(
    node: OneNode, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(_worker: Worker) -> int:
        raise RuntimeError("số căn cước 0123")

    monkeypatch.setattr(Worker, "run", broken)
    monkeypatch.setattr(sys, "argv", ["worker", str(node.config), str(os.getppid())])
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    try:
        assert worker.main() == 70
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    logs._sink().finish()  # the log has a thread of its own
    said = capfd.readouterr().err
    assert '"event": "node.defect"' in said
    assert "RuntimeError" in said
    assert "0123" not in said


def test_the_package_can_be_run_as_a_module(node: OneNode) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edxml_router.cli.main", "--config", node.config, "queue", "list", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
