"""The conformance kit, against a real node with its gateway: a good product passes every case, and each fault that is
planted in one is found by the case that is for it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner

from edxml_router.cli.main import cli
from edxml_router.conformance.reporting.report import shortfall
from edxml_router.core.problems import Finding
from edxml_router.node.worker import work
from edxml_router.shapes.office.conformance import ConformanceShape
from tests.conformance.product import Product
from tests.gateway.test_guide import SEALS
from tests.gateway.world import World
from tests.shapes import faults


class Node(World):
    """A world whose worker works by itself."""

    def __enter__(self) -> Node:
        super().__enter__()
        self._ending = threading.Event()
        self._working = threading.Thread(target=self._work)
        self._working.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._working.join(60)
        super().__exit__(*error)

    def _work(self) -> None:
        while not self._ending.is_set():
            if not work(self.worker):
                self._ending.wait(0.01)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    with Node(Path(tmp_path_factory.mktemp("conformance")), rest=SEALS) as running:
        yield running


def conformance(node: Node, *options: str, expected: int, language: str = "en") -> dict[str, Any]:
    (node.folder / "token").write_text(node.token("vp"))
    pki = node.pki
    arguments = ["--lang", language, "conformance", node.url, "--ca", str(pki / "anchors.pem")]
    arguments += ["--token", str(node.folder / "token"), "--to", "H01.151"]
    arguments += ["--sign-key", str(pki / "H53.key.pem"), "--sign-cert", str(pki / "H53.cert.pem"), *options]
    return called(arguments, expected)


def called(arguments: Sequence[str], expected: int) -> dict[str, Any]:
    done = CliRunner().invoke(cli, [*arguments, "--json"])
    assert done.exit_code == expected, done.output
    [line] = [line for line in done.stdout.splitlines() if line.startswith('{"started_at"')]  # the node logs there too
    told: dict[str, Any] = json.loads(line)
    assert faults(told, ConformanceShape) == []
    return told


def cases(told: dict[str, Any], verdict: str) -> set[str]:
    return {one["case"] for one in told["cases"] if one["verdict"] == verdict}


def one_case(told: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in told["cases"] if one["case"] == name]
    return dict(found)


def chosen(*names: str) -> list[str]:
    return [word for name in names for word in ("--case", name)]


def test_a_good_product_passes_every_case(node: Node, tmp_path: Path) -> None:
    large = str(40 * 1024 * 1024) if os.environ.get("EDXML_ROUTER_EXHAUSTIVE") else "100000"
    page = tmp_path / "report.html"
    with Product(node, folder=tmp_path):
        told = conformance(node, "--wait", "60s", "--large", large, "--html", str(page), expected=75, language="vi")
    assert cases(told, "not-held") == set()
    assert cases(told, "not-tried") == {"refused"}  # only the node knows what it refuses: see below
    assert (told["held"], told["chosen"]) == (len(told["cases"]) - 1, len(told["cases"]))
    signed = one_case(told, "signed")
    assert [len(one["digest"]) for one in signed["messages"]] == [64]
    assert [fact["at"] is not None for fact in signed["seen"]] == [True, True]
    assert (signed["actor"], signed["remedy"]) == (None, None)
    text = page.read_text("utf-8")
    assert '<html lang="vi">' in text
    assert "Báo cáo kiểm thử tương thích" in text
    assert "<script" not in text
    assert text.count("<section") == len(told["cases"])
    assert signed["messages"][0]["digest"] in text


# What is planted in the product; the cases that are tried, and those of them that must find it.
PLANTED = {
    "order": (("order-id", "order-party", "prefixes"), {"order-id"}),
    "twice": (("signed", "duplicate"), {"duplicate"}),
    "recall": (("recall-early", "recall-late", "asked-back", "update"), {"recall-early", "recall-late"}),
    "marks": (("nfc", "nfd", "says-right"), {"nfd"}),
    "codes": (("signed", "says-right", "sender-signed"), {"says-right"}),
    "reasons": (("returned", "says-02"), {"says-02"}),
    "bytes": (("letter", "attachment", "sender-signed"), {"attachment"}),
    "statuses": (("letter", "takes-04", "takes-05"), {"takes-05"}),
    "question": (("letter", "sender-text"), {"sender-text"}),
    "dates": (("letter", "sender-form"), {"sender-form"}),
    "again": (("letter", "sender-ids", "sent-back"), {"sent-back"}),
}
# Several at once, and each by itself where there is time for it.
TOGETHER = [
    ("order", "twice", "recall", "marks"),
    ("codes", "reasons", "bytes", "statuses", "question", "dates", "again"),
]
ALONE = [(fault,) for fault in PLANTED] if os.environ.get("EDXML_ROUTER_EXHAUSTIVE") else []


@pytest.mark.parametrize("planted", [*TOGETHER, *ALONE], ids="+".join)
def test_what_is_planted_is_found_by_the_case_for_it(node: Node, tmp_path: Path, planted: tuple[str, ...]) -> None:
    names = {name for fault in planted for name in PLANTED[fault][0]}
    right = set().union(*(PLANTED[fault][1] for fault in planted))
    with Product(node, planted, folder=tmp_path, hands=not set(planted) & set(TOGETHER[0])):
        told = conformance(node, *chosen(*sorted(names)), "--wait", "5s", expected=1)
    assert cases(told, "not-held") == right
    assert cases(told, "held") == names - right
    for name in right:
        found = one_case(told, name)
        assert found["seen"]
        assert found["remedy_vi"] != found["remedy"]


def test_where_nothing_is_taken_nothing_else_is_tried(node: Node, tmp_path: Path) -> None:
    with Product(node, ["silent"], folder=tmp_path):
        told = conformance(node, *chosen("signed", "nfd", "letter"), "--wait", "1s", expected=1)
    assert cases(told, "not-held") == {"signed"}
    assert cases(told, "held") == set()
    assert "first letter" in one_case(told, "nfd")["seen"][0]["text"]


def test_what_nobody_did_was_not_tried(node: Node, tmp_path: Path) -> None:
    with Product(node, folder=tmp_path, hands=False):
        told = conformance(node, *chosen("signed", "letter", "returned"), "--wait", "5s", expected=75)
        assert cases(told, "held") == {"signed"}
        assert shortfall(cast("ConformanceShape", told)) == Finding("EDX808", "H01.151", "2 of 3: returned, letter")
        letter = one_case(told, "letter")
        assert (letter["verdict"], letter["actor"]) == ("not-tried", "sender")
        assert letter["remedy"] == letter["instruction"]
        told = conformance(node, *chosen("signed", "letter"), "--unattended", "--wait", "60s", expected=0)
        assert (told["chosen"], told["held"]) == (1, 1)


@pytest.mark.parametrize(("planted", "verdict"), [((), "held"), (("stubborn",), "not-held")])
def test_at_the_node_it_is_seen_what_was_refused(
    node: Node, tmp_path: Path, planted: tuple[str, ...], verdict: str
) -> None:
    arguments = [
        "--config",
        str(node.path),
        "conformance",
        "--office",
        "so",
        "--wait",
        "20s",
        *chosen("signed", "refused"),
    ]
    if planted:  # otherwise the node's seal signs
        arguments += ["--sign-key", str(node.pki / "H53.key.pem"), "--sign-cert", str(node.pki / "H53.cert.pem")]
    with Product(node, (*planted, "brief"), folder=tmp_path):
        told = called(arguments, 0 if verdict == "held" else 1)
    assert (told["node"], told["agency"], told["counterpart"]) == ("tinh", "H01.151", "H53")
    assert one_case(told, "refused")["verdict"] == verdict
    assert "EDX301" in one_case(told, "refused")["seen"][0]["text"]
    assert any("fetched" in fact["text"] for fact in one_case(told, "signed")["seen"])


def test_who_ends_the_waiting_has_a_report_of_what_was_seen(node: Node, tmp_path: Path) -> None:
    with Product(node, ["interrupt"], folder=tmp_path, hands=False):
        told = conformance(node, *chosen("signed", "letter"), "--wait", "1h", expected=75)
    assert cases(told, "not-held") == set()  # what was not waited for is no fault
    assert one_case(told, "signed")["messages"]


def failed(*arguments: str) -> str:
    done = CliRunner().invoke(cli, ["--lang", "en", *arguments])
    assert done.exit_code != 0
    return f"{done.exit_code} {done.output}"


def test_who_is_not_reached_or_not_named_is_told(node: Node) -> None:
    pki = node.pki
    keys = ("--sign-key", str(pki / "H53.key.pem"), "--sign-cert", str(pki / "H53.cert.pem"))
    (node.folder / "token").write_text(node.token("vp"))
    known = ("conformance", node.url, "--token", str(node.folder / "token"), "--ca", str(pki / "anchors.pem"))
    assert "EDX436" in failed(*known, *keys)
    assert "EDX501" in failed(*known, *keys, "--to", "H99.99")
    assert failed("conformance", node.url, "--to", "H01.151", *keys).startswith("75 EDX435")  # who issued it is unknown
    other = ("--sign-key", str(pki / "H01.151.key.pem"), "--sign-cert", str(pki / "H01.151.cert.pem"))
    assert "EDX402" in failed(*known, *other, "--from", "H53", "--to", "H01.151", "--wait", "1s")
    assert failed("conformance").startswith("2 ")
    assert failed("conformance", node.url).startswith("2 ")
    assert failed(*known, *keys, "--case", "nothing").startswith("2 ")
    named = ("--config", str(node.path), "conformance", "--office")
    assert "EDX436" in failed(*named, "so", "--as", "so")
    assert "EDX403" in failed(*named, "nobody")


def test_the_report_says_what_to_give_the_makers(node: Node, tmp_path: Path) -> None:
    with Product(node, ["codes"], folder=tmp_path):
        (node.folder / "token").write_text(node.token("vp"))
        pki = node.pki
        shown = failed(
            "conformance", node.url, "--token", str(node.folder / "token"), "--ca", str(pki / "anchors.pem"),
            "--sign-key", str(pki / "H53.key.pem"), "--sign-cert", str(pki / "H53.cert.pem"),
            "--to", "H01.151", *chosen("says-right"), "--wait", "20s",
        )  # fmt: skip
    assert shown.startswith("1 ")
    assert "EDX807" in shown
    assert "status 14 is none of the standard" in shown
    assert "Register letter" in shown
