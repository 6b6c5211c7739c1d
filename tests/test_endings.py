"""What ends, said in time, once, and of the party that must act."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from edxml_router.core import pki
from edxml_router.core.trust.expiry import Expiry
from edxml_router.credentials import endings
from edxml_router.credentials.endings import EndingWatch, threshold
from edxml_router.credentials.keys import load_certificates, load_key
from edxml_router.demo.tree import NodePlan, Tree

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22", "G09")),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)
DAY = timedelta(days=1)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with Tree(tmp_path / "tree", PLANS) as made:
        yield made


def test_thresholds() -> None:
    expected = {61: None, 60: None, 59.9: 60, 30: 60, 29.9: 30, 7: 30, 6.9: 7, 1: 7, 0.9: 1, 0: 0, -1: 0}
    for days, limit in expected.items():
        assert threshold(NOW + timedelta(days=days), timedelta.max, NOW) == limit


def test_a_list_for_a_week_is_not_said_to_end_from_its_first_day_on() -> None:
    expected = ((7, 6, None), (7, 0.9, 1), (1, 0.9, None), (30, 29, None), (30, 6.9, 7), (1, -0.1, 0))
    for lifetime, days, limit in expected:
        assert threshold(NOW + timedelta(days=days), timedelta(days=lifetime), NOW) == limit


def of(tree: Tree, now: datetime) -> dict[str, tuple[str, int | None]]:
    """What the upper node would say at a moment: the gravest of each kind."""
    found: dict[str, tuple[str, int | None]] = {}
    for one in endings.everything(tree.settings("quoc-gia"), now):
        if one.finding is not None:
            found[one.kind] = (one.finding.code, one.threshold)
    return found


def test_everything_that_ends_is_said_of_who_must_act(tree: Tree) -> None:
    settings = tree.settings("quoc-gia")
    own, [neighbour] = settings.node.certificate, settings.children[0].certificate
    assert own is not None
    assert neighbour is not None
    lists = [one.until for one in endings.lists(settings, datetime.now(UTC)) if one.until]
    until = load_certificates(own)[0].not_valid_after_utc
    assert of(tree, until - 61 * DAY).get("own") is None
    assert of(tree, until - 59 * DAY)["own"] == ("EDX914", 60)
    assert of(tree, until - 20 * DAY)["own"] == ("EDX914", 30)
    assert of(tree, until - 6 * DAY)["own"] == ("EDX917", 7)
    assert of(tree, until - DAY / 2)["own"] == ("EDX917", 1)
    over = {one.kind: one.finding for one in endings.everything(settings, until + 40 * DAY) if one.finding}
    words = {
        "own": "the operator of this node has it renewed",
        "neighbour": "the neighbour has it renewed",
    }
    for kind, text in words.items():
        finding = over[kind]
        assert finding.code == "EDX917"
        assert "(40 d ago)" in finding.detail
        assert text in finding.detail
        assert str(finding.problem.actor) == "operator"  # and never the sender
    end = min(lists)
    assert of(tree, end - 8 * DAY).get("list") is None
    assert of(tree, end - 6 * DAY)["list"] == ("EDX917", 7)
    assert of(tree, end + DAY / 4)["list"] == ("EDX917", 0)
    assert of(tree, end + 9 * DAY)["list"] == ("EDX314", 0)  # past the grace envelopes wait
    anchor = load_certificates(settings.trust.anchors)[0].not_valid_after_utc if settings.trust.anchors else NOW
    assert of(tree, anchor - 29 * DAY)["anchor"] == ("EDX914", 30)
    assert of(tree, anchor + DAY)["anchor"] == ("EDX917", 0)


def test_a_threshold_is_said_once() -> None:
    watch = EndingWatch()

    def said(days: float, code: str = "EDX914", limit: int | None = 60) -> int:
        finding = endings._ending("own", "own", "CN=x", NOW + timedelta(days=days), limit, NOW)
        assert finding is not None
        assert finding.code == code
        return len(watch.news([Expiry("own", "CN=x", NOW, finding, limit)]))

    assert [said(50), said(40), said(29, limit=30), said(28, limit=30), said(6, "EDX917", 7)] == [1, 0, 1, 0, 1]
    assert watch.news([Expiry("own", "CN=x", NOW + 900 * DAY)]) == []  # renewed
    assert said(50) == 1  # another time


def test_a_running_node_says_what_ends_once_and_doctor_says_it_too(tree: Tree) -> None:
    own = tree.settings("quoc-gia").node.certificate
    assert own is not None
    settings, now = tree.settings("quoc-gia"), datetime.now(UTC)
    assert isinstance(settings.node.key, Path)
    issuer = pki.Issuer(load_key(tree.pki / "issuing.key.pem"), load_certificates(tree.pki / "issuing.cert.pem")[0])
    public = load_key(settings.node.key).public_key()
    short = pki.node(issuer, public, "quoc-gia", [], serial=9, at=now, days=5)
    own.write_bytes(short.public_bytes(Encoding.PEM))

    def said() -> list[str]:
        lines = map(json.loads, tree.log("quoc-gia").read_text(encoding="utf-8").splitlines())
        return [line["detail"] for line in lines if line["event"] == "trust.attention" and line["code"] == "EDX917"]

    tree.start("quoc-gia")
    until = time.monotonic() + 60
    while not said():
        assert time.monotonic() < until
        time.sleep(0.02)
    tree._processes["quoc-gia"].send_signal(signal.SIGHUP)  # looks again
    assert tree.stop("quoc-gia") == {"quoc-gia": 0}
    [detail] = said()
    assert "the operator of this node has it renewed" in detail
    shown = tree.run("quoc-gia", "doctor")
    assert shown.returncode != 0
    assert "EDX917" in shown.stdout
    assert "the operator: Have whoever is named renew it now" in shown.stdout
    assert "EDX309" not in shown.stdout
