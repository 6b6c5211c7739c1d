"""The journey, stage by stage, on two real nodes in one process: real SQLite, real folders, real signatures."""

from __future__ import annotations

import errno
import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.terms import Policy, Quota
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.wire import (
    Hop,
    Inquiry,
    Receipt,
    ReceiptOutcome,
    Transfer,
    decode_receipts,
    encode_inquiry,
    encode_receipts,
    encode_transfer,
)
from edxml_router.core.problems import Finding
from edxml_router.core.signature import by_signxml
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.trust.bindings import Act, BindingRow, Bindings
from edxml_router.demo.letters import File, Post, tampered
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch, settling
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.services import operator
from edxml_router.stages.acceptance.submission import Acceptance, Submission
from edxml_router.stages.forwarding import dispatch, windows
from edxml_router.stages.forwarding.dispatch import body_chunks
from edxml_router.stages.offices import inbox
from edxml_router.stages.outcomes import inquiring
from edxml_router.transport import topology
from edxml_router.transport.local.intake import TakenMessage
from edxml_router.wiring.composition import RunningNode, build_rules, open_worker
from tests.clocks import Moved
from tests.contract.hubs import until

PLANS = (
    NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
    NodePlan("tay-ninh", "Nút tỉnh Tây Ninh", ("H53",), parent="quoc-gia", prefixes=("H53",)),
    NodePlan("an-giang", "Nút tỉnh An Giang", ("H01",), parent="quoc-gia", prefixes=("H01",)),
)


@dataclass
class Nodes:
    """The nodes by name, opened as a worker opens them, and a clock they share."""

    opened: dict[str, RunningNode]
    tree: Tree
    post: Post
    clock: Moved

    def __getitem__(self, name: str) -> RunningNode:
        return self.opened[name]

    def send(self, name: str, data: bytes) -> Acceptance:
        node = self[name].node
        [answer] = pipeline.accept(node, [Submission(MemoryBody(data), f"vanthu-{name}", "cli")])
        return answer

    def step(self, name: str) -> batch.BatchResult:
        """One round of a worker: take, deal with, forward, inquire, report."""
        opened = self[name]
        total = batch.BatchResult()
        for transport in opened.transports:
            arrivals = transport.take(100, 0.0)
            handled = batch.receive(opened.node, transport, arrivals)
            total.answers += handled.answers
            total.moves += handled.moves
            total.back += handled.back
            total.setbacks += handled.setbacks
            total.clocks += handled.clocks
            total.odd += handled.odd
        total.moves += pipeline.forward(opened.node)
        inquiring.inquire(opened.node)
        pipeline.report(opened.node)
        return total

    def settle(self, rounds: int = 6) -> None:
        for _ in range(rounds):
            for name in self.opened:
                self.step(name)

    def deliveries(self, name: str, digest: str) -> dict[str, Delivery]:
        with self[name].node.ledger.book() as book:
            return {one.recipient: one for one in book.deliveries.of([digest])}

    def states(self, name: str, digest: str) -> dict[str, State]:
        return {recipient: one.state for recipient, one in self.deliveries(name, digest).items()}

    def events(self, name: str, digest: str) -> list[str]:
        found = self[name].node.ledger.views.trace(digest)
        assert found is not None
        return [line.entry.event for line in found.lines]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:
        tree = stack.enter_context(Tree(tmp_path / "tree", PLANS))
        clock = Moved()
        opened = {plan.name: stack.enter_context(open_worker(tree.settings(plan.name), clock)) for plan in PLANS}
        for each in opened.values():
            each.declare()
        yield Nodes(opened, tree, Post(tree.pki), clock)


def letter(
    nodes: Nodes, recipients: Sequence[str] = ("H53",), *, number: int = 1, sender: str = "G22", **more: object
) -> bytes:
    return nodes.post.document(sender, list(recipients), number=number, subject="V/v thử nghiệm", **more)  # type: ignore[arg-type]


def test_down_to_two_provinces_and_back(nodes: Nodes) -> None:
    data = letter(nodes, ["H53", "H01"])
    answer = nodes.send("quoc-gia", data)
    assert (answer.accepted, answer.recipients) == (True, ("H53", "H01"))
    nodes.settle()
    assert set(nodes.states("quoc-gia", answer.digest).values()) == {State.FORWARDED}
    for name, code in (("tay-ninh", "H53"), ("an-giang", "H01")):
        [delivery] = nodes.deliveries(name, answer.digest).values()
        assert (delivery.recipient, delivery.state) == (code, State.AVAILABLE)
        assert inbox.fetch(nodes[name].node, f"vanthu-{name}", delivery.name).whole() == data  # bytes in = bytes out
        assert inbox.confirm(nodes[name].node, f"vanthu-{name}", [delivery.name, delivery.name]) == [None, None]
    nodes.settle()
    assert set(nodes.states("quoc-gia", answer.digest).values()) == {State.CONFIRMED}
    notes = nodes["quoc-gia"].node.ledger.views.notices("office:vanthu-quoc-gia")
    trails = {note.receipt.recipient: [hop.node for hop in note.receipt.hops] for note in notes}
    assert trails == {"H53": ["quoc-gia", "tay-ninh"], "H01": ["quoc-gia", "an-giang"]}


def test_every_change_of_state_has_one_entry(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [delivery] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [delivery.name])
    nodes.settle()
    assert nodes.events("quoc-gia", answer.digest) == [
        "envelope.accepted", "delivery.queued", "delivery.claimed", "delivery.forwarded", "delivery.accepted",
        "delivery.confirmed",
    ]  # fmt: skip
    assert nodes.events("tay-ninh", answer.digest) == [
        "envelope.accepted", "delivery.queued", "delivery.claimed", "delivery.offered", "delivery.confirmed",
        "outcome.signed",
    ]  # fmt: skip


