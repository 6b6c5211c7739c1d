"""Whose word a message is: the mailbox it came through decides, on folders and on a real broker.

The owner of a hub can write anything there in anybody's name. Here the capital does, into the mailbox of its province:
as the province's own office, and as the district below it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.terms import UnsignedException
from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.link.wire import (
    Hop,
    Inquiry,
    Receipt,
    ReceiptOutcome,
    Transfer,
    encode_inquiry,
    encode_receipts,
    encode_transfer,
)
from edxml_router.core.signature.signing import sign_bytes
from edxml_router.credentials.keys import load_key
from edxml_router.demo.letters import Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.ports.transport import Message, Parcel
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.forwarding.dispatch import body_chunks
from edxml_router.transport import topology
from edxml_router.transport.local.hub import LocalTransport
from edxml_router.wiring.composition import RunningNode, open_worker
from tests.contract.hubs import until

CAPITAL, PROVINCE, DISTRICT = "quoc-gia", "tay-ninh", "ben-cau"
OFFICE = f"vanthu-{PROVINCE}"
PLANS = (
    NodePlan(CAPITAL, "Nút quốc gia", ("G22",)),
    NodePlan(PROVINCE, "Nút tỉnh Tây Ninh", ("H53",), parent=CAPITAL, prefixes=("H53",), amqp=True),
    NodePlan(DISTRICT, "Nút huyện Bến Cầu", ("H53.31",), parent=PROVINCE, prefixes=("H53.31",)),
)


@dataclass
class Scene:
    """The province's worker, and whoever writes into the hubs around it."""

    tree: Tree
    province: RunningNode
    post: Post

    def write(self, hub: str, mailbox: str, user: str, *messages: Message) -> None:
        """Put messages into a mailbox of ``hub``'s, in the name of ``user``, as only its owner can."""
        if self.tree.broker is None:
            made = LocalTransport(self.tree.hub(hub), user).publish([Parcel(mailbox, one) for one in messages])
            assert set(made) == {None}
            return
        with self.channel(hub, user) as channel:
            exchange, key = topology.address(mailbox)
            for one in messages:
                properties = pika.BasicProperties(
                    user_id=user, type=one.kind, message_id=one.id, correlation_id=one.correlation, delivery_mode=2
                )
                channel.basic_publish(exchange, key, one.body, properties, mandatory=True)

    @contextmanager
    def channel(self, hub: str, user: str) -> Iterator[BlockingChannel]:
        """As a user of a broker that may read and write everything there."""
        broker, vhost = self.tree.broker, self.tree.vhost(hub)
        assert broker is not None
        broker.ctl("set_permissions", "-p", vhost, user, "^$", r"^edx\.", r"^edx\.")
        credentials = pika.PlainCredentials(user, self.tree.password(user))
        with pika.BlockingConnection(pika.ConnectionParameters(broker.host, broker.port, vhost, credentials)) as made:
            channel = made.channel()
            channel.confirm_delivery()
            yield channel

    def inbox(self, count: int) -> list[tuple[str, bytes]]:
        """What the province has laid into its office's mailbox: correlation and body."""
        with self.channel(PROVINCE, OFFICE) as channel:
            found = [channel.basic_get(topology.inbox(OFFICE), auto_ack=True) for _ in range(count)]
        return [(properties.correlation_id, body) for _, properties, body in found]

    def take(self, count: int) -> batch.BatchResult:
        """The province deals with what lies there, until that were ``count`` messages."""
        total, seen = batch.BatchResult(), 0

        def all_came() -> bool:
            nonlocal seen
            for transport in self.province.transports:
                arrivals = transport.take(100, 0.0)
                seen += len(arrivals)
                total.add(batch.receive(self.province.node, transport, arrivals))
            return seen >= count

        until(all_came)
        return total

    def kept(self) -> list[QuarantinedItem]:
        return sorted(self.province.node.ledger.views.list_quarantined(), key=lambda one: one.number)

    def codes(self, before: int) -> set[tuple[str, str, str]]:
        """Code, peer and mailbox of what was quarantined since there were ``before``."""
        return {(one.code, one.peer, one.channel) for one in self.kept()[before:]}

    def states(self, digest: str) -> dict[str, State]:
        with self.province.node.ledger.book() as book:
            return {one.recipient: one.state for one in book.deliveries.of([digest])}

    def transfer(self, data: bytes, brought_by: str, *recipients: str, chunks: int = 0) -> Message:
        now = self.province.node.now()
        digest = hashlib.sha256(data).hexdigest()
        ends = now + timedelta(days=1)
        manifest = Transfer(
            f"t{digest}", digest, len(data), recipients, 0, (Hop(brought_by, now),), ends, chunks=chunks
        )
        return Message("transfer", manifest.id, encode_transfer(manifest, b"" if chunks else data))


