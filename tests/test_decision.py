"""What becomes of a batch, as a table: what was judged, what the store knows, and what is decided from both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.terms import Quota
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Hop, ReceiptOutcome, Transfer
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.trust.bindings import Bindings
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml.safe_xml import Limits
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.stages.acceptance.decision import Decision, decide
from edxml_router.stages.acceptance.facts import Facts
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.stages.forwarding import dispatch, room
from edxml_router.stages.rules import Peer, PeerRole, Rules
from edxml_router.wiring.composition import open_worker
from tests.contract.databases import LIFETIME, NOW, envelope

OFFICE, CHILD, PARENT = "van-phong-xa", "hoa-thanh", "trung-uong"
RULES = Rules(
    limits=Limits(),
    registry=Registry.build([]),
    routes=Routes.build({"H53.01": OFFICE}, {CHILD: ["H53.31"]}, PARENT),
    trust=TrustStore(),
    bindings=Bindings(),
    peers={
        OFFICE: Peer(OFFICE, PeerRole.OFFICE, quota=Quota(messages=2)),
        CHILD: Peer(CHILD, PeerRole.CHILD),
        PARENT: Peer(PARENT, PeerRole.PARENT),
    },
)
QUEUED, AVAILABLE, RETURNED, CANCELLED = State.QUEUED, State.AVAILABLE, State.RETURNED, State.CANCELLED


def came(number: int, *recipients: str, peer: str = OFFICE, generation: int | None = None, **row: Any) -> Candidate:
    """What was judged and is fit; with a generation, as a neighbour brought it."""
    kept = envelope(number, **({"peer": peer, "refers_to": ()} | row))
    listed = recipients or ("H53.01",)
    transfer = None
    if generation is not None:
        hops = (Hop(peer, NOW),)
        transfer = Transfer(f"t{number}", kept.digest, 40, listed, generation, hops, NOW + LIFETIME, sent_at=NOW)
    submission = Submission(MemoryBody(b"x" * 40), peer, kept.channel, transfer)
    return Candidate(submission, kept.digest, row=kept, routes=dict.fromkeys(listed, Route.office(OFFICE)))


def stands(item: Candidate, state: State, recipient: str = "H53.01", number: int = 1, **changes: Any) -> Delivery:
    origin = f"{'link' if item.submission.transfer else 'office'}:{item.submission.peer}"
    one = Delivery(
        number, item.digest, recipient, state, Route.office(OFFICE), origin, 0, 1, False, NOW, NOW + LIFETIME, False,
        "", "", NOW, 3, ended_at=NOW if state in (RETURNED, CANCELLED) else None,
    )  # fmt: skip
    return replace(one, **changes)


def known(*pairs: tuple[Candidate, Delivery | None], **more: Any) -> Facts:
    """Facts of a store that has these."""
    rows = [replace(item.row, accepted_at=NOW - timedelta(days=1)) for item, _ in pairs if item.row]
    standing = {(one.digest, one.recipient): one for _, one in pairs if one}
    holders = {row.identity: row.digest for row in rows}
    return Facts(known={row.digest: row for row in rows}, holders=holders, standing=standing, **more)


def decided(*judged: Candidate, facts: Facts | None = None) -> Decision:
    return decide("tay-ninh", RULES, judged, facts or Facts(), NOW)


def codes(decision: Decision) -> list[str]:
    return [ruling.trouble.code if ruling.trouble else "" for ruling in decision.rulings]


ONE, AGAIN = came(1), came(1)
OTHER = came(2, identity=ONE.row.identity) if ONE.row else ONE
LATER = came(3, channel="amqp", refers_to=("a",), document_key="b")
TABLE: Mapping[str, tuple[tuple[Candidate, ...], Facts, list[str], list[bool], int]] = {
    # name: what was judged, what is known; codes, whether repeated, new envelopes
    "nothing is known": ((ONE, came(2)), Facts(), ["", ""], [False, False], 2),
    "the same twice in a batch": ((ONE, AGAIN), Facts(), ["", ""], [False, False], 1),
    "the same as before": ((ONE,), known((ONE, stands(ONE, AVAILABLE))), [""], [True], 0),
    "another of one identity": ((OTHER,), known((ONE, None)), ["EDX404"], [False], 0),
    "two of one identity": ((ONE, OTHER), Facts(), ["", "EDX404"], [False, False], 1),
    "over the quota": ((ONE,), Facts(brought={OFFICE: (2, 80, 2)}), ["EDX406"], [False], 0),
    "the first beyond the quota": ((ONE, came(2)), Facts(brought={OFFICE: (1, 40, 1)}), ["", "EDX406"], [False] * 2, 1),
    "its document is not here": ((LATER,), Facts(), ["EDX625"], [False], 0),
    "its document is here": ((LATER,), Facts(documents=frozenset("a")), [""], [False], 1),
    "it has waited": ((LATER,), Facts(waited=frozenset({f"{OFFICE} {LATER.digest}"})), [""], [False], 1),
    "nothing more can be remembered": ((LATER,), Facts(may_wait=False), [""], [False], 1),
    "over the quota it does not wait": ((LATER,), Facts(brought={OFFICE: (2, 80, 2)}), ["EDX406"], [False], 0),
    "its document came before it": ((came(4, document_key="a"), LATER), Facts(), ["", ""], [False, False], 2),
    "it would be refused today": (
        (Candidate(ONE.submission, ONE.digest, trouble=Refusal("EDX402")),),
        known((ONE, stands(ONE, AVAILABLE))),
        [""],
        [True],
        0,
    ),
    "another's would be refused": (
        (Candidate(replace(ONE.submission, peer=CHILD), ONE.digest, trouble=Refusal("EDX402")),),
        known((ONE, stands(ONE, AVAILABLE))),
        ["EDX402"],
        [False],
        0,
    ),
    "it is put off today": (
        (Candidate(ONE.submission, ONE.digest, trouble=Setback("EDX314")),),
        known((ONE, stands(ONE, AVAILABLE))),
        ["EDX314"],
        [False],
        0,
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_becomes_of_a_batch(name: str) -> None:
    judged, facts, expected, repeated, new = TABLE[name]
    decision = decided(*judged, facts=facts)
    assert codes(decision) == expected
    assert [ruling.repeated for ruling in decision.rulings] == repeated
    assert len(decision.rows) == len(decision.bodies) == new
    assert {row.digest for row in decision.deliveries} <= {row.digest for row in decision.rows}
    assert bool(decision.waiting) == ("EDX625" in expected)


def test_who_waited_is_forgotten_once_it_is_taken_and_not_while_it_is_put_off() -> None:
    facts = Facts(waited=frozenset({f"{OFFICE} {LATER.digest}"}))
    assert decided(LATER, facts=facts).waited == facts.waited
    assert not decided(LATER, facts=replace(facts, brought={OFFICE: (2, 80, 2)})).waited


def test_deliveries_are_in_the_order_of_arrival_and_more_of_what_is_known_comes_first_and_sorted() -> None:
    old = came(5, "H53.02", "H53.01", peer=CHILD, generation=0)
    decision = decided(came(7), came(6), old, facts=known((old, stands(old, AVAILABLE, "H53.02"))))
    fresh = [came(number).digest for number in (7, 6)]
    assert [(row.digest, row.recipient) for row in decision.deliveries] == [
        (old.digest, "H53.01"),
        *((digest, "H53.01") for digest in fresh),
    ]
    assert decision.rulings[2].standing == {"H53.02": AVAILABLE, "H53.01": QUEUED}


@pytest.mark.parametrize(
    ("generation", "state", "changes", "reopened", "outcome"),
    [
        (0, AVAILABLE, {}, False, ReceiptOutcome.ACCEPTED),
        (0, RETURNED, {"code": "EDX801"}, False, ReceiptOutcome.RETURNED),
        (1, RETURNED, {"code": "EDX801"}, True, ReceiptOutcome.ACCEPTED),
        (0, RETURNED, {"code": "EDX508"}, True, ReceiptOutcome.ACCEPTED),
        (1, CANCELLED, {}, False, ReceiptOutcome.CANCELLED),
        (1, CANCELLED, {"far_accepted": True}, True, ReceiptOutcome.ACCEPTED),
    ],
)
def test_a_repeat_is_answered_with_how_it_stands_once_it_is_opened_again(
    generation: int, state: State, changes: dict[str, Any], reopened: bool, outcome: ReceiptOutcome
) -> None:
    item = came(1, peer=CHILD, generation=generation)
    decision = decided(item, facts=known((item, stands(item, state, **changes))))
    assert [move.event for move in decision.moves] == [Event.RESEND] * reopened
    [(origin, receipt)] = [*decision.receipts, *decision.repeats]
    assert (origin, receipt.outcome, receipt.generation) == (Route.link(CHILD), outcome, generation)


def test_two_transfers_of_one_envelope_open_what_each_of_them_names() -> None:
    first, second = (came(1, recipient, peer=CHILD, generation=1) for recipient in ("H53.01", "H53.02"))
    standing = [stands(first, RETURNED), stands(first, RETURNED, "H53.02", number=2)]
    facts = replace(known((first, None)), standing={(one.digest, one.recipient): one for one in standing})
    decision = decided(first, second, facts=facts)
    assert [move.delivery.id for move in decision.moves] == [1, 2]
    assert {receipt.outcome for _, receipt in decision.receipts} == {ReceiptOutcome.ACCEPTED}


def test_what_is_not_served_any_more_is_handed_back_where_its_mail_was_found_before() -> None:
    gone = Finding("EDX505", "recipients", "nobody")
    item = replace(came(1, peer=CHILD, generation=0), routes={}, unreachable={"H53.01": gone})
    assert [receipt.code for _, receipt in decided(item).repeats] == ["EDX505"]
    facts = Facts(found_before=frozenset({"H53.01"}))
    assert [receipt.code for _, receipt in decided(item, facts=facts).repeats] == ["EDX508"]


def test_what_another_worker_accepts_between_reading_and_writing_is_recognised(tmp_path: Path) -> None:
    plan = NodePlan("quoc-gia", "Nút quốc gia", ("G22",))

    class Stale:
        """A ledger whose first look is of a moment ago, before the other worker's commit."""

        def __init__(self, ledger: Any) -> None:
            self._ledger, self.views, self.looks = ledger, ledger.views, 0

        @contextmanager
        def book(self) -> Iterator[Any]:
            with self._ledger.book() as book:
                look = book.envelopes.recognised

                def recognised(*asked: Any) -> Any:
                    self.looks += 1
                    return [] if self.looks == 2 else look(*asked)

                book.envelopes.recognised = recognised
                yield book

    ledgers: list[Stale] = []

    def wrap(name: str, port: Any) -> Any:
        if name == "ledger":
            ledgers.append(Stale(port))
            return ledgers[0]
        return port

    with Tree(tmp_path, [plan]) as tree, open_worker(tree.settings(plan.name), wrap=wrap) as opened:
        data = Post(tree.pki).document("G22", ["G22"], number=1, subject="V/v thử nghiệm")
        given = [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")]
        [first], [second] = pipeline.accept(opened.node, given), pipeline.accept(opened.node, given)
    assert (first.accepted, first.repeated, second.accepted, second.repeated) == (True, False, True, True)
    assert ledgers[0].looks == 3  # and one more, after the writing had found it


# --- forward ---


def taken(number: int, recipient: str, route: str, **changes: Any) -> Delivery:
    item = came(number)
    one = stands(item, State.FORWARDING, recipient, number, route=route)
    return replace(one, **changes)


@pytest.mark.parametrize(
    ("one", "event", "code", "sent"),
    [
        (taken(1, "H53.31.22", Route.link(CHILD)), None, "", Route.link(CHILD)),
        (taken(1, "H53.31.22", Route.link(PARENT)), None, "", Route.link(CHILD)),  # routes bind at each attempt
        (taken(1, "H53.01", Route.link("elsewhere")), None, "", Route.office(OFFICE)),
        (taken(1, "H41", Route.link(PARENT)), Event.DEFER, "EDX509", ""),  # no such link today
        (taken(1, "H53.31.22", Route.link(CHILD), lapses=5), Event.HOLD, "EDX623", ""),
        (taken(1, "H53.31.22", Route.link(CHILD), far_accepted=True), Event.HAND_OVER, "", ""),
        (taken(1, "H53.31.22", Route.link(CHILD), handed_at=NOW), Event.HAND_OVER, "", ""),
        (taken(1, "H53.31.22", Route.link(CHILD), origin=Route.link(CHILD)), Event.RETURN, "EDX508", ""),
    ],
)
def test_where_a_delivery_goes(one: Delivery, event: Event | None, code: str, sent: str) -> None:
    rows = {one.digest: envelope(1)}
    plan = dispatch.plan(RULES, {Route.link(CHILD)}, [one], rows, NOW, lambda: 0.5)
    assert [(move.event, move.code) for move in plan.moves] == ([(event, code)] if event else [])
    assert [key[0] for key in plan.groups] == ([sent] if sent else [])


def test_what_has_no_room_in_its_mailbox_waits_here() -> None:
    rules = replace(RULES, delivery=replace(RULES.delivery, mailbox_bytes=100))
    due = [taken(number, "H53.31.22", Route.link(CHILD)) for number in (1, 2, 3)]
    rows = {one.digest: envelope(one.id, size=40) for one in due}
    plan = dispatch.plan(rules, {Route.link(CHILD)}, due, rows, NOW, lambda: 0.5)
    for lying, fitting in ((0, 2), (50, 1), (100, 0)):
        fit = room.fitting(rules, plan, rows, {(Route.link(CHILD), False): lying}, NOW, lambda: 0.5)
        assert len(fit.groups) == fitting
        assert [move.code for move in fit.moves] == ["EDX614"] * (3 - fitting)