def test_a_repeat_gets_the_same_answer_and_changes_nothing(nodes: Nodes) -> None:
    data = letter(nodes)
    first, second = nodes.send("quoc-gia", data), nodes.send("quoc-gia", data)
    assert (first.repeated, second.accepted, second.repeated) == (False, True, True)
    assert second.digest == first.digest
    assert len(nodes.deliveries("quoc-gia", first.digest)) == 1
    nodes.settle()
    assert nodes.send("quoc-gia", data).repeated
    assert nodes.states("tay-ninh", first.digest) == {"H53": State.AVAILABLE}


def test_what_was_accepted_stays_so_when_the_agency_is_blocked_since(nodes: Nodes) -> None:
    data, node = letter(nodes), nodes["quoc-gia"].node
    first = nodes.send("quoc-gia", data)
    nodes.settle()
    before = nodes.events("quoc-gia", first.digest)
    node.rules = replace(node.rules, bindings=Bindings([BindingRow(Act.BLOCK, "G22", reason="khoá bị lộ")]))
    again = nodes.send("quoc-gia", data)
    assert (again.accepted, again.repeated, again.recipients) == (True, True, first.recipients)
    assert nodes.events("quoc-gia", first.digest) == before
    other = nodes.send("quoc-gia", letter(nodes, number=2))
    assert other.finding is not None and other.finding.code == "EDX409"


def test_a_repeat_of_what_came_back_does_not_go_out_again_past_a_block(nodes: Nodes) -> None:
    data, node = letter(nodes), nodes["quoc-gia"].node
    first = nodes.send("quoc-gia", data)
    nodes.settle()
    waiting = nodes.deliveries("tay-ninh", first.digest)["H53"]
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [waiting.name], "Gửi nhầm")
    nodes.settle()
    node.rules = replace(node.rules, bindings=Bindings([BindingRow(Act.BLOCK, "G22")]))
    assert nodes.send("quoc-gia", data).repeated
    assert nodes.states("quoc-gia", first.digest) == {"H53": State.RETURNED}


