"""What a node accepts from a hub it sends on at once, from memory: with two commits, and in no other order."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Setback
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import Tree
from edxml_router.disk.bell import FILE, FileBell
from edxml_router.intake import batch as intake
from edxml_router.node.worker import Worker
from edxml_router.observe.orders import Orders
from edxml_router.ports.transport import Handover, Parcel
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.forwarding import sending
from edxml_router.stages.rulesets.keeping import keep_rules
from edxml_router.wiring.composition import open_worker
from tests.clocks import Moved
from tests.contract.hubs import parcel
from tests.crash.ports import Meddler
from tests.test_order import recall
from tests.test_pipeline import PLANS, Nodes, letter

NATION, PROVINCE, OTHER = (plan.name for plan in PLANS)


@pytest.fixture
def watched() -> Meddler:
    return Meddler()


@pytest.fixture
def nodes(tmp_path: Path, watched: Meddler) -> Iterator[Nodes]:
    with ExitStack() as stack:
        tree, clock = stack.enter_context(Tree(tmp_path / "tree", PLANS)), Moved()
        opened = {
            plan.name: stack.enter_context(
                open_worker(
                    tree.settings(plan.name), clock, lambda name, port, of=plan.name: watched.wrap(f"{of} {name}", port)
                )
            )
            for plan in PLANS
        }
        for each in opened.values():
            each.declare()
        yield Nodes(opened, tree, Post(tree.pki), clock)


def take_in(nodes: Nodes, name: str) -> list[intake.BatchResult]:
    """What the node's hubs bring is dealt with, and sent on."""
    opened = nodes[name]
    taken = [(hub, hub.take(100, 0.0)) for hub in opened.transports]
    return [intake.receive(opened.node, hub, arrivals) for hub, arrivals in taken if arrivals]


def send_up(nodes: Nodes, *letters: bytes) -> list[str]:
    """From the province to the mailbox of the nation."""
    digests = [nodes.send(PROVINCE, data).digest for data in letters]
    pipeline.forward(nodes[PROVINCE].node)
    return digests


def test_two_commits_take_a_batch_through_a_node(nodes: Nodes, watched: Meddler) -> None:
    letters = [letter(nodes, ["H01"], sender="H53", number=number) for number in range(1, 4)]
    digests = send_up(nodes, *letters)
    nodes[NATION].node.filled_at = nodes.clock.now()  # how much lies where was asked for a moment ago
    keep_rules(nodes[NATION].node, nodes.clock.now())  # once, before the first decision by them
    watched.calls.clear()
    take_in(nodes, NATION)
    calls = [call for call in watched.calls if not call.endswith((" take", " stage", " give_back"))]
    assert calls == [
        f"{NATION} ledger commit",
        *[f"{NATION} hub hand_over"] * 2,  # the letters, and the receipts behind them
        f"{NATION} ledger commit",
        f"{NATION} hub acknowledge",  # for which nobody waits
    ]
    assert [nodes.states(NATION, digest) for digest in digests] == [{"H01": State.FORWARDED}] * 3
    assert nodes[NATION].node.ledger.views.notices(f"link:{PROVINCE}") == []  # the receipts too
    nodes.step(PROVINCE)
    assert all(one.far_accepted for digest in digests for one in nodes.deliveries(PROVINCE, digest).values())
    nodes.step(OTHER)
    assert [nodes.states(OTHER, digest) for digest in digests] == [{"H01": State.AVAILABLE}] * 3


