"""A body that is damaged at one node is given again by a neighbour that has had the envelope, over either transport."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.chunked import ChunkedEnvelope
from edxml_router.core.link.mending import decode_found, decode_wanted
from edxml_router.core.problems import Refusal
from edxml_router.demo.letters import File, Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.stages import mending
from edxml_router.store.bodies.scrubbing import scrub
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.contract.hubs import until
from tests.trees import AskedTree

PIECES = {"chunk_bytes": "64 KiB"}
PLANS = (
    NodePlan("tw", "Trung ương", ("G22",), delivery=PIECES),
    NodePlan("tinh", "Tỉnh", ("H53",), "tw", ("H53",), delivery=PIECES),
    NodePlan("khac", "Tỉnh khác", ("H01",), "tw", ("H01",)),
)


@dataclass
class Two:
    """A parent and its child, in this process, and a letter for the child."""

    tree: Tree
    tw: RunningNode
    tinh: RunningNode
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def pump(self, node: RunningNode, seconds: float = 5.0) -> None:
        """What has come is dealt with; waits for it."""
        for transport in node.transports:
            if arrivals := transport.take(50, seconds):
                batch.receive(node.node, transport, arrivals)

    def path(self, name: str) -> Path:
        return self.tree.settings(name).node.data / "bodies" / self.digest[:2] / self.digest[2:]

    def delivery(self, node: RunningNode) -> Delivery:
        with node.node.ledger.book() as book:
            [one] = book.deliveries.of([self.digest])
        return one

    def exchange(self, hurt: RunningNode, other: RunningNode) -> None:
        """Found damaged, asked for, given, taken."""
        assert scrub(hurt.node.ledger, hurt.node.bodies, 10**9).damaged == [self.digest]
        assert mending.ask(hurt.node) == []

        def mended() -> bool:
            self.pump(other, 0.2)
            self.pump(hurt, 0.2)
            return self.digest in hurt.node.bodies.open([self.digest])

        until(mended)

    def events(self, name: str, event: str) -> list[tuple[str, str]]:
        return [(row["digest"], row["actor"]) for row in self.tree.ask(name, "journal", "query", "--event", event)]


@pytest.fixture(params=["local", "rabbitmq"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    broker = request.getfixturevalue("broker") if request.param == "rabbitmq" else None
    with AskedTree(tmp_path / "tree", PLANS, broker) as tree, ExitStack() as stack:
        data = Post(tree.pki).document("G22", ["H53"], 1, "V/v lưu trữ", files=[File("ban-ve.zip", 150_000)])
        (tmp_path / "letter").write_bytes(data)
        tree.ask("tw", "send", tmp_path / "letter", "--as", tree.plans["tw"].office)
        tw = stack.enter_context(open_worker(tree.settings("tw")))
        tw.declare()
        tinh = stack.enter_context(open_worker(tree.settings("tinh")))
        tinh.declare()
        yield Two(tree, tw, tinh, data)


def carry(two: Two) -> None:
    """The letter gets to the child."""
    pipeline.forward(two.tw.node)

    def arrived() -> bool:
        two.pump(two.tinh, 0.2)
        with two.tinh.node.ledger.book() as book:
            return bool(book.deliveries.of([two.digest]))

    until(arrived)


def test_either_side_mends_the_other(two: Two) -> None:
    carry(two)
    for hurt, other, names in ((two.tinh, two.tw, ("tinh", "tw")), (two.tw, two.tinh, ("tw", "tinh"))):
        path = two.path(names[0])
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + b"!" + whole[101:])
        two.exchange(hurt, other)
        assert path.read_bytes() == whole == two.data
        assert two.events(names[0], "body.damaged") == [(two.digest, "node")]
        assert two.events(names[0], "body.mended") == [(two.digest, f"link:{names[1]}")]
        assert (path.parents[1] / "damaged" / two.digest).read_bytes() != whole
        assert not list((path.parents[1] / "chunks").glob("*/*"))
    assert two.tree.run("tinh", "journal", "verify").returncode == 0


def test_an_office_that_finds_it_damaged_has_it_asked_for(two: Two) -> None:
    carry(two)
    pipeline.forward(two.tinh.node)
    two.path("tinh").unlink()
    name = f"{two.digest[:16]}.H53"
    assert two.tree.run("tinh", "fetch", name, "-o", two.path("tinh").with_suffix(".out")).returncode == 70
    assert two.events("tinh", "body.damaged") == [(two.digest, "node")]
    assert mending.ask(two.tinh.node) == []

    def there() -> bool:
        two.pump(two.tw, 0.2)
        two.pump(two.tinh, 0.2)
        return two.path("tinh").exists()

    until(there)
    assert two.events("tinh", "body.mended") == [(two.digest, "link:tw")]


def test_nobody_is_given_what_it_never_had_and_nothing_taken_unasked(two: Two) -> None:
    carry(two)
    node = two.tw.node
    assert not mending.give(node, "khac", two.digest)  # a neighbour, but not of this letter
    assert not mending.give(node, "tinh", "ab" * 32)
    announced = ChunkedEnvelope(two.digest, len(two.data), 0)
    assert not mending.take(node, "tinh", announced, two.data)  # which is not damaged
    two.path("tw").unlink()
    assert scrub(node.ledger, node.bodies, 10**9).damaged == [two.digest]
    assert not mending.take(node, "tinh", announced, two.data[:-1] + b"!")
    assert not two.path("tw").exists()
    assert mending.take(node, "tinh", announced, two.data)
    assert two.path("tw").read_bytes() == two.data


def test_what_was_held_for_it_goes_on(two: Two) -> None:
    path = two.path("tw")
    path.rename(path.with_name("away"))
    pipeline.forward(two.tw.node)
    assert (two.delivery(two.tw).state, two.delivery(two.tw).code) == (State.HELD, "EDX603")
    doctor = two.tree.run("tw", "doctor")
    assert (doctor.returncode, f"where   {two.digest}" in doctor.stdout) == (70, True), doctor.stdout
    assert mending.ask(two.tw.node) == []  # nobody else has it
    path.with_name("away").rename(path)  # the file of a back-up
    with two.tw.node.ledger.book() as book:
        later = two.tw.node.now() + timedelta(minutes=2)
        assert book.damages.claim(later, 10) == [two.digest]
        book.connection.exec_driver_sql("UPDATE damaged SET ask_at = 0")
    assert mending.ask(two.tw.node) == [two.digest]
    assert two.delivery(two.tw).state is State.QUEUED
    carry(two)
    assert two.delivery(two.tinh).recipient == "H53"


@pytest.mark.parametrize(
    "data",
    [b"", b"{}\n", b'{"v":"edx/1"}\n', b'{"v":"edx/1","envelope":"../x"}\n', b'{"v":"edx/1","envelope":7}\n'],
)
def test_what_cannot_be_read_is_refused(data: bytes) -> None:
    for decode in (decode_wanted, decode_found):
        with pytest.raises(Refusal) as caught:
            decode(data)
        assert caught.value.code == "EDX704"


def test_a_size_that_is_not_the_bodys_is_refused() -> None:
    line = b'{"v":"edx/1","envelope":"%s","size":5,"chunks":%d}\n'
    assert decode_found(line % (b"ab" * 32, 0) + b"12345")[1] == b"12345"
    for chunks, body in ((0, b""), (0, b"1234"), (2, b"12345")):
        with pytest.raises(Refusal):
            decode_found(line % (b"ab" * 32, chunks) + body)
