"""The gate of a node as a stranger meets it: ``pipeline.judge``, and ``pipeline.accept`` where the store decides.

The rules are generous on purpose: the office may bring mail of the honest agency and of the thief, both are in the
registry and have good certificates. So nothing but the control that an attack is about stands in its way. Both engines
judge everything, and where they disagree the answer is EDX317, which no attack expects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from edxml_router import pipeline
from edxml_router.core.agencies.agency import Agency
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.terms import IntakeLimits
from edxml_router.core.link.wire import Transfer
from edxml_router.core.problems import Refusal
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.trust.bindings import Bindings
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.stages.node import Node
from edxml_router.stages.rules import Peer, PeerRole, Rules
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import upgrade
from edxml_router.store.ledger import SqlLedger
from tests import certificates
from tests.certificates import NOW

NODE, OFFICE, OTHER, CHILD, PARENT = "nut-vi-du", "van-thu", "van-thu-khac", "nut-con", "nut-cha"
SENDER, THIEF, CLOSED = "H53.02", "H41.66", "H41.99"
CODES = ("H53", SENDER, THIEF, "H41", "H41.03", "H01", "H01.07")


def rules(**changes: object) -> Rules:
    """One snapshot, without anything read from disk."""
    made = Rules(
        limits=IntakeLimits(),
        registry=Registry.build([Agency(code, f"Cơ quan {code}", "unit") for code in CODES]),
        routes=Routes.build({"H41.03": OTHER, SENDER: OFFICE, THIEF: OFFICE}, {CHILD: ["H01"]}, parent=PARENT),
        trust=certificates.store(),
        bindings=Bindings(),
        peers={
            OFFICE: Peer(OFFICE, PeerRole.OFFICE, codes=frozenset({SENDER, THIEF})),
            OTHER: Peer(OTHER, PeerRole.OFFICE, codes=frozenset({"H41.03"})),
            CHILD: Peer(CHILD, PeerRole.CHILD, prefixes=frozenset({"H01"})),
            PARENT: Peer(
                PARENT, PeerRole.PARENT, prefixes=frozenset({"H01"}), codes=frozenset({SENDER, THIEF, "H41.03"})
            ),
        },
        engine=Engine.BOTH,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


RULES = rules()


def judge(
    data: bytes, by: Rules = RULES, peer: str = OFFICE, transfer: Transfer | None = None, at: datetime = NOW
) -> Candidate:
    return pipeline.judge(by, NODE, Submission(MemoryBody(data), peer, "link" if transfer else "cli", transfer), at)


def outcome(item: Candidate) -> str:
    """ "" for what is taken, else the code; that of a recipient who alone cannot be reached counts too."""
    if item.trouble is not None:
        return item.trouble.code
    return next((finding.code for finding in item.unreachable.values()), "")


@dataclass
class _Stopped:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def chance(self) -> float:
        return 0.5


def accept(folder: Path, before: Iterable[bytes], data: bytes, peer: str = OFFICE) -> str:
    """The code that ``data`` meets on a node with a store, which has taken ``before``; "" when it is taken too.

    A repeat that is answered as the first time, and of which nothing more comes, is called "repeated".
    """
    engine = connect(f"sqlite:///{folder / 'ledger.db'}")
    upgrade(engine)
    ledger = SqlLedger(engine, _Stopped())
    node = Node(NODE, ledger, BodyStore(engine, folder / "bodies"), ledger.clock, RULES, {})
    for earlier in before:
        [answer] = pipeline.accept(node, [Submission(MemoryBody(earlier), OFFICE, "cli")])
        if not answer.accepted:
            raise Refusal(answer.finding.code if answer.finding else "EDX699")
    [answer] = pipeline.accept(node, [Submission(MemoryBody(data), peer, "cli")])
    with ledger.book() as book:
        deliveries = book.deliveries.of([answer.digest])
    ledger.close()
    if answer.finding:
        return answer.finding.code
    return "repeated" if answer.repeated and len(deliveries) == len(answer.recipients) else ""