def test_letters_leave_before_the_receipts_about_them(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    send_up(nodes, letter(nodes, ["H01"], sender="H53"))
    node, kinds = nodes[NATION].node, list[str]()
    hub = node.links[Route.link(OTHER)].transport
    hand_over = hub.hand_over

    def watched_handing_over(parcels: Sequence[Parcel]) -> Handover:
        kinds.extend(each.message.kind for each in parcels)
        return hand_over(parcels)

    for link in set(node.links.values()):
        monkeypatch.setattr(link.transport, "hand_over", watched_handing_over, raising=False)
    take_in(nodes, NATION)
    assert kinds == ["transfer", "receipts"]


def test_a_key_that_is_away_keeps_no_letter_back(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    [digest] = send_up(nodes, letter(nodes, ["H01"], sender="H53"))

    def away(_data: bytes) -> str:
        raise Setback("EDX909")

    with monkeypatch.context() as broken:
        broken.setattr(nodes[NATION].node, "sign_receipts", away)
        [handled] = take_in(nodes, NATION)
    assert [finding.code for finding in handled.setbacks] == ["EDX909"]
    assert nodes.states(NATION, digest) == {"H01": State.FORWARDED}
    assert not nodes.deliveries(PROVINCE, digest)["H01"].far_accepted
    nodes.clock.at += timedelta(minutes=2)
    pipeline.report(nodes[NATION].node)  # when its lease has ended
    nodes.step(PROVINCE)
    assert nodes.deliveries(PROVINCE, digest)["H01"].far_accepted


def test_what_must_keep_behind_its_letter_is_not_sent_on_before_it(nodes: Nodes) -> None:
    nation = nodes[NATION].node

    def hand_in(data: bytes) -> str:
        [answer] = pipeline.accept(nation, [Submission(MemoryBody(data), f"vanthu-{NATION}", "amqp")], at_once=True)
        return answer.digest

    first = hand_in(letter(nodes))
    nation.taken.clear()  # the letter is in the hand of somebody else
    behind = hand_in(recall(nodes, 1, priority=4))
    free = hand_in(letter(nodes, number=2))
    assert [move.delivery.digest for move in pipeline.pass_on(nation)] == [free]
    assert nodes.states(NATION, behind) == {"H53": State.QUEUED}
    nodes.clock.at += timedelta(minutes=2)
    assert [move.delivery.digest for move in pipeline.forward(nation)] == [first]


def test_what_was_taken_and_never_sent_is_due_when_its_lease_ends(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    [digest] = send_up(nodes, letter(nodes, ["H01"], sender="H53"))

    def away(_node: object) -> Any:
        raise Setback("EDX602")

    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "pass_on", away)
        [handled] = take_in(nodes, NATION)
    assert [finding.code for finding in handled.setbacks] == ["EDX602"]
    assert take_in(nodes, NATION) == []  # it is acknowledged
    nation = nodes[NATION].node
    nodes.clock.at += timedelta(minutes=2)
    assert pipeline.pass_on(nation) == []  # another worker may have it by now
    assert [move.delivery.digest for move in pipeline.forward(nation)] == [digest]


def test_a_mistake_about_what_else_is_due_is_no_fault_of_what_comes(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    [digest] = send_up(nodes, letter(nodes, ["H01"], sender="H53"))

    def silent(*_: object) -> Any:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(sending, "silent", silent)
        [handled] = take_in(nodes, NATION)
    assert [answer.accepted for answer in handled.answers] == [True]
    assert nodes.states(NATION, digest) == {"H01": State.QUEUED}
    pipeline.forward(nodes[NATION].node)
    assert nodes.states(NATION, digest) == {"H01": State.FORWARDED}


@pytest.mark.parametrize("caller", ["mail", "bell"])
def test_a_worker_that_waits_is_called(nodes: Nodes, caller: str) -> None:
    opened, worker = nodes[NATION], Worker(nodes.tree.config(NATION), Orders())
    worker._upkeep_at = worker._trust_at = time.monotonic() + 3600.0
    while worker._turn(opened):
        pass
    worker._poll_at = time.monotonic() + 3600.0
    waiting = threading.Thread(target=worker._wait, args=(opened,), daemon=True)
    waiting.start()
    if caller == "mail":
        mailbox = nodes[PROVINCE].node.links[f"link:{NATION}"].mailbox
        assert nodes[PROVINCE].transports[-1].publish([parcel(mailbox)]) == [None]
    else:
        FileBell(nodes.tree.settings(NATION).node.data / FILE).ring()
    waiting.join(20.0)
    assert not waiting.is_alive()
