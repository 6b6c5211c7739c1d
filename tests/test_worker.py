"""What a worker tells about its hubs."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.config import Settings
from edxml_router.core.body import MemoryBody
from edxml_router.core.problems import Finding
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.node.parts import launching
from edxml_router.node.worker import Worker
from edxml_router.observe import events
from edxml_router.observe.orders import Orders
from edxml_router.services.flow import draining
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring import composition, hubs
from edxml_router.wiring.opening import node_of

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
)


def test_trouble_with_a_hub_is_told_when_it_begins_and_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []

    def tell(hub: str, finding: Finding | None) -> None:
        told.append((hub, finding.code if finding else ""))

    monkeypatch.setattr(events, "transport_problem", tell)
    with Tree(tmp_path / "tree", PLANS) as tree:
        worker = Worker(tree.config("tay-ninh"), Orders())

        def turns(opened: composition.RunningNode) -> None:
            for _ in range(3):
                worker._upkeep_at = 0.0
                worker._turn(opened)

        with composition.open_worker(tree.settings("tay-ninh")) as opened:
            turns(opened)
            assert told == [("parent", "EDX701")]
            hubs.declare(tree.settings("quoc-gia"))
            turns(opened)
            assert told == [("parent", "EDX701"), ("parent", "")]
            tree.hub("quoc-gia").rename(tmp_path / "gone")
            turns(opened)
    assert told[2:] == [("parent", "EDX701")]


def test_a_link_in_a_hub_is_told_once_and_the_node_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []

    def tell(hub: str, finding: Finding | None) -> None:
        told.append((hub, finding.code if finding else ""))

    monkeypatch.setattr(events, "transport_problem", tell)
    with Tree(tmp_path / "tree", PLANS) as tree:
        hubs.declare(tree.settings("quoc-gia"))
        new = tree.hub("quoc-gia") / "edx.up.tay-ninh" / "new"
        new.rmdir()
        new.symlink_to(tree.folder)
        worker = Worker(tree.config("quoc-gia"), Orders())
        with composition.open_worker(tree.settings("quoc-gia")) as opened:
            for _ in range(4):
                worker._upkeep_at = 0.0
                worker._turn(opened)
            assert sorted(told) == [("hub", "EDX714"), ("hub, declaring", "EDX714")]
            new.unlink()
            for _ in range(2):
                worker._upkeep_at = 0.0
                worker._turn(opened)
            assert new.is_dir()
    assert sorted(told[2:]) == [("hub", ""), ("hub, declaring", "")]


def test_mailboxes_that_are_being_made_for_the_first_time_are_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: who starts a node for the first time reads no error of what is only not there yet."""
    told: list[tuple[str, str]] = []
    may, make = threading.Event(), hubs.declare

    def slow(settings: Settings) -> None:
        may.wait()
        make(settings)

    monkeypatch.setattr(events, "transport_problem", lambda hub, found: told.append((hub, found.code if found else "")))
    monkeypatch.setattr(hubs, "declare", slow)
    with Tree(tmp_path / "tree", PLANS) as tree, composition.open_worker(tree.settings("quoc-gia")) as opened:
        worker = Worker(tree.config("quoc-gia"), Orders())
        worker._turn(opened)
        assert not opened.declared
        assert told == []
        may.set()
        while not opened.declared:
            worker._upkeep_at = 0.0
            worker._turn(opened)
        for _ in range(2):
            worker._upkeep_at = 0.0
            worker._turn(opened)
    assert told == []


@pytest.mark.parametrize("operators", ["", "4096"])
def test_workers_give_large_blocks_back_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, operators: str
) -> None:
    """By what their environment tells glibc, unless the operator tells it something else."""
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    if operators:
        monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", operators)
    # What is started tells its environment itself, and its end says that it has: /proc has none to show yet while the
    # kernel still sets up the program, and by then Popen has returned.
    told = tmp_path / "environment"
    program = tmp_path / "interpreter"
    program.write_text(f"#!/bin/sh\nenv >'{told}'\n", encoding="utf-8")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    reading, writing = os.pipe()
    try:
        assert launching.start_worker(tmp_path / "none.toml", {}, writing).wait() == 0
    finally:
        os.close(reading)
        os.close(writing)
    assert f"MALLOC_MMAP_THRESHOLD_={operators or 1024 * 1024}" in told.read_text(encoding="utf-8").splitlines()


def test_a_worker_of_a_drained_node_leaves_in_the_hub_what_lies_there(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS) as tree:
        hubs.declare(tree.settings("quoc-gia"))
        [upper, lower] = [tree.settings(plan.name) for plan in PLANS]
        letter = Post(tree.pki).document("H53", ["G22"], 1, "V/v thử")
        with composition.open_worker(lower) as opened:
            pipeline.accept(opened.node, [Submission(MemoryBody(letter), "vanthu-tay-ninh", "cli")])
            pipeline.forward(opened.node)
        with node_of(upper) as node:
            draining.begin(node, "lan", "thay đĩa")
        for _ in range(2):  # a worker, and the one after a restart
            worker = Worker(tree.config("quoc-gia"), Orders())
            with composition.open_worker(upper) as opened:
                for _ in range(3):
                    worker._turn(opened)
                assert not opened.node.ledger.views.find_envelopes()
        with node_of(upper) as node:
            draining.resume(node, "lan", "xong")
        worker = Worker(tree.config("quoc-gia"), Orders())
        with composition.open_worker(upper) as opened:
            while not opened.node.ledger.views.find_envelopes():
                worker._turn(opened)