def test_a_fault_of_this_machine_is_nobodys_refusal(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.step("quoc-gia")
    with monkeypatch.context() as upgrading:
        upgrading.setattr(by_signxml, "files", lambda _name: nodes.tree.folder / "not-there")
        by_signxml._schemas.cache_clear()
        handled = nodes.step("tay-ninh")
        assert [one.finding.code for one in handled.answers if one.finding] == ["EDX622"]
        assert len(handled.back) == 1
        nodes.step("quoc-gia")
        assert nodes.states("quoc-gia", answer.digest) == {"H53": State.FORWARDED}
        assert nodes["tay-ninh"].node.ledger.views.list_quarantined() == []
    until(lambda: nodes.step("tay-ninh").answers)
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_a_fault_of_this_machine_while_receipts_are_read_gives_them_back(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.step("quoc-gia")
    nodes.step("tay-ninh")

    def no_handle_left(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as crowded:
        crowded.setattr(pipeline, "settle", no_handle_left)
        handled = nodes.step("quoc-gia")
    assert [(finding.code, finding.detail) for finding in handled.setbacks] == [("EDX622", "Too many open files")]
    until(lambda: nodes.step("quoc-gia").moves)
    assert nodes.deliveries("quoc-gia", answer.digest)["H53"].far_accepted


def test_a_fault_of_this_machine_that_lasts_is_met_in_growing_pauses(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each message, up to a minute; and what was dealt with is forgotten."""
    hub = nodes["tay-ninh"].transports[-1]
    give_back, pauses = hub.give_back, list[float]()

    def at_once(arrivals: Sequence[Arrival], delay: float = 1.0) -> None:
        pauses.extend([delay] * len(arrivals))
        give_back(arrivals, 0.0)

    monkeypatch.setattr(hub, "give_back", at_once)
    nodes.send("quoc-gia", letter(nodes))
    nodes.step("quoc-gia")
    nodes.send("quoc-gia", letter(nodes, number=2))  # and forwarded later
    with monkeypatch.context() as broken:
        broken.setattr(by_signxml, "files", lambda _name: nodes.tree.folder / "not-there")
        by_signxml._schemas.cache_clear()
        until(lambda: nodes.step("tay-ninh") and len(pauses) >= 8)
        assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
        nodes.step("quoc-gia")
        until(lambda: nodes.step("tay-ninh") and 1.0 in pauses[8:])
    assert len(nodes["tay-ninh"].node.faults) == 2
    until(lambda: nodes.step("tay-ninh").answers)
    until(lambda: nodes.step("tay-ninh") and not nodes["tay-ninh"].node.faults)


def test_only_so_many_faults_are_remembered(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "MESSAGES_REMEMBERED", 2)
    node, hub = nodes["tay-ninh"].node, nodes["tay-ninh"].transports[-1]
    token = TakenMessage("edx.up.x", "", "")
    arrivals = [Arrival(Message("transfer", f"m{number}", b""), "edx.up.x", "x", token) for number in range(5)]
    settling.acknowledge(node, hub, arrivals, arrivals, [Finding("EDX622")], [])
    assert list(node.faults) == [("edx.up.x", "m3"), ("edx.up.x", "m4")]


def test_what_ends_its_worker_again_and_again_is_quarantined_and_other_mail_goes_on(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = nodes["quoc-gia"].node
    poison = nodes.send("quoc-gia", letter(nodes)).digest
    publish = node.links["link:tay-ninh"].transport.publish

    class Killed(BaseException):
        """As the kernel ends a worker: nothing is caught, nothing recorded."""

    def run_out_of_memory(parcels: Sequence[Parcel]) -> object:
        if any(parcel.message.headers.get("envelope") == poison for parcel in parcels):
            raise Killed
        return publish(parcels)

    monkeypatch.setattr(node.links["link:tay-ninh"].transport, "publish", run_out_of_memory)
    ended, others = 0, []
    for round_ in range(3 * dispatch.LAPSES):
        others.append(nodes.send("quoc-gia", letter(nodes, number=2 + round_)).digest)
        try:
            pipeline.forward(node)
        except Killed:
            ended += 1
        nodes.clock.at += node.rules.delivery.lease + timedelta(seconds=1)
    assert ended == dispatch.LAPSES
    held = nodes.deliveries("quoc-gia", poison)["H53"]
    assert (held.state, held.code, held.attempts) == (State.HELD, "EDX623", dispatch.LAPSES + 1)
    assert {nodes.states("quoc-gia", other)["H53"] for other in others} == {State.FORWARDED}
    monkeypatch.undo()
    assert operator.release(node, [held.id], "lan", "thêm bộ nhớ") == [None]
    nodes.settle()
    assert nodes.states("tay-ninh", poison) == {"H53": State.AVAILABLE}


def test_of_a_large_letter_only_some_pieces_are_in_memory(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    node = nodes["quoc-gia"].node
    node.rules = replace(node.rules, delivery=replace(node.rules.delivery, chunk_bytes=512 * 1024))
    monkeypatch.setattr(windows, "PORTION_BYTES", 2 * 1024 * 1024)
    data = letter(nodes, files=(File("bản vẽ.pdf", 9_000_000),))
    answer = nodes.send("quoc-gia", data)
    transport = node.links["link:tay-ninh"].transport
    publish, handed = transport.publish, []

    def watched(given: Sequence[Parcel]) -> object:
        handed.append([len(parcel.message.body) for parcel in given])
        return publish(given)

    monkeypatch.setattr(transport, "publish", watched)
    nodes.settle()
    assert max(map(sum, handed)) < 3 * 1024 * 1024
    assert sum(map(sum, handed)) > len(data)
    [delivery] = nodes.deliveries("tay-ninh", answer.digest).values()
    assert inbox.fetch(nodes["tay-ninh"].node, "vanthu-tay-ninh", delivery.name).whole() == data


def test_after_a_piece_that_was_not_taken_no_more_of_that_letter_is_read(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = nodes["quoc-gia"].node
    node.rules = replace(node.rules, delivery=replace(node.rules.delivery, chunk_bytes=64 * 1024))
    monkeypatch.setattr(windows, "PORTION_BYTES", 256 * 1024)
    answer = nodes.send("quoc-gia", letter(nodes, files=(File("bản vẽ.pdf", 3_000_000),)))
    (nodes.tree.hub("quoc-gia") / topology.down("tay-ninh")).rename(nodes.tree.folder / "gone")
    asked: list[int] = []
    transport = node.links["link:tay-ninh"].transport
    publish = transport.publish

    def watched(given: Sequence[Parcel]) -> object:
        asked.append(len(given))
        return publish(given)

    monkeypatch.setattr(transport, "publish", watched)
    pipeline.forward(node)
    assert len(asked) == 1
    assert nodes.deliveries("quoc-gia", answer.digest)["H53"].code == "EDX703"


def test_the_same_twice_in_one_batch(nodes: Nodes) -> None:
    data = letter(nodes)
    node = nodes["quoc-gia"].node
    answers = pipeline.accept(node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")] * 2)
    assert [answer.accepted for answer in answers] == [True, True]
    assert nodes.events("quoc-gia", answers[0].digest).count("envelope.accepted") == 1


def test_the_same_id_with_other_content_is_a_conflict(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    one, other = letter(nodes), letter(nodes, ["H53", "H01"])
    answered = pipeline.accept(node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli") for data in (one, other)])
    assert [answer.accepted for answer in answered] == [True, False]
    assert answered[1].finding and answered[1].finding.code == "EDX404"
    late = nodes.send("quoc-gia", other)
    assert late.finding and late.finding.code == "EDX404"
    [kept] = node.ledger.views.list_quarantined()
    assert kept.code == "EDX404"


def test_one_bad_submission_does_not_fail_its_batch_mates(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    good, bad = letter(nodes, number=1), tampered(letter(nodes, number=2), "thử nghiệm", "thử nghịch")
    given = [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli") for data in (b"not xml", good, bad)]
    answers = pipeline.accept(node, given)
    codes = [answer.finding.code if answer.finding else None for answer in answers]
    assert codes == ["EDX101", None, "EDX302"]


@pytest.mark.parametrize(
    ("peer", "sender", "code"),
    [
        ("nobody", "G22", "EDX403"),
        ("vanthu-quoc-gia", "H53", "EDX401"),
        ("tay-ninh", "H01", "EDX401"),  # a child brings mail of another province
    ],
)
def test_who_may_bring_what(nodes: Nodes, peer: str, sender: str, code: str) -> None:
    data = letter(nodes, ["G22"] if sender != "G22" else ["H53"], sender=sender)
    [answer] = pipeline.accept(nodes["quoc-gia"].node, [Submission(MemoryBody(data), peer, "cli")])
    assert answer.finding and answer.finding.code == code
    assert not answer.accepted


def test_the_parent_may_not_bring_mail_of_our_own_agencies(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], sender="H53")
    [answer] = pipeline.accept(nodes["tay-ninh"].node, [Submission(MemoryBody(data), "quoc-gia", "link")])
    assert answer.finding and answer.finding.code == "EDX401"


def test_a_signer_speaks_for_nobody_else(nodes: Nodes) -> None:
    unsigned = nodes.post.unsigned("G22", ["H53"], number=1, subject="V/v thử")  # type: ignore[call-arg]
    answer = nodes.send("quoc-gia", nodes.post.signed(unsigned, "H53"))
    assert answer.finding and answer.finding.code == "EDX402"


def test_recipients_of_a_submission_are_all_or_nothing(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes, ["H53", "H53.99.99"]))
    assert answer.finding and answer.finding.code == "EDX501"
    assert answer.finding.where == "recipient 2"
    doubled = nodes.send("quoc-gia", letter(nodes, ["H53", "000.00.00.H53"], number=2))
    assert doubled.finding and doubled.finding.code == "EDX207"


def test_nobody_serves_it(nodes: Nodes) -> None:
    answer = nodes.send("tay-ninh", letter(nodes, ["G09"], sender="H53"))
    assert answer.accepted  # for all this node knows the parent serves it
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"G09": State.RETURNED}
    [delivery] = nodes.deliveries("tay-ninh", answer.digest).values()
    assert delivery.code == "EDX505"


def _transfer(nodes: Nodes, data: bytes, recipients: tuple[str, ...], **fields: object) -> Transfer:
    digest = hashlib.sha256(data).hexdigest()
    now = nodes.clock.now()
    transfer = Transfer("t", digest, len(data), recipients, 0, (Hop("an-giang", now),), now + timedelta(days=1))
    return replace(transfer, **fields)  # type: ignore[arg-type]


def test_a_neighbour_may_only_choose_among_signed_recipients(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], sender="H01")
    [answer] = pipeline.accept(
        nodes["quoc-gia"].node,
        [Submission(MemoryBody(data), "an-giang", "link", _transfer(nodes, data, ("H53", "G22")))],
    )
    assert answer.recipients == ("H53",)
    nodes.step("quoc-gia")
    handled = nodes["an-giang"].transports[0].take(100, 0.0)
    receipts = decode_receipts(handled[0].message.body)[0]
    assert {one.recipient: (one.outcome, one.code) for one in receipts} == {
        "H53": (ReceiptOutcome.ACCEPTED, ""),
        "G22": (ReceiptOutcome.RETURNED, "EDX401"),
    }


def test_an_envelope_does_not_run_in_circles(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], sender="H01")
    node = nodes["quoc-gia"].node
    now = nodes.clock.now()
    looped = _transfer(nodes, data, ("H53",), hops=(Hop("quoc-gia", now), Hop("an-giang", now)))
    [answer] = pipeline.accept(node, [Submission(MemoryBody(data), "an-giang", "link", looped)])
    assert answer.finding and answer.finding.code == "EDX506"
    back = letter(nodes, ["H01"], sender="H01", number=2)
    [answer] = pipeline.accept(
        node, [Submission(MemoryBody(back), "an-giang", "link", _transfer(nodes, back, ("H01",)))]
    )
    assert answer.recipients == ()  # returned to where it came from, not sent there again


def test_a_body_that_is_not_the_one_named_is_quarantined_unanswered(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], sender="H01")
    node = nodes["quoc-gia"].node
    wrong = _transfer(nodes, data, ("H53",), envelope="ab" * 32)
    [answer] = pipeline.accept(node, [Submission(MemoryBody(data), "an-giang", "link", wrong)])
    assert answer.finding and answer.finding.code == "EDX704"
    assert pipeline.report(node) == 0


def test_a_large_body_travels_in_chunks(nodes: Nodes) -> None:
    for opened in nodes.opened.values():
        opened.node.rules = replace(opened.node.rules, delivery=replace(opened.node.rules.delivery, chunk_bytes=50_000))
    data = letter(nodes, files=(File("phu-luc.pdf", 400_000),))
    answer = nodes.send("quoc-gia", data)
    nodes.settle()
    [delivery] = nodes.deliveries("tay-ninh", answer.digest).values()
    assert inbox.fetch(nodes["tay-ninh"].node, "vanthu-tay-ninh", delivery.name).whole() == data
    assert not list((nodes["tay-ninh"].settings.node.data / "bodies").glob("chunks/*/*"))


def test_a_transfer_waits_for_its_chunks(nodes: Nodes) -> None:
    data = letter(nodes, ["H53"], sender="H01", files=(File("phu-luc.pdf", 100_000),))
    hub = nodes["an-giang"].transports[0]
    digest = hashlib.sha256(data).hexdigest()
    pieces = list(body_chunks(MemoryBody(data), digest, 30_000))
    manifest = encode_transfer(_transfer(nodes, data, ("H53",), chunks=len(pieces)))
    hub.publish([Parcel(topology.up("an-giang"), Message("transfer", "t", manifest))])
    assert nodes.step("quoc-gia").back  # given back, nothing accepted
    hub.publish([Parcel(topology.up("an-giang"), Message("chunk", f"t.{n}", piece)) for n, piece in enumerate(pieces)])
    nodes.step("quoc-gia")
    for transport in nodes["quoc-gia"].transports:
        arrivals = transport.take(100, 5.0)  # the transfer comes again after its delay
        assert batch.receive(nodes["quoc-gia"].node, transport, arrivals).answers[0].accepted


def test_a_return_comes_back_with_its_reason(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [delivery] = nodes.deliveries("tay-ninh", answer.digest).values()
    assert inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [delivery.name], "sai nơi nhận") == [None]
    nodes.settle()
    [at_origin] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert (at_origin.state, at_origin.code, at_origin.detail) == (State.RETURNED, "EDX801", "sai nơi nhận")


def test_resend_opens_it_again_everywhere(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], "nhầm")
    nodes.settle()
    [here] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert operator.resend(nodes["quoc-gia"].node, [here.id], "lan", "bên nhận đề nghị") == [None]
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name])
    nodes.settle()
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CONFIRMED}


def test_a_late_repeat_of_an_old_transfer_starts_nothing(nodes: Nodes) -> None:
    data = letter(nodes)
    answer = nodes.send("quoc-gia", data)
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], "nhầm")
    old = _transfer(nodes, data, ("H53",))
    pipeline.accept(nodes["tay-ninh"].node, [Submission(MemoryBody(data), "quoc-gia", "link", old)])
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.RETURNED}


def test_a_repeat_of_what_was_returned_is_answered_and_sends_nothing(nodes: Nodes) -> None:
    data = letter(nodes)
    answer = nodes.send("quoc-gia", data)
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], "nhầm")
    nodes.settle()
    again = nodes.send("quoc-gia", data)
    assert (again.accepted, again.repeated, again.standing) == (True, True, {"H53": State.RETURNED})
    assert again.shape()["states"] == {"H53": "returned"}
    nodes.settle()
    for name in ("quoc-gia", "tay-ninh"):
        assert nodes.states(name, answer.digest) == {"H53": State.RETURNED}
    assert "delivery.resent" not in nodes.events("quoc-gia", answer.digest)


def test_a_sibling_cannot_settle(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes, ["H53", "H01"]))
    nodes.settle()
    forged = Receipt(answer.digest, "H53", 0, ReceiptOutcome.CONFIRMED, nodes.clock.now())
    assert pipeline.settle(nodes["quoc-gia"].node, [("an-giang", forged)]) == []
    assert nodes.states("quoc-gia", answer.digest)["H53"] is State.FORWARDED
    assert "receipt.late" in nodes.events("quoc-gia", answer.digest)


def test_receipts_need_the_neighbours_signature(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    receipt = Receipt(answer.digest, "H53", 0, ReceiptOutcome.CONFIRMED, nodes.clock.now())
    hub = nodes["tay-ninh"].transports[0]
    sign = nodes["an-giang"].node.sign_receipts
    for body in (
        encode_receipts((receipt,)),
        encode_receipts((receipt,), sign),
        encode_receipts((receipt,), lambda _: "?"),
    ):
        hub.publish([Parcel(topology.up("tay-ninh"), Message("receipts", "r", body))])
    nodes.step("quoc-gia")
    assert nodes.states("quoc-gia", answer.digest)["H53"] is State.FORWARDED
    kept = nodes["quoc-gia"].node.ledger.views.list_quarantined()
    assert {one.code for one in kept} == {"EDX315"}


def test_expiry_tells_the_sender(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    nodes.clock.at += nodes["quoc-gia"].node.rules.delivery.lifetime + timedelta(seconds=1)
    assert pipeline.expire(nodes["quoc-gia"].node) == []  # the province has it, the province expires it
    [move] = pipeline.expire(nodes["tay-ninh"].node)
    assert (move.after, move.code) == (State.EXPIRED, "EDX802")
    nodes.settle()
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.EXPIRED}


def test_expiry_after_the_grace_when_the_far_side_stays_silent(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    timing = nodes["quoc-gia"].node.rules.delivery
    nodes.clock.at += timing.lifetime + timing.expiry_grace + timedelta(seconds=1)
    pipeline.expire(nodes["quoc-gia"].node)
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.EXPIRED}


def test_nothing_expires_before_the_hubs_are_read(tmp_path: Path, nodes: Nodes) -> None:
    """A node that was off for longer than the lifetime: the confirmation lies in its hub."""
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name])
    pipeline.report(nodes["tay-ninh"].node)
    timing = nodes["quoc-gia"].node.rules.delivery
    nodes.clock.at += timing.lifetime + timing.expiry_grace + timedelta(seconds=1)
    with open_worker(nodes["quoc-gia"].settings, nodes.clock) as again:
        assert pipeline.expire(again.node) == ()
        [hub] = again.transports
        batch.receive(again.node, hub, hub.take(100, 0.0))
        hub.take(100, 0.0)
        assert again.node.hubs_read()
        assert pipeline.expire(again.node) == []
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CONFIRMED}


def test_a_late_confirmation_corrects_what_the_sender_was_told(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    at = nodes.clock.at
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name])
    timing = nodes["quoc-gia"].node.rules.delivery
    nodes.clock.at += timing.lifetime + timing.expiry_grace + timedelta(seconds=1)
    [ended] = pipeline.expire(nodes["quoc-gia"].node)
    assert ended.after is State.EXPIRED
    nodes.settle()
    [here] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert (here.state, here.code, here.ended_at) == (State.CONFIRMED, "EDX804", to_the_millisecond(at))
    notes = nodes["quoc-gia"].node.ledger.views.notices("office:vanthu-quoc-gia")
    assert [(one.receipt.outcome, one.receipt.code) for one in notes] == [
        (ReceiptOutcome.EXPIRED, "EDX802"),
        (ReceiptOutcome.CONFIRMED, "EDX804"),
    ]


def test_of_an_expired_and_a_confirmed_in_one_batch_the_fact_counts(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    both = [
        ("tay-ninh", Receipt(answer.digest, "H53", 0, outcome, nodes.clock.now()))
        for outcome in (ReceiptOutcome.EXPIRED, ReceiptOutcome.CONFIRMED)
    ]
    [move] = pipeline.settle(nodes["quoc-gia"].node, both)
    assert move.after is State.CONFIRMED


@pytest.mark.parametrize(("peer", "generation"), [("an-giang", 0), ("tay-ninh", -1)])
def test_only_who_holds_it_corrects_an_end(nodes: Nodes, peer: str, generation: int) -> None:
    """Not another neighbour, and not one that it was never sent to."""
    node, never = nodes["quoc-gia"].node, generation < 0
    answer = nodes.send("quoc-gia", letter(nodes))
    if not never:
        nodes.settle()
    nodes["quoc-gia"].transports[0].take(1, 0.0)
    nodes.clock.at += node.rules.delivery.lifetime + node.rules.delivery.expiry_grace + timedelta(seconds=1)
    pipeline.expire(node)
    told = Receipt(answer.digest, "H53", max(generation, 0), ReceiptOutcome.CONFIRMED, nodes.clock.now())
    assert pipeline.settle(node, [(peer, told)]) == []
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.EXPIRED}


def test_the_time_of_a_fact_is_the_same_over_every_repeat(nodes: Nodes) -> None:
    data = letter(nodes)
    answer = nodes.send("quoc-gia", data)
    pipeline.forward(nodes["quoc-gia"].node)
    there = nodes["tay-ninh"]
    [transfer] = there.transports[-1].take(10, 0.0)
    said = set()
    accepted_at = nodes.clock.at
    for _ in range(3):
        batch.receive(there.node, there.transports[-1], [transfer])
        pipeline.pass_on(there.node)
        for arrival in nodes["quoc-gia"].transports[0].take(100, 1.0):
            said |= {(one.outcome, one.at, one.hops) for one in decode_receipts(arrival.message.body)[0]}
        nodes.clock.at += timedelta(hours=1)
    assert {(outcome, at) for outcome, at, _ in said} == {(ReceiptOutcome.ACCEPTED, to_the_millisecond(accepted_at))}
    assert len(said) == 1
    pipeline.forward(there.node)
    [waiting] = nodes.deliveries("tay-ninh", answer.digest).values()
    confirmed_at = nodes.clock.at
    inbox.confirm(there.node, "vanthu-tay-ninh", [waiting.name])
    for _ in range(2):
        nodes.clock.at += timedelta(hours=1)
        batch.receive(there.node, there.transports[-1], [transfer])
        question = encode_inquiry(Inquiry(answer.digest, ("H53",), 0))
        asked = replace(transfer, message=Message("inquiry", "q", question))
        batch.receive(there.node, there.transports[-1], [asked])
    pipeline.pass_on(there.node)
    pipeline.report(there.node)
    told = nodes["quoc-gia"].transports[0].take(100, 1.0)
    ends = [one for arrival in told for one in decode_receipts(arrival.message.body)[0]]
    assert {one.at for one in ends if one.outcome is ReceiptOutcome.CONFIRMED} == {to_the_millisecond(confirmed_at)}
    batch.receive(nodes["quoc-gia"].node, nodes["quoc-gia"].transports[0], told)
    nodes.settle()
    [here] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert here.ended_at == to_the_millisecond(confirmed_at)
    notes = nodes["quoc-gia"].node.ledger.views.notices("office:vanthu-quoc-gia")
    assert [one.receipt.at for one in notes] == [to_the_millisecond(confirmed_at)]


def test_a_fact_is_not_later_than_it_was_heard_of(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    ahead = Receipt(answer.digest, "H53", 0, ReceiptOutcome.CONFIRMED, nodes.clock.now() + timedelta(days=6))
    pipeline.settle(nodes["quoc-gia"].node, [("tay-ninh", ahead)])
    [here] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert here.ended_at == nodes.clock.now()


def to_the_millisecond(at: datetime) -> datetime:
    """As times travel on a link."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _unsent(opened: RunningNode) -> list[tuple[str, Receipt]]:
    with opened.node.ledger.book() as book:
        now = opened.node.now()
        return [(origin, one) for _, origin, one in book.receipts.unsent(now, now, 100)]


def test_a_missing_final_receipt_is_asked_for(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name])
    pipeline.report(nodes["tay-ninh"].node)
    hub = nodes["quoc-gia"].transports[0]
    hub.acknowledge(hub.take(100, 0.0))  # the receipt is lost
    nodes.clock.at += timedelta(seconds=6)
    nodes.settle()
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CONFIRMED}


def test_what_the_far_side_never_knew_is_sent_again(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    pipeline.forward(nodes["quoc-gia"].node)
    lost = nodes["tay-ninh"].transports[-1]
    lost.acknowledge(lost.take(100, 0.0))  # and the transfer with it
    receipt = Receipt(answer.digest, "H53", 0, ReceiptOutcome.ACCEPTED, nodes.clock.now())
    pipeline.settle(nodes["quoc-gia"].node, [("tay-ninh", receipt)])
    nodes.clock.at += timedelta(seconds=6)
    nodes.settle()
    nodes.clock.at += timedelta(seconds=6)
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_a_lost_transfer_is_sent_again_once_the_far_side_says_that_it_is_lost(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    pipeline.forward(nodes["quoc-gia"].node)
    lost = nodes["tay-ninh"].transports[-1]
    lost.acknowledge(lost.take(100, 0.0))
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {}
    nodes.clock.at += timedelta(seconds=5)
    nodes.settle()
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.QUEUED}  # asked, and answered that it is unknown
    nodes.clock.at += timedelta(seconds=5)
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_a_damaged_body_is_held_and_never_delivered(nodes: Nodes) -> None:
    data = letter(nodes, files=(File("phu-luc.pdf", 100_000),))
    answer = nodes.send("quoc-gia", data)
    [path] = [
        path
        for path in (nodes["quoc-gia"].settings.node.data / "bodies").rglob("*")
        if path.stem in answer.digest and path.is_file()
    ]
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    nodes.settle()
    [delivery] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert (delivery.state, delivery.code) == (State.HELD, "EDX603")
    assert nodes.states("tay-ninh", answer.digest) == {}
    path.write_bytes(data)
    assert operator.release(nodes["quoc-gia"].node, [delivery.id], "lan", "đã khôi phục") == [None]
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_operators_acts_and_their_limits(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    answer = nodes.send("quoc-gia", letter(nodes))
    [one] = nodes.deliveries("quoc-gia", answer.digest).values()

    def codes(results: Sequence[object]) -> list[str | None]:
        return [getattr(result, "code", None) for result in results]

    assert codes(operator.release(node, [one.id, 999], "lan", "")) == ["EDX607", "EDX606"]
    assert codes(operator.hold(node, [one.id], "lan", "chờ xác minh")) == [None]
    assert not pipeline.forward(node)
    assert codes(operator.release(node, [one.id], "lan", "")) == [None]
    nodes.settle()
    for act in (operator.cancel, operator.hold, operator.retry, operator.resend):
        assert codes(act(node, [one.id], "lan", "")) == ["EDX607"]  # the province has it


def test_cancel_tells_the_sender_and_a_machines_repeat_does_not_undo_it(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    data = letter(nodes)
    answer = nodes.send("quoc-gia", data)
    [one] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert operator.cancel(node, [one.id], "lan", "gửi nhầm") == [None]
    [note] = node.ledger.views.notices("office:vanthu-quoc-gia")
    assert (note.receipt.outcome, note.receipt.code) == (ReceiptOutcome.CANCELLED, "EDX803")
    assert nodes.send("quoc-gia", data).repeated
    assert nodes.states("quoc-gia", answer.digest) == {"H53": State.CANCELLED}


def test_an_office_sees_only_its_own_inbox(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    node = nodes["tay-ninh"].node
    with pytest.raises(Exception, match="EDX606"):
        inbox.fetch(node, "vanthu-an-giang", there.name)
    [finding] = inbox.confirm(node, "vanthu-an-giang", [there.name])
    assert finding and finding.code == "EDX606"


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("transfer", b"no manifest", "EDX704"),
        ("chunk", b'{"v":"edx/1"}\n', "EDX704"),
        ("receipts", b"{}\n", "EDX704"),
        ("inquiry", b"[]\n", "EDX704"),
        ("submit", b"<a/>", "EDX704"),  # a neighbour is no office
        ("gossip", b"", "EDX704"),
    ],
)
def test_strange_messages_are_quarantined_and_the_queue_moves_on(
    nodes: Nodes, kind: str, body: bytes, code: str
) -> None:
    hub = nodes["tay-ninh"].transports[0]
    assert list(hub.publish([Parcel(topology.up("tay-ninh"), Message(kind, "x", body))])) == [None]
    good = nodes.send("tay-ninh", letter(nodes, ["G22"], sender="H53"))
    nodes.settle()
    [kept] = nodes["quoc-gia"].node.ledger.views.list_quarantined()
    assert kept.code == code
    assert nodes.states("quoc-gia", good.digest) == {"G22": State.AVAILABLE}


def test_a_state_secret_leaves_nothing_but_its_digest(nodes: Nodes) -> None:
    data = nodes.post.document("G22", ["H53"], number=1, subject="(Mật) V/v thử nghiệm")
    answer = nodes.send("quoc-gia", data)
    assert answer.finding and (answer.finding.code, answer.finding.where) == ("EDX405", "Subject")
    ledger = nodes["quoc-gia"].node.ledger
    [kept] = ledger.views.list_quarantined()
    assert (kept.code, kept.size) == ("EDX405", 0)
    assert nodes["quoc-gia"].node.bodies.read([answer.digest]) == {}
    folder = nodes["quoc-gia"].settings.node.data
    assert not [path for path in folder.rglob("*") if path.is_file() and "thử nghiệm".encode() in path.read_bytes()]


def test_beyond_the_space_for_refused_input_only_the_refusal_is_kept(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    node.rules = replace(node.rules, limits=replace(node.rules.limits, quarantine_bytes=10))
    answer = nodes.send("quoc-gia", b"<not-edxml>" + b" " * 100)
    assert answer.finding and answer.finding.code == "EDX101"
    [kept] = node.ledger.views.list_quarantined()
    assert not kept.kept
    [line] = node.ledger.views.lines(envelope=answer.digest)
    assert "EDX604" in line.entry.detail


def test_of_a_refused_document_on_disk_only_the_metadata_is_kept(nodes: Nodes) -> None:
    """A large one would have to be held in memory to be kept in the database."""
    node = nodes["quoc-gia"].node
    body = node.bodies.receive([tampered(letter(nodes), "V/v", "V/V")])
    [answer] = pipeline.accept(node, [Submission(body, "vanthu-quoc-gia", "cli")])
    body.discard()
    assert answer.finding and answer.finding.code == "EDX302"
    [kept] = node.ledger.views.list_quarantined()
    assert (kept.code, kept.size) == ("EDX302", body.size)
    assert node.ledger.views.one_quarantined(kept.number) == (kept, None)
    details = [line.entry.detail for line in node.ledger.views.lines()]
    assert any("EDX604: bytes not kept" in detail for detail in details)


@pytest.mark.parametrize("engine", list(Engine))
def test_every_engine_does_the_whole_journey(nodes: Nodes, engine: Engine) -> None:
    for opened in nodes.opened.values():
        settings = replace(opened.settings, signature=replace(opened.settings.signature, engine=str(engine)))
        opened.node.rules = build_rules(settings)
        assert opened.node.rules.engine is engine
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_old_and_future_time_stamps_are_refused_where_that_is_asked(nodes: Nodes) -> None:
    node = nodes["quoc-gia"].node
    data = letter(nodes)
    node.rules = replace(node.rules, policy=Policy(max_age=timedelta(days=2), max_ahead=timedelta(hours=1)))
    nodes.clock.at += timedelta(days=3)
    answer = nodes.send("quoc-gia", data)
    assert answer.finding and answer.finding.code == "EDX408"
    nodes.clock.at -= timedelta(days=3, hours=3)
    answer = nodes.send("quoc-gia", data)
    assert answer.finding and answer.finding.code == "EDX408"
    nodes.clock.at += timedelta(hours=3)
    assert nodes.send("quoc-gia", data).accepted


@pytest.mark.parametrize("quota", [Quota(messages=2), Quota(recipients=2), Quota(bytes=32_000)])
def test_beyond_its_quota_a_peer_waits_and_loses_nothing(nodes: Nodes, quota: Quota) -> None:
    node = nodes["quoc-gia"].node
    office = replace(node.rules.peers["vanthu-quoc-gia"], quota=quota)
    node.rules = replace(node.rules, peers={**node.rules.peers, office.name: office})
    submissions = [Submission(MemoryBody(letter(nodes, number=number)), office.name, "cli") for number in (1, 2, 3)]
    answers = pipeline.accept(node, submissions)
    assert [answer.accepted for answer in answers] == [True, True, False]
    assert answers[2].passing
    assert answers[2].finding and answers[2].finding.code == "EDX406"
    assert node.ledger.views.list_quarantined() == []  # put off is not refused
    assert pipeline.accept(node, submissions[2:])[0].passing
    nodes.clock.at += timedelta(seconds=61)
    assert pipeline.accept(node, submissions[2:])[0].accepted


def test_large_bodies_are_forwarded_in_portions(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker holds one portion of bodies at a time, whatever is due; everything goes all the same."""
    monkeypatch.setattr(dispatch, "PORTION_BYTES", 60_000)
    node = nodes["quoc-gia"].node
    read: list[int] = []
    plain = node.bodies.open
    monkeypatch.setattr(node.bodies, "open", lambda digests: read.append(len(set(digests))) or plain(digests))
    sent = [nodes.send("quoc-gia", letter(nodes, number=n, files=(File("a.pdf", 30_000),))) for n in range(1, 6)]
    assert len(pipeline.forward(node)) == 5
    assert (max(read), sum(read)) == (1, 5)
    nodes.settle()
    assert all(nodes.states("tay-ninh", one.digest) == {"H53": State.AVAILABLE} for one in sent)


def test_one_id_in_two_encodings_is_one_document(nodes: Nodes) -> None:
    """Typed on two systems, an id looks the same: the second letter is no other document."""
    node, post = nodes["quoc-gia"].node, nodes.post
    composed, apart = (unicodedata.normalize(form, "7/QĐ-ệ") for form in ("NFC", "NFD"))

    def spelt(document_id: str) -> bytes:
        plain = post.unsigned("G22", ["H53"], 1, "V/v thử nghiệm")
        return post.signed(plain.replace(post.document_id("G22", 1).encode(), document_id.encode()), "G22")

    first = nodes.send("quoc-gia", spelt(composed))
    assert first.accepted
    for other in (apart, composed.replace("Đ", "\u00d0")):
        answer = nodes.send("quoc-gia", spelt(other))
        assert answer.finding and answer.finding.code == "EDX404"
    for spelling in (composed, apart):
        [found] = node.ledger.views.find_envelopes(document_id=spelling)
        assert (found.envelope.digest, found.envelope.document_id) == (first.digest, composed)
        assert len(node.ledger.views.list_quarantined(document=spelling)) == 2


def test_a_recall_finds_its_document_in_either_encoding(nodes: Nodes) -> None:
    node, post = nodes["quoc-gia"].node, nodes.post
    composed, apart = (unicodedata.normalize(form, "7/QĐ-ệ") for form in ("NFC", "NFD"))
    plain = post.unsigned("G22", ["H53"], 1, "V/v thử nghiệm").replace(
        post.document_id("G22", 1).encode(), composed.encode()
    )
    recall = post.unsigned("G22", ["H53"], 2, "V/v thu hồi", recalls=apart)
    first, second = (nodes.send("quoc-gia", post.signed(data, "G22")) for data in (plain, recall))
    assert first.accepted and second.accepted
    [found] = node.ledger.views.find_envelopes(document_id=composed)
    [change] = node.ledger.views.changes(found.envelope)
    assert change.envelope.digest == second.digest


def test_an_agency_that_nobody_serves_is_called_so(nodes: Nodes) -> None:
    """Each of two nodes takes it to be behind the other: that is no loop, there is an office missing."""
    answer = nodes.send("an-giang", letter(nodes, ["H53.31"], sender="H01"))
    assert answer.accepted
    nodes.settle()
    [delivery] = nodes.deliveries("an-giang", answer.digest).values()
    assert (delivery.state, delivery.code) == (State.RETURNED, "EDX505")
    assert delivery.detail == "H53.31 would go back to quoc-gia, who has sent it here"
