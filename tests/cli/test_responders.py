"""What ``trust status`` and ``doctor`` say of responders (OCSP) and their answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router.config import load
from edxml_router.credentials.keys import load_certificates
from edxml_router.credentials.revocation import kept_answers
from edxml_router.credentials.revocation.asking import OcspPoller
from tests.cli.conftest import OneNode, rows
from tests.responder import Responder, send
from tests.shapes import code_of


@pytest.fixture
def responder(node: OneNode, pki: Path, tmp_path: Path) -> Iterator[Responder]:
    """It knows two of three certificates, the second as revoked; the node has met all three."""
    with Responder(pki, tmp_path / "responder") as made:
        with node.config.open("a", encoding="utf-8") as config:
            config.write(f'\n[[trust.ocsp]]\nurl = "{made.url}"\nissuer = "{pki / "issuing.cert.pem"}"\n')
        good, gone, other = (load_certificates(pki / f"{each}.cert.pem")[0] for each in ("H53", "H53.01", "G22"))
        made.knows(good)
        made.knows(gone, revoked=datetime.now(UTC) - timedelta(days=1))
        for each in (good, gone, other):
            kept_answers.note_met(load(node.config).kept_answers, each)
        yield made


def status(node: OneNode) -> dict[str, tuple[bool, str | None, str | None]]:
    """Of each answer by its name: whether it has a date, and the problem."""
    told = rows(node.call("trust", "status", "--json"))
    return {
        row["name"].partition("CN=")[2].split(",")[0] + row["name"].partition(")")[2]: (
            row["until"] is not None, code_of(row), row["problem"] and row["problem"]["detail"]
        )
        for row in told
        if row["kind"] == "answer"
    }  # fmt: skip


def doctor(node: OneNode) -> list[dict[str, Any]]:
    return [row for row in rows(node.call("doctor", "--json")) if row["check"] == "responders"]


def test_status_shows_answers_beside_lists(node: OneNode, responder: Responder) -> None:
    settings = load(node.config)
    assert {each[1:] for each in status(node).values()} == {("EDX319", "no answer yet")}
    OcspPoller(settings).turn(datetime.now(UTC))
    assert node.call("trust", "status", "--json").exit_code == 75
    assert status(node) == {
        "H53, good": (True, None, None),
        "H53.01, revoked": (True, None, None),
        "G22": (False, "EDX319", "no answer yet"),
    }
    shown = node.call("trust", "status").output
    assert "OCSP answer" in shown
    assert "trả lời OCSP" in node.call("trust", "status", "--lang", "vi").output


@pytest.mark.parametrize(("grace", "problem"), [("1d", ("EDX917",)), ("0s", ("EDX314",))])
def test_status_tells_of_old_answers(
    node: OneNode, responder: Responder, grace: str, problem: tuple[str, ...]
) -> None:
    responder.options = ()  # then openssl names no next update
    text = node.config.read_text(encoding="utf-8")
    OcspPoller(load(node.config)).turn(datetime.now(UTC))
    node.config.write_text(text.replace("[trust]\n", f'[trust]\ncrl_grace = "{grace}"\n', 1), encoding="utf-8")
    told = status(node)
    [old] = [each for name, each in told.items() if name.startswith("H53") and "revoked" not in name]
    assert old[1:][: len(problem)] == problem
    assert told["H53.01, revoked"] == (True, None, None)  # which an old answer says as well


def test_doctor_asks_whether_responders_can_be_reached(node: OneNode, responder: Responder) -> None:
    first, *_ = doctor(node)  # nothing is known yet: it is enough that somebody is there
    assert (first["detail"], first["result"]) == (responder.url, "ok")
    OcspPoller(load(node.config)).turn(datetime.now(UTC))
    responder.asked.clear()
    reached, summary, unknown = doctor(node)
    assert (reached["result"], summary["result"], unknown["result"]) == ("ok", "ok", "failed")
    assert summary["detail"].startswith("2 answers, next update ")
    assert unknown["problem"]["code"] == "EDX319"
    assert len(responder.asked) == 1
    responder.options = ("-badsig",)
    assert doctor(node)[0]["problem"]["detail"].startswith("not signed by the authority")
    responder.instead = lambda request, _: send(request, b"<html>")
    assert doctor(node)[0]["problem"]["detail"] == "not an answer that is understood"


def test_doctor_names_who_cannot_be_reached_and_the_remedy(node: OneNode, responder: Responder) -> None:
    text = node.config.read_text(encoding="utf-8")
    node.config.write_text(text.replace(responder.url, "http://127.0.0.1:1/"), encoding="utf-8")
    first, *_ = doctor(node)
    assert first["problem"]["code"] == "EDX319"
    said = node.call("doctor", "--lang", "vi")
    assert said.exit_code == 75
    assert "http://127.0.0.1:1/" in said.output
    assert "kết nối bị từ chối" in said.output
    assert "trust.ocsp" in said.output


def test_without_responders_nothing_is_said(node: OneNode) -> None:
    assert doctor(node) == []
    assert status(node) == {}