@pytest.fixture(scope="module", params=["folders", "rabbitmq"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    broker: Broker | None = request.getfixturevalue("broker") if request.param == "rabbitmq" else None
    with ExitStack() as stack:
        tree = stack.enter_context(Tree(tmp_path_factory.mktemp("speakers") / "tree", PLANS, broker))
        stack.enter_context(open_worker(tree.settings(CAPITAL))).declare()
        province = stack.enter_context(open_worker(tree.settings(PROVINCE)))
        province.declare()
        office = province.node.rules.peers[OFFICE]
        unsigned = UnsignedException(date(2099, 12, 31), "old e-office", frozenset())
        peers = {**province.node.rules.peers, OFFICE: replace(office, unsigned=unsigned)}
        province.node.rules = replace(province.node.rules, peers=peers)
        yield Scene(tree, province, Post(tree.pki))


def test_a_parent_does_not_speak_as_our_own_office(scene: Scene) -> None:
    """It confirms and returns letters that the office never saw, and submits unsigned mail under its exception."""
    down, before = topology.down(PROVINCE), len(scene.kept())
    letters = [scene.post.document("G22", ["H53"], number, "V/v") for number in (1, 2)]
    scene.write(CAPITAL, down, CAPITAL, *(scene.transfer(data, CAPITAL, "H53") for data in letters))
    digests = [answer.digest for answer in scene.take(2).answers if answer.accepted]
    pipeline.forward(scene.province.node)
    with scene.province.node.ledger.book() as book:
        numbers = [one.id for one in book.deliveries.of(digests)]
    forged = scene.post.document("H53", ["H53.31"], 9, "V/v", signer=None)
    messages = [
        Message("confirm", "c", b"", correlation=str(numbers[0])),
        Message("return", "r", b"forged", correlation=str(numbers[1])),
        Message("submit", "s", forged),
    ]
    scene.write(CAPITAL, down, OFFICE, *messages)
    handled = scene.take(3)
    assert (handled.answers, handled.moves) == ([], [])
    assert [scene.states(digest) for digest in digests] == [{"H53": State.AVAILABLE}] * 2
    assert scene.states(hashlib.sha256(forged).hexdigest()) == {}
    assert scene.codes(before) == {("EDX410", CAPITAL, down)}


def test_a_parent_does_not_speak_as_the_node_below(scene: Scene) -> None:
    """Neither by a transfer of mail that the child's agency has signed, nor by its receipts, questions and chunks."""
    node, down, before = scene.province.node, topology.down(PROVINCE, urgent=True), len(scene.kept())
    outgoing = scene.post.document("H53", ["H53.31"], 1, "V/v")
    [sent] = pipeline.accept(node, [Submission(MemoryBody(outgoing), OFFICE, "cli")])
    pipeline.forward(node)
    seen = scene.post.document("H53.31", ["H53"], 2, "V/v")
    pieces = list(body_chunks(MemoryBody(seen), hashlib.sha256(seen).hexdigest(), len(seen) // 2 + 1))
    receipt = Receipt(sent.digest, "H53.31", 0, ReceiptOutcome.CONFIRMED, node.now())
    key = load_key(scene.tree.pki / f"{DISTRICT}.key.pem")  # as if it had stolen even that
    signed = encode_receipts((receipt,), lambda line: base64.b64encode(sign_bytes(key, line)).decode())
    messages = [
        *(Message("chunk", f"c{number}", piece) for number, piece in enumerate(pieces)),
        scene.transfer(seen, DISTRICT, "H53", chunks=len(pieces)),
        scene.transfer(seen, DISTRICT, "H53"),
        Message("receipts", "r", signed),
        Message("inquiry", "i", encode_inquiry(Inquiry(sent.digest, ("H53.31",), 0))),
    ]
    scene.write(CAPITAL, down, DISTRICT, *messages)
    handled = scene.take(len(messages))
    assert (handled.answers, handled.moves, handled.back) == ([], [], [])
    assert scene.states(sent.digest) == {"H53.31": State.FORWARDED}
    assert scene.states(hashlib.sha256(seen).hexdigest()) == {}
    assert scene.codes(before) == {("EDX410", CAPITAL, down)}
    # Through the district's own mailbox the same letter is the district's.
    scene.write(PROVINCE, topology.up(DISTRICT), DISTRICT, scene.transfer(seen, DISTRICT, "H53"))
    assert [answer.accepted for answer in scene.take(1).answers] == [True]


@pytest.mark.parametrize("name", [OFFICE, CAPITAL])
def test_on_our_own_hub_a_mailbox_speaks_for_whom_it_is_named_after(scene: Scene, name: str) -> None:
    """Whoever comes to write there, in whatever name: nobody else is heard through it."""
    before = len(scene.kept())
    data = scene.post.document("H53" if name == OFFICE else "G22", ["H53.31"], 3, "V/v")
    messages = (Message("submit", "s", data), scene.transfer(data, name, "H53.31"))
    scene.write(PROVINCE, topology.up(DISTRICT), name, *messages)
    assert scene.take(2).answers == []
    assert scene.codes(before) == {("EDX410", DISTRICT, topology.up(DISTRICT))}
    assert scene.states(hashlib.sha256(data).hexdigest()) == {}


@pytest.mark.parametrize("scene", ["rabbitmq"], indirect=True)
def test_an_office_hears_of_what_cannot_be_dealt_with(scene: Scene) -> None:
    """Also when the broker knows no more of it than through which exchange it came."""
    before = len(scene.kept())
    scene.write(
        PROVINCE, topology.submission(OFFICE), OFFICE, Message("", "a-1", b"abc"), Message("sumbit", "a-2", b"")
    )
    properties = pika.BasicProperties(
        content_type="image/png", type="submit", message_id="a-3", headers={"x": [1, {"y": None}]}, delivery_mode=2
    )
    with scene.channel(PROVINCE, OFFICE) as channel:
        channel.basic_publish(*topology.address(topology.submission(OFFICE)), b"no user id", properties, mandatory=True)
    codes = {"EDX704", "EDX403"}
    assert {finding.code for _, finding in scene.take(3).odd} == codes
    assert {(one.code, one.peer) for one in scene.kept()[before:]} == {(code, OFFICE) for code in codes}
    answers = scene.inbox(3)
    assert [correlation for correlation, _ in answers] == ["a-1", "a-2", "a-3"]
    assert {json.loads(body)["problem"]["code"] for _, body in answers} == codes
