"""What a hostile or careless neighbour or office tries against a running node: real stores, hubs and signatures."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.agencies.agency import Alias
from edxml_router.core.agencies.registry import Registry
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.manifest import TEXT_LIMIT
from edxml_router.core.link.statement import UNKNOWN
from edxml_router.core.link.wire import (
    Hop,
    Inquiry,
    Receipt,
    ReceiptOutcome,
    Transfer,
    decode_inquiry,
    decode_receipts,
    encode_inquiry,
    encode_receipts,
    encode_transfer,
)
from edxml_router.core.message.classification import Markings
from edxml_router.core.problems import Refusal, Setback
from edxml_router.demo.letters import File
from edxml_router.intake import batch
from edxml_router.observe import events
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.forwarding.dispatch import body_chunks
from edxml_router.stages.node import Node
from edxml_router.stages.offices import inbox
from edxml_router.store.bodies.files import BodyStore
from edxml_router.transport import topology
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]  # the fixture
DIGEST = "ab" * 32


def _transfer(nodes: Nodes, data: bytes, recipients: tuple[str, ...], by: str, **fields: object) -> Transfer:
    now = nodes.clock.now()
    digest = hashlib.sha256(data).hexdigest()
    made = Transfer("t", digest, len(data), recipients, 0, (Hop(by, now),), now + timedelta(days=1))
    return replace(made, **fields)  # type: ignore[arg-type]


def _receipts_for(nodes: Nodes, name: str) -> list[Receipt]:
    """What a neighbour finds in its mailbox."""
    taken = [one for transport in nodes[name].transports for one in transport.take(100, 0.0)]
    return [receipt for one in taken for receipt in decode_receipts(one.message.body)[0]]


def test_a_code_that_only_a_newer_neighbour_knows_ends_no_worker(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes))
    nodes.settle()
    receipt = Receipt(answer.digest, "H53", 0, ReceiptOutcome.RETURNED, nodes.clock.now(), "EDX999", "vì lẽ mới")
    body = encode_receipts((receipt,), nodes["tay-ninh"].node.sign_receipts)
    nodes["tay-ninh"].transports[0].publish([Parcel(topology.up("tay-ninh"), Message("receipts", "r", body))])
    events.moved(nodes.step("quoc-gia").moves)  # as the worker does
    [delivery] = nodes.deliveries("quoc-gia", answer.digest).values()
    assert (delivery.state, delivery.code, delivery.detail) == (State.RETURNED, "", "EDX999: vì lẽ mới")


def test_an_offices_odd_reason_does_not_spoil_the_receipts_beside_it(nodes: Nodes) -> None:
    answers = [nodes.send("quoc-gia", letter(nodes, number=number)) for number in (1, 2)]
    nodes.settle()
    for answer, reason in zip(answers, ("sai nơi nhận", "nửa\0chừng"), strict=True):
        [there] = nodes.deliveries("tay-ninh", answer.digest).values()
        assert inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], reason) == [None]
    nodes.settle()
    assert [nodes.states("quoc-gia", answer.digest) for answer in answers] == [{"H53": State.RETURNED}] * 2


@pytest.mark.parametrize("detail", ["issuer " + "x" * TEXT_LIMIT, "a\0b"])
def test_every_receipt_that_is_written_can_be_read(detail: str) -> None:
    receipt = Receipt(
        DIGEST, "H53", 0, ReceiptOutcome.RETURNED, datetime.fromisoformat("2026-01-01T00:00:00Z"), "EDX308"
    )
    [read] = decode_receipts(encode_receipts((replace(receipt, detail=detail),)))[0]
    assert len(read.detail) <= TEXT_LIMIT


def test_as_many_receipts_as_a_node_sends_at_once_can_be_read() -> None:
    at = datetime.fromisoformat("2026-01-01T00:00:00Z")
    hops = tuple(Hop(f"node-{number}", at) for number in range(7))
    bare = Receipt(DIGEST, "H53", 0, ReceiptOutcome.CONFIRMED, at, hops=hops, evidence=UNKNOWN)
    receipts = tuple(replace(bare, recipient=f"H53.{n}") for n in range(10_000))
    assert decode_receipts(encode_receipts(receipts))[0] == receipts


def test_a_small_message_cannot_ask_for_large_answers(nodes: Nodes) -> None:
    def store() -> int:
        return sum(path.stat().st_size for path in nodes["quoc-gia"].settings.node.data.rglob("*") if path.is_file())

    hub, now = nodes["an-giang"].transports[0], nodes.clock.now()
    before = store()
    for hops, recipients in (
        ([Hop("x" * 1000, now)] * 15, tuple(f"H53.{n}" for n in range(200))),
        ([Hop("x", now)] * 62, tuple(f"H53.{n}" for n in range(200))),
        ([], ("H53",) * 5_000),
    ):
        transfer = _transfer(nodes, b"x", recipients, "an-giang", hops=(*hops, Hop("an-giang", now)))
        hub.publish([Parcel(topology.up("an-giang"), Message("transfer", "t", encode_transfer(transfer, b"x")))])
    inquiry = encode_inquiry(Inquiry(DIGEST, ("H53",) * 5_000, 0))
    hub.publish([Parcel(topology.up("an-giang"), Message("inquiry", "i", inquiry))])
    for transport in nodes["quoc-gia"].transports:
        batch.receive(nodes["quoc-gia"].node, transport, transport.take(100, 0.0))
    assert store() - before < 1_000_000
    assert {one.code for one in nodes["quoc-gia"].node.ledger.views.list_quarantined()} == {"EDX704"}
    with pytest.raises(Refusal, match="EDX704"):
        decode_inquiry(inquiry)


def test_what_was_taken_is_not_returned_because_its_certificate_ended_since(nodes: Nodes) -> None:
    data = letter(nodes)
    answer = nodes.send("quoc-gia", data)
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", answer.digest).values()
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name])
    pipeline.report(nodes["tay-ninh"].node)
    _receipts_for(nodes, "quoc-gia")  # lost; so the national node sends it once more
    nodes.clock.at += timedelta(days=3650)
    transfer = _transfer(nodes, data, ("H53",), "quoc-gia")
    node = nodes["tay-ninh"].node
    [again] = pipeline.accept(node, [Submission(MemoryBody(data), "quoc-gia", "link", transfer)])
    assert again.finding and again.finding.code == "EDX309"
    pipeline.report(node)
    assert [(one.outcome, one.code) for one in _receipts_for(nodes, "quoc-gia")] == [(ReceiptOutcome.CONFIRMED, "")]
    # What is asked for anew, or was never here, is refused as it must be.
    for fresh in (replace(transfer, generation=1), replace(transfer, recipients=("H53.1",))):
        pipeline.accept(node, [Submission(MemoryBody(data), "quoc-gia", "link", fresh)])
        pipeline.report(node)
        [told] = _receipts_for(nodes, "quoc-gia")
        assert (told.outcome, told.code) == (ReceiptOutcome.RETURNED, "EDX309")


@pytest.mark.parametrize("user", ["\ud800", "a\0b", "x" * 100_000])
def test_a_name_that_cannot_be_stored_ends_no_worker(nodes: Nodes, user: str) -> None:
    root = nodes["quoc-gia"].settings.hub.path  # type: ignore[union-attr]
    fields = {
        "edx": topology.VERSION, "kind": "gossip", "id": "x", "correlation": "", "urgent": False, "headers": {},
        "user": user, "size": 0, "sha256": hashlib.sha256(b"").hexdigest(),
    }  # fmt: skip
    (root / topology.up("an-giang") / "new" / "1.x").write_bytes(json.dumps(fields).encode() + b"\n")  # type: ignore[operator]
    nodes.step("quoc-gia")
    [kept] = nodes["quoc-gia"].node.ledger.views.list_quarantined()
    assert kept.code == "EDX403"
    assert len(kept.peer) <= 255 * 6
    assert kept.peer.isprintable()


def test_a_fifo_in_a_mailbox_holds_nobody_up_and_is_named(nodes: Nodes) -> None:
    root = nodes["quoc-gia"].settings.hub.path  # type: ignore[union-attr]
    os.mkfifo(root / topology.up("an-giang") / "new" / "0.fifo")  # type: ignore[operator]
    answer = nodes.send("tay-ninh", letter(nodes, ["H01"], sender="H53"))
    nodes.settle()
    assert set(nodes.states("quoc-gia", answer.digest)) == {"H01"}
    [kept] = nodes["quoc-gia"].node.ledger.views.list_quarantined()
    assert (kept.code, kept.where) == ("EDX403", topology.up("an-giang"))
    assert kept.detail == "no user id: damaged 0.fifo not a file"


def test_a_mistake_while_the_store_is_away_gives_the_message_back(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(_node: Node, _batch: object) -> batch.BatchResult:
        raise ZeroDivisionError

    def away() -> object:
        raise Setback("EDX602")

    node, hub = nodes["quoc-gia"].node, nodes["quoc-gia"].transports[0]
    hub_of_child = nodes["an-giang"].transports[0]
    hub_of_child.publish([Parcel(topology.up("an-giang"), Message("inquiry", "i", b""))])
    monkeypatch.setitem(batch._HANDLERS, "inquiry", mistaken)
    monkeypatch.setattr(node.ledger, "book", away)
    handled = batch.receive(node, hub, hub.take(100, 0.0))
    assert [arrival.message.kind for arrival in handled.back] == ["inquiry"]


def test_a_large_body_is_put_together_once_for_all_transfers_that_name_it(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = letter(nodes, ["H53"], sender="H01", files=(File("phu-luc.pdf", 100_000),))
    pieces = list(body_chunks(MemoryBody(data), hashlib.sha256(data).hexdigest(), 30_000))
    manifest = encode_transfer(_transfer(nodes, data, ("H53",), "an-giang", chunks=len(pieces)))
    messages = [Message("chunk", f"t.{number}", piece) for number, piece in enumerate(pieces)]
    messages += [Message("transfer", "t", manifest)] * 20
    nodes["an-giang"].transports[0].publish([Parcel(topology.up("an-giang"), message) for message in messages])
    called: list[Path] = []
    original = BodyStore.assembled

    def counted(self: BodyStore, peer: str, transfer: Transfer) -> object:
        called.append(Path(peer))
        return original(self, peer, transfer)

    monkeypatch.setattr(BodyStore, "assembled", counted)
    answers = nodes.step("quoc-gia").answers
    assert ([answer.accepted for answer in answers], len(called)) == ([True] * 20, 1)


@pytest.mark.parametrize(
    "text",
    [
        "độ mật" + " " * 60_000 + "x",
        "MẬT " * 15_000,
        "(" * 60_000,
        "tối " * 15_000,
        " " * 60_000 + "x",
        "độ mật" + "\u200b" * 60_000 + "x",
        "tối\u200b" * 15_000,
    ],
)
def test_looking_for_markings_takes_no_longer_than_the_text(text: str) -> None:
    assert Markings().mark(text) is False  # in milliseconds; by patterns that backtrack it takes minutes


@pytest.mark.parametrize("text", ["(M\u200bật) V/v", "M\u00adật", "ＭẬＴ", "（Tối mật）", "‘Mật’", "Độ mật :  Mật"])
def test_markings_are_found_behind_what_nobody_sees(text: str) -> None:
    assert Markings().mark(text)


def test_an_office_learns_nothing_of_deliveries_that_are_not_its_own(nodes: Nodes) -> None:
    answer = nodes.send("quoc-gia", letter(nodes, ["H53", "H01"]))
    nodes.settle()
    node, hub = nodes["quoc-gia"].node, nodes["an-giang"].transports[0]
    question = Message("inquiry", "i", encode_inquiry(Inquiry(answer.digest, ("H53",), 0)))
    hub.publish([Parcel(topology.up("an-giang"), question)])
    nodes.step("quoc-gia")
    assert [one.outcome for one in _receipts_for(nodes, "an-giang")] == [ReceiptOutcome.UNKNOWN]
    theirs = f"{answer.digest}.H53"
    for kind, correlation in (("confirm", theirs), ("return", theirs), ("confirm", "1"), ("confirm", "9" * 5000)):
        message = Message(kind, "x", b"", correlation=correlation)
        batch.receive(
            node, hub, [Arrival(message, topology.submission("vanthu-quoc-gia"), "vanthu-quoc-gia", "", False)]
        )
    assert set(nodes.states("quoc-gia", answer.digest).values()) == {State.FORWARDED}
    assert node.ledger.views.notices("office:vanthu-quoc-gia") == []


def _change_hands(nodes: Nodes, code: str, before: str, after: str) -> None:
    """From 2099 on ``code`` stands for another agency; the catalogue says so ahead of time."""
    aliases = (Alias(code, before, None, date(2098, 12, 31)), Alias(code, after, date(2099, 1, 1)))
    for opened in nodes.opened.values():
        rules = opened.node.rules
        registry = Registry.build(iter(rules.registry), aliases, levels=rules.registry.levels.values())
        opened.node.rules = replace(rules, registry=registry)


def test_a_code_that_will_change_hands_still_reaches_whom_it_names_today(nodes: Nodes) -> None:
    _change_hands(nodes, "vp.cu", "H53", "H01")
    answer = nodes.send("quoc-gia", letter(nodes, ["vp.cu"]))
    assert answer.recipients == ("H53",)
    nodes.settle()
    assert nodes.states("tay-ninh", answer.digest) == {"H53": State.AVAILABLE}


def test_a_certificate_does_not_speak_for_whom_its_code_will_name_one_day(nodes: Nodes) -> None:
    _change_hands(nodes, "H53", "H53", "H01")
    data = nodes.post.signed(nodes.post.unsigned("H01", ["G22"], number=1, subject="V/v thử"), "H53")
    forged = nodes.send("an-giang", data)
    assert forged.finding and forged.finding.code == "EDX402"
    assert nodes.send("tay-ninh", letter(nodes, ["G22"], sender="H53")).accepted


def test_a_state_secret_of_an_unknown_sender_is_not_kept_either(nodes: Nodes) -> None:
    data = nodes.post.document("G22", ["H53"], number=1, subject="(Mật) V/v", signer=None)
    stranger = data.replace(b"<edXML:OrganId>G22<", b"<edXML:OrganId>G22.99<")
    answer = nodes.send("quoc-gia", stranger)
    assert answer.finding and answer.finding.code == "EDX405"
