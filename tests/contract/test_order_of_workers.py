"""What is of one document keeps its order where several workers of a node send it, and several of the next take it: on
both databases, over both kinds of hub. The workers run beside each other, each in a thread, as processes would."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import pytest

from edxml_router import pipeline
from edxml_router.config import Settings
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Setback
from edxml_router.demo.letters import Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch as intake
from edxml_router.node.worker import work
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.contract.databases import Database
from tests.contract.hubs import until

HERE, BELOW = "quoc-gia", "tay-ninh"
PLANS = (
    NodePlan(HERE, "Nút quốc gia", ("G22",)),
    NodePlan(BELOW, "Nút tỉnh Tây Ninh", ("H53",), parent=HERE, prefixes=("H53",)),
)
WORKERS = 2  # of each node
DOCUMENTS = 5


@dataclass
class Crew:
    """The workers of both nodes."""

    sending: Sequence[RunningNode]
    taking: Sequence[RunningNode]
    post: Post

    def hand_in(self, *data: bytes) -> list[str]:
        """In one batch; the digests."""
        node = self.sending[0].node
        answers = pipeline.accept(node, [Submission(MemoryBody(each), f"vanthu-{HERE}", "cli") for each in data])
        assert all(each.accepted for each in answers)
        return [each.digest for each in answers]

    def arrived(self) -> list[str]:
        """What came to the node below, in the order of arrival."""
        views = self.taking[0].node.ledger.views
        return [one.digest for one in views.list_deliveries(states=list(State))]

    def run(self, over: Callable[[], bool]) -> None:
        """All of them, until then."""
        ended = Event()
        with ThreadPoolExecutor(2 * WORKERS) as threads:
            running = [threads.submit(_run, each, ended) for each in (*self.sending, *self.taking)]
            try:
                until(lambda: over() or any(each.done() for each in running), 60.0)
            finally:
                ended.set()
        for each in running:
            each.result()


def _run(opened: RunningNode, ended: Event) -> None:
    while not ended.is_set():
        with suppress(Setback):  # the other worker of a file of SQLite was quicker
            for transport in opened.transports:
                intake.receive(opened.node, transport, transport.take(3, 0.01))
            work(opened.node)


@pytest.fixture(params=["rabbitmq", "local"])
def crew(request: pytest.FixtureRequest, tmp_path: Path, database: Database) -> Iterator[Crew]:
    broker: Broker | None = request.getfixturevalue("broker") if request.param == "rabbitmq" else None
    with ExitStack() as stack:
        tree = stack.enter_context(Tree(tmp_path / "tree", PLANS, broker))

        def workers(settings: Settings) -> list[RunningNode]:
            return [stack.enter_context(open_worker(settings)) for _ in range(WORKERS)]

        settings = tree.settings(HERE)
        if not database.is_sqlite:
            settings = replace(settings, store=replace(settings.store, url=database.url))
        sending, taking = workers(settings), workers(tree.settings(BELOW))
        for each in (*sending, *taking):
            each.declare()
            delivery = replace(each.node.rules.delivery, batch=3)  # so that no worker takes all of a document
            each.node.rules = replace(each.node.rules, delivery=delivery)
        yield Crew(sending, taking, Post(tree.pki))


def test_workers_beside_each_other_keep_the_order_of_each_document(crew: Crew) -> None:
    """A letter, its recall and the recall of that, any of them urgent; and documents do not wait for each other."""
    chance = random.Random(7)  # noqa: S311
    sent: list[list[str]] = []
    for number in range(1, DOCUMENTS + 1):
        parts = [
            crew.post.document(
                "G22",
                ["H53"],
                number=place * 100 + number,
                subject="V/v thử nghiệm",
                priority=chance.choice((0, 4)),
                recalls=crew.post.document_id("G22", (place - 1) * 100 + number) if place else "",
            )
            for place in range(3)
        ]
        sent.append(crew.hand_in(*parts))
    every = {digest for parts in sent for digest in parts}
    crew.run(lambda: every <= {*crew.arrived()})
    came = crew.arrived()
    assert [sorted(parts, key=came.index) for parts in sent] == sent
