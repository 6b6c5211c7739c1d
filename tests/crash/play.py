"""Three nodes in one process, played to the end by a script that may be started again after any crash.

``play(folder)`` lets offices submit, the nodes work, and offices answer, until nothing is left to do. A sender who
got no answer sends again, so starting the script anew on what a crash left is what real systems would do together.
The ports may be wrapped on the way (:mod:`tests.crash.ports`), which is how a test makes a call fail or kill.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edxml_router import pipeline
from edxml_router.config import load
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.problems import Setback
from edxml_router.demo.letters import File, Post
from edxml_router.demo.oracle import Witness, stray_files
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.node.worker import work
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox
from edxml_router.store.journal import sequencer
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring import composition
from edxml_router.wiring.composition import Wrap
from tests.clocks import Given

PLANS = (
    NodePlan("tw", "Trung ương", ("G22",), delivery={"chunk_bytes": "16 KiB"}),
    NodePlan("tinh", "Tỉnh", ("H53",), "tw", ("H53",), delivery={"chunk_bytes": "16 KiB"}),
    NodePlan("huyen", "Huyện", ("H53.31",), "tinh", ("H53.31",), delivery={"chunk_bytes": "16 KiB"}),
)
LARGE = (File("phu-luc.zip", 70_000),)  # travels in chunks, and is kept as a file
REFUSES = "H53"  # the office that returns what is marked as urgent
STEP = timedelta(minutes=10)  # past every lease and retry
WAIT_SECONDS = 60.0  # a play takes a second; past this it will never end


class Clock(Given):
    """Moves on only when there is nothing to do, past every lease at once."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self._now = now

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=1)  # so that no two moments are the same
        return self._now

    def skip(self) -> None:
        self._now += STEP


def prepare(folder: Path) -> None:
    """Make the nodes, and the letters that will be sent."""
    tree = Tree(folder, PLANS)
    post = Post(tree.pki)
    letters = {
        "tw-1": post.document("G22", ["H53", "H53.31"], 1, "V/v gửi hai nơi"),
        "tw-2": post.document("G22", ["H53.31"], 2, "V/v gửi tệp lớn", files=LARGE),
        "tw-3": post.document("G22", ["H53"], 3, "V/v bị trả lại", priority=3),
        "tw-4": post.document("G22", ["H53"], 4, "V/v chưa ký", signer=None),
        "huyen-1": post.document("H53.31", ["G22"], 5, "V/v báo cáo"),
    }
    (folder / "letters").mkdir()
    for name, data in letters.items():
        (folder / "letters" / name).write_bytes(data)


EXPECTED = {
    ("tw", "H53"): {State.CONFIRMED: 1, State.RETURNED: 1},
    ("tw", "H53.31"): {State.CONFIRMED: 2},
    ("huyen", "G22"): {State.CONFIRMED: 1},
}


class Play:
    """One go at the script."""

    def __init__(self, folder: Path, wrap: Wrap, since: datetime) -> None:
        self._stack = ExitStack()
        self._clock = Clock(since)
        self._opened: dict[str, composition.RunningNode] = {}
        self._hubs = [folder / plan.name / "hub" for plan in PLANS]
        self._unanswered = sorted((folder / "letters").iterdir())
        self._ledgers: dict[str, SqlLedger] = {}
        for plan in PLANS:
            self._opened[plan.name] = self._open(folder, plan.name, wrap)

    def _open(self, folder: Path, name: str, wrap: Wrap) -> composition.RunningNode:
        def wrapped(port_name: str, port: Any) -> Any:
            if port_name == "ledger":
                self._ledgers[name] = port  # for questions that are no part of the play
            return wrap(f"{name} {port_name}", port)

        settings = load(folder / name / "node.toml")
        opened = self._stack.enter_context(composition.open_worker(settings, self._clock, wrapped))
        opened.declare()
        return opened

    def close(self) -> None:
        self._stack.close()

    def to_the_end(self) -> None:
        """Until every sender has its answer and every delivery has ended. Raises TimeoutError."""
        deadline = time.monotonic() + WAIT_SECONDS
        idle = 0
        while idle < 3:  # after skipping ahead three times nothing more has come
            if self._round():
                idle = 0
                continue
            if time.monotonic() > deadline:
                raise TimeoutError("the nodes never came to rest")
            idle = 0 if self._unanswered or not self._at_rest() else idle + 1
            self._clock.skip()
            time.sleep(0.01)  # what was given back is hidden for a while of real time

    def _round(self) -> bool:
        busy = self._submit()
        for opened in self._opened.values():
            with suppress(Setback):
                busy |= self._turn(opened)
        return busy

    def _turn(self, opened: composition.RunningNode) -> bool:
        """What a worker does in one round, and then the node's office."""
        node, busy = opened.node, False
        for hub in opened.transports:
            arrivals = hub.take(node.rules.delivery.batch, 0.0)
            if arrivals:
                busy |= len(batch.receive(node, hub, arrivals).back) < len(arrivals)
        busy |= work(node, lambda _: None)
        pipeline.expire(node)
        sequencer.number_entries(self._ledgers[node.name])
        return busy | self._office(node)

    def _submit(self) -> bool:
        for path in list(self._unanswered):
            name = path.name.split("-")[0]
            submission = Submission(MemoryBody(path.read_bytes()), f"vanthu-{name}", "cli")
            [answer] = pipeline.accept(self._opened[name].node, [submission])
            if not answer.passing:
                self._unanswered.remove(path)
        return False

    def _office(self, node: Node) -> bool:
        [office] = [peer for peer in node.rules.peers.values() if peer.name.startswith("vanthu-")]
        waiting = self._ledgers[node.name].views.inbox(office.codes)
        for item in waiting:
            name = item.delivery.name
            inbox.fetch(node, office.name, name)
            if item.delivery.recipient == REFUSES and item.envelope.urgent:
                inbox.refuse(node, office.name, [name], "Gửi nhầm")
            else:
                inbox.confirm(node, office.name, [name])
        return bool(waiting)

    def _at_rest(self) -> bool:
        counts = [count for ledger in self._ledgers.values() for count in ledger.views.counts().items()]
        return all(state in ENDS for state, count in counts if count) and not any(map(stray_files, self._hubs))


def play(folder: Path, wrap: Wrap = lambda _, port: port, since: datetime | None = None) -> None:
    """Play in ``folder``, which :func:`prepare` made or an earlier play left, until all is at rest."""
    script = Play(folder, wrap, since or datetime.now(UTC))
    try:
        script.to_the_end()
    finally:
        script.close()


def faults(folder: Path) -> list[str]:
    """What is not as it must be after a play, whatever happened before; empty when all is well."""
    wrong: list[str] = []
    digests: dict[str, set[str]] = {}
    for plan in PLANS:
        settings = load(folder / plan.name / "node.toml")
        witness = Witness(settings)
        wrong += witness.at_rest()
        deliveries = witness.deliveries()
        for one in deliveries:
            digests.setdefault(plan.name, set()).add(one.digest)
        for (name, recipient), ends in EXPECTED.items():
            if name == plan.name:
                states = [one.state for one in deliveries if one.recipient == recipient]
                if {state: states.count(state) for state in set(states)} != ends:
                    wrong.append(f"{name}: deliveries to {recipient} ended {states}")
        wrong += stray_files(folder / plan.name / "hub")
        witness.close()
    counted = {name: len(found) for name, found in digests.items()}
    if counted != {"tw": 4, "tinh": 4, "huyen": 3}:
        wrong.append(f"envelopes with deliveries by node: {counted}")
    return wrong
