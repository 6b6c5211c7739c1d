"""How long does a letter take through four nodes, each a process of its own? (scripts/bench latency --help)

Letters are handed to the lowest node one after another, as a command does it, and go up to an office of the highest.
What is told are the times between acceptances, as the journals have them: from node to node (a hop), and until the last
one offers the letter to its office (four levels). With few letters a second every node is idle when one comes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.journal import ENVELOPE_ACCEPTED
from edxml_router.demo.letters import Post
from edxml_router.demo.servers import rabbitmq
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.node import Node
from edxml_router.wiring.composition import open_node

PLANS = (
    NodePlan("tw", "Trung ương", ("G22",)),
    NodePlan("tinh", "Tỉnh", ("H53",), "tw", ("H53",)),
    NodePlan("huyen", "Huyện", ("H53.31",), "tinh", ("H53.31",)),
    NodePlan("xa", "Xã", ("H53.31.22",), "huyen", ("H53.31.22",)),
)
WAY = [plan.name for plan in reversed(PLANS)]
OFFERED = "delivery.offered"
PATIENCE = 60.0  # seconds for the last letter


def passed(nodes: dict[str, Node], digest: str) -> list[float] | None:
    """The moments in seconds: accepted by each node on the way, and offered by the last. None while it is under way."""
    moments: list[float] = []
    for name in WAY:
        trace = nodes[name].ledger.views.trace(digest)
        found = {} if trace is None else {line.entry.event: line.entry.at.timestamp() for line in trace.lines}
        wanted = [ENVELOPE_ACCEPTED, *([OFFERED] if name == WAY[-1] else [])]
        if not all(event in found for event in wanted):
            return None
        moments += [found[event] for event in wanted]
    return moments


def part(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench latency", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="letters (60)")
    parser.add_argument("--rate", type=float, default=4.0, help="letters a second (4)")
    parser.add_argument("--broker", action="store_true", help="hubs of a private RabbitMQ instead of folders")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edxml-latency-")))
        broker = stack.enter_context(rabbitmq(folder / "rabbitmq")) if options.broker else None
        tree = stack.enter_context(Tree(folder / "tree", PLANS, broker))
        post = Post(tree.pki)
        sent = [post.document("H53.31.22", ["G22"], number, f"V/v {number}") for number in range(options.count + 1)]
        tree.start()
        nodes = {plan.name: stack.enter_context(open_node(tree.settings(plan.name))) for plan in PLANS}
        digests = []
        for data in track(sent, "sending", console=Console(stderr=True), transient=True):
            [answer] = pipeline.accept(nodes[WAY[0]], [Submission(MemoryBody(data), f"vanthu-{WAY[0]}", "cli")])
            digests.append(answer.digest)
            time.sleep(1 / options.rate)
        deadline = time.monotonic() + PATIENCE
        while passed(nodes, digests[-1]) is None and time.monotonic() < deadline:
            time.sleep(0.2)
        ways = [passed(nodes, digest) for digest in digests[1:]]  # the first one wakes everything
    lost = ways.count(None)
    found = [1000 * (b - a) for way in ways if way for a, b in pairwise(way[1:-1])]
    first = [1000 * (way[1] - way[0]) for way in ways if way]
    whole = [1000 * (way[-1] - way[0]) for way in ways if way]
    names = {"first hop": first, "hop": found, "four levels": whole}
    figures = {name: {"p50": median(each), "p99": part(each, 0.99)} for name, each in names.items()}
    if options.json:
        print(json.dumps({"load": os.getloadavg()[0], "lost": lost, "ms": figures}))
    else:
        for name, each in figures.items():
            print(f"{name}: p50 {each['p50']:.1f} ms, p99 {each['p99']:.1f} ms")
        print(f"{len(whole)} letters, {lost} not arrived; load {os.getloadavg()[0]:.1f}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
