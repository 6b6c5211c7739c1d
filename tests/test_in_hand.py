"""Messages that end workers: real processes, timers, hubs and databases, a local node's and a large one's."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from edxml_router import pipeline
from edxml_router.config import Settings
from edxml_router.core.body import Body, MemoryBody
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import Tree
from edxml_router.ports.transport import Arrival
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.stages.forwarding.dispatch import LAPSES
from edxml_router.store.bodies.table import SqlBodies
from edxml_router.store.database import migrate
from edxml_router.wiring.composition import RunningNode, open_worker
from edxml_router.wiring.own_ledger import open_ledger
from tests.contract.hubs import until
from tests.test_reload import PLANS

MARK = "V/v gây lỗi"


@dataclass
class Place:
    """The highest node, whose workers die, and the one below it, which writes to it."""

    tree: Tree
    settings: Settings

    def send(self, *subjects: str) -> list[str]:
        """What the other node hands over; the digests."""
        post, sent = Post(self.tree.pki), []
        with open_worker(self.settings) as above:
            above.declare()
        with open_worker(self.tree.settings("tay-ninh")) as child:
            for number, subject in enumerate(subjects, 1):
                data = post.document("H53", ["G22"], number=number, subject=subject)
                [answer] = pipeline.accept(child.node, [Submission(MemoryBody(data), "vanthu-tay-ninh", "cli")])
                assert answer.accepted, answer
                sent.append(answer.digest)
            pipeline.forward(child.node)
        return sent

    def worker(self, turn: Callable[[RunningNode], None]) -> int:
        """A process that takes what there is: 0, or the signal that ended it."""
        child = os.fork()
        if child == 0:
            try:
                with open_worker(self.settings) as opened:
                    turn(opened)
                os._exit(0)
            finally:
                os._exit(1)
        return -os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def kept(self) -> list[tuple[str, str, str]]:
        with closing(open_ledger(self.settings)) as ledger:
            return [(one.code, one.where, one.detail) for one in ledger.views.list_quarantined()]

    def accepted(self, digest: str) -> bool:
        with closing(open_ledger(self.settings)) as ledger, ledger.book() as book:
            return digest in book.envelopes.known([digest])


@pytest.fixture(params=["folder and SQLite", "RabbitMQ and PostgreSQL"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    large = request.param.startswith("Rabbit")
    broker = request.getfixturevalue("broker") if large else None
    with Tree(tmp_path / "tree", PLANS, broker) as tree:
        settings = tree.settings("quoc-gia")
        limits = replace(settings.limits, judging_time=timedelta(milliseconds=500))
        settings = replace(settings, limits=limits)
        if large:
            url = database(request.getfixturevalue("postgresql_url"))
            data = tmp_path / "data"
            data.mkdir(mode=0o700)
            node, store = replace(settings.node, data=data), replace(settings.store, url=url)
            settings = replace(settings, node=node, store=store)
            with closing(open_ledger(settings)) as ledger:
                migrate.upgrade(ledger.engine)
        yield Place(tree, settings)


def database(server: str) -> str:
    name = "edx_in_hand"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def take(opened: RunningNode) -> None:
    """Deal with all there is."""
    [hub] = opened.transports
    arrivals: list[Arrival] = []
    until(lambda: arrivals.extend(hub.take(100, 0.2)) or arrivals)
    while more := hub.take(100, 0.2):
        arrivals += more
    opened.in_hand.receive(opened.node, hub, arrivals)


def test_what_takes_too_long_to_judge_ends_one_worker_and_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, plain = place.send(MARK, "V/v thử nghiệm")
    judge = pipeline.judge

    def for_ever(rules: Any, here: str, submission: Submission, now: Any) -> Candidate:
        while MARK.encode() in submission.data.whole():
            pass
        return judge(rules, here, submission, now)

    monkeypatch.setattr(pipeline, "judge", for_ever)
    ended = [place.worker(take) for _ in range(2)]
    assert ended == [signal.SIGPROF, 0]
    assert [code for code, _, _ in place.kept()] == ["EDX113"]
    assert (place.accepted(slow), place.accepted(plain)) == (False, True)


def test_what_ends_workers_while_it_is_recorded_is_quarantined_unread(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly, plain = place.send(MARK, "V/v thử nghiệm")
    add = SqlBodies.add

    def die(part: SqlBodies, bodies: Mapping[str, Body]) -> None:
        if deadly in bodies:
            os.kill(os.getpid(), signal.SIGKILL)
        add(part, bodies)

    monkeypatch.setattr(SqlBodies, "add", die)
    ended = [place.worker(take)]
    while ended[-1] and len(ended) < 3 * LAPSES:
        ended.append(place.worker(take))
    # Once with the other message in hand, if they came together; that one is not blamed.
    assert ended in ([signal.SIGKILL] * LAPSES + [0], [signal.SIGKILL] * (LAPSES + 1) + [0])
    assert place.kept() == [("EDX623", "transfer", f"{LAPSES} attempts")]
    assert (place.accepted(deadly), place.accepted(plain)) == (False, True)
