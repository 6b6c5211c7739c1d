"""A child node that does as it pleases, with its own client, its own good password and its own good keys.

The national node and an honest province run as real processes on a real broker. Whatever the rogue tries, it ends
quarantine or in the journal with a code; the node stays up, honest mail goes on, and the rogue's own agencies' mail is
all that it can have delivered.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pika
import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.link.wire import (
    Chunk,
    Hop,
    Inquiry,
    Receipt,
    ReceiptOutcome,
    Transfer,
    decode_receipts,
    encode_chunk,
    encode_inquiry,
    encode_receipts,
    encode_transfer,
)
from edxml_router.core.signature.signing import sign_bytes
from edxml_router.credentials.keys import load_key
from edxml_router.demo.letters import File, Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.store.ledger import SqlLedger
from edxml_router.transport import topology
from edxml_router.wiring import composition, own_ledger
from tests.contract.hubs import until

ROGUE, HONEST, PARENT = "an-giang", "tay-ninh", "quoc-gia"
PLANS = (
    NodePlan(PARENT, "Nút quốc gia", ("G22",)),
    NodePlan(HONEST, "Nút tỉnh Tây Ninh", ("H53",), parent=PARENT, prefixes=("H53",)),
    NodePlan(ROGUE, "Nút tỉnh An Giang", ("H01",), parent=PARENT, prefixes=("H01",)),
)


@dataclass
class Siege:
    """The tree, the rogue's connection to the parent's hub, and a look into the others' ledgers."""

    tree: Tree
    ledgers: dict[str, SqlLedger]
    connection: pika.BlockingConnection
    post: Post
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    # --- what the rogue does ---

    def send(self, kind: str, body: bytes, key: str = "ordinary", **properties: Any) -> None:
        """Publish to the intake, confirmed by the broker."""
        given = {"user_id": ROGUE, "type": kind, "message_id": f"r{next(self.numbers)}", "delivery_mode": 2}
        self.raw(body, pika.BasicProperties(**(given | properties)), key)

    def raw(self, body: bytes, properties: pika.BasicProperties, key: str = "ordinary") -> None:
        channel = self.connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(topology.up(ROGUE), key, body, properties, mandatory=True)
        channel.close()

    def transfer(self, data: bytes, recipients: Sequence[str], **fields: Any) -> str:
        """An envelope with the manifest that the rogue likes; its digest."""
        digest, now = hashlib.sha256(data).hexdigest(), datetime.now(UTC)
        manifest = Transfer(
            "t", digest, len(data), tuple(recipients), 0, (Hop(ROGUE, now),), now + timedelta(days=1)
        )
        self.send("transfer", encode_transfer(replace(manifest, **fields), data))
        return digest

    def receipts(self, *items: Receipt, signed: bool = True) -> None:
        key = load_key(self.tree.pki / f"{ROGUE}.key.pem")
        mark = (lambda line: base64.b64encode(sign_bytes(key, line)).decode()) if signed else None
        self.send("receipts", encode_receipts(items, mark))

    def answers(self, wanted: Callable[[list[Receipt]], bool]) -> list[Receipt]:
        """What came into the rogue's own mailboxes as receipts, until there is what is wanted."""
        came: list[Receipt] = []
        channel = self.connection.channel()

        def look() -> bool:
            for mailbox in topology.child_mailboxes(ROGUE):
                method, properties, body = channel.basic_get(mailbox, auto_ack=True)
                if method is not None and properties.type == "receipts":
                    came.extend(decode_receipts(body)[0])
            return wanted(came)

        until(look)
        channel.close()
        return came

    def inquire(self, digest: str, recipient: str, generation: int = 0) -> Receipt:
        self.send("inquiry", encode_inquiry(Inquiry(digest, (recipient,), generation)))
        came = self.answers(lambda came: any(one.envelope == digest for one in came))
        return next(one for one in came if one.envelope == digest)  # others may come with it

    def done(self) -> None:
        """Until everything that was sent before has been dealt with: the intake is served in order."""
        self.inquire(hashlib.sha256(b"%d" % next(self.numbers)).hexdigest(), "H01")

    # --- what became of it ---

    def quarantined(self, node: str = PARENT) -> list[QuarantinedItem]:
        return list(self.ledgers[node].views.list_quarantined(limit=10_000))

    def codes_since(self, before: list[QuarantinedItem]) -> list[str]:
        self.done()
        known = {kept.number for kept in before}
        return [kept.code for kept in self.quarantined() if kept.number not in known]

    def deliveries(self, digest: str, node: str = PARENT) -> dict[str, Delivery]:
        with self.ledgers[node].book() as book:
            return {one.recipient: one for one in book.deliveries.of([digest])}

    def journal(self, digest: str, node: str = PARENT) -> list[tuple[str, str, str]]:
        found = self.ledgers[node].views.lines(envelope=digest)
        return [(line.entry.event, line.entry.actor, line.entry.code) for line in found]

    def letter(self, sender: str, to: Sequence[str], **more: Any) -> bytes:
        return self.post.document(sender, to, next(self.numbers), "V/v thử nghiệm", **more)

    def honest_letter(self) -> str:
        """A letter from the capital to the honest province, seen to arrive; its digest."""
        data = self.letter("G22", ["H53"])
        with composition.open_node(self.tree.settings(PARENT)) as node:
            [answer] = pipeline.accept(node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
        assert answer.accepted
        until(lambda: "H53" in self.deliveries(answer.digest, HONEST))
        until(lambda: self.deliveries(answer.digest)["H53"].far_accepted)
        return answer.digest


@pytest.fixture(scope="module")
def siege(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with Tree(tmp_path_factory.mktemp("siege"), PLANS, broker) as tree:
        tree.start(PARENT, HONEST)
        credentials = pika.PlainCredentials(ROGUE, tree.password(ROGUE))
        reached = pika.ConnectionParameters(broker.host, broker.port, tree.vhost(PARENT), credentials)
        ledgers = {name: own_ledger.open_ledger(tree.settings(name)) for name in (PARENT, HONEST)}
        with closing(ledgers[PARENT]), closing(ledgers[HONEST]):
            until(lambda: _declared(reached))
            with pika.BlockingConnection(reached) as connection:
                yield Siege(tree, ledgers, connection, Post(tree.pki))


def _declared(reached: pika.ConnectionParameters) -> bool:
    with pika.BlockingConnection(reached) as connection:
        try:
            connection.channel().queue_declare(topology.down(ROGUE), passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return True


@pytest.fixture(autouse=True)
def nothing_breaks(siege: Siege) -> Iterator[None]:
    """After each of its deeds: no worker ended, nothing reached the sibling but mail, honest mail goes on."""
    yield
    siege.done()
    siege.honest_letter()
    assert siege.tree.running() == [PARENT, HONEST]
    for node in (PARENT, HONEST):
        assert "worker.lost" not in siege.tree.log(node).read_text()
    assert siege.quarantined(HONEST) == []


def test_it_can_send_its_own_agencies_mail(siege: Siege) -> None:
    digest = siege.transfer(siege.letter("H01", ["H53"]), ["H53"])
    [receipt] = siege.answers(lambda came: any(one.envelope == digest for one in came))
    assert receipt.outcome is ReceiptOutcome.ACCEPTED
    until(lambda: "H53" in siege.deliveries(digest, HONEST))


# --- other people's mail --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "signer", "code"),
    [
        ("H53", "", "EDX401"),  # another agency's, truly signed by it
        ("G22", "", "EDX401"),  # the parent's
        ("H01", "H53", "EDX402"),  # its own, signed by somebody else
        ("H01", None, "EDX301"),  # its own, unsigned
    ],
)
def test_mail_that_is_not_its_own_is_returned(siege: Siege, sender: str, signer: str | None, code: str) -> None:
    recipients = [one for one in ("G22", "H53") if one != sender]
    digest = siege.transfer(siege.letter(sender, recipients, signer=signer), recipients)
    found = siege.answers(lambda came: len([one for one in came if one.envelope == digest]) == len(recipients))
    assert {one.code for one in found} == {code}
    assert siege.deliveries(digest) == {}
    assert ("envelope.refused", ROGUE, code) in siege.journal(digest)


def test_what_it_received_itself_cannot_be_sent_on(siege: Siege) -> None:
    data = siege.letter("G22", ["H01", "H53"])
    with composition.open_node(siege.tree.settings(PARENT)) as node:
        [answer] = pipeline.accept(node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    until(lambda: siege.deliveries(answer.digest)["H53"].far_accepted)
    before = siege.deliveries(answer.digest)["H53"]
    siege.transfer(data, ["H53"], generation=1)
    found = siege.answers(lambda came: any(one.envelope == answer.digest for one in came))
    assert {one.code for one in found} == {"EDX401"}
    assert siege.deliveries(answer.digest)["H53"].version == before.version


def test_nobody_is_reached_whom_the_sender_did_not_name(siege: Siege) -> None:
    digest = siege.transfer(siege.letter("H01", ["G22"]), ["H53", "G22", "H01"])
    found = siege.answers(lambda came: len([one for one in came if one.envelope == digest]) == 3)
    assert {one.recipient: one.code for one in found} == {"H53": "EDX401", "G22": "", "H01": "EDX401"}
    assert set(siege.deliveries(digest)) == {"G22"}


@pytest.mark.parametrize(
    ("hops", "code"),
    [
        ((), "EDX704"),
        (("tay-ninh",), "EDX704"),
        ((ROGUE, "tay-ninh"), "EDX704"),
        ((PARENT, ROGUE), "EDX506"),
    ],
)
def test_it_cannot_hide_that_it_brought_a_letter(siege: Siege, hops: Sequence[str], code: str) -> None:
    trail = tuple(Hop(name, datetime.now(UTC)) for name in hops)
    digest = siege.transfer(siege.letter("H01", ["H53"]), ["H53"], hops=trail)
    [receipt] = siege.answers(lambda came: any(one.envelope == digest for one in came))
    assert receipt.code == code
    assert siege.deliveries(digest) == {}


# --- others' deliveries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ReceiptOutcome)
def test_receipts_for_a_siblings_delivery_change_nothing(siege: Siege, outcome: ReceiptOutcome) -> None:
    digest = siege.honest_letter()
    before = siege.deliveries(digest)["H53"]
    now = datetime.now(UTC)
    siege.receipts(*(Receipt(digest, "H53", generation, outcome, now) for generation in (0, 1, 7)))
    siege.done()
    after = siege.deliveries(digest)["H53"]
    assert (after.state, after.generation) == (before.state, before.generation)
    assert not {"delivery.confirm", "delivery.return", "delivery.expire", "delivery.cancel", "delivery.retry"} & {
        event for event, _, _ in siege.journal(digest)
    }
    assert ("receipt.late", ROGUE, "") in siege.journal(digest)


def test_receipts_without_its_nodes_signature_are_quarantined(siege: Siege) -> None:
    before, digest = siege.quarantined(), siege.honest_letter()
    siege.receipts(Receipt(digest, "H53", 0, ReceiptOutcome.CONFIRMED, datetime.now(UTC)), signed=False)
    assert siege.codes_since(before) == ["EDX315"]


def test_inquiries_tell_nothing_about_others_mail(siege: Siege) -> None:
    digest = siege.honest_letter()
    known, unknown = siege.inquire(digest, "H53"), siege.inquire("ab" * 32, "H53")
    assert known.outcome is unknown.outcome is ReceiptOutcome.UNKNOWN
    assert (known.code, known.detail, known.hops) == (unknown.code, unknown.detail, unknown.hops)


def test_naming_the_body_of_others_mail_tells_nothing_either(siege: Siege) -> None:
    """A transfer in chunks that never come: whether the node has that body makes no difference."""
    data = siege.letter("G22", ["H53"])
    with composition.open_node(siege.tree.settings(PARENT)) as node:
        [answer] = pipeline.accept(node, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    before = siege.quarantined()
    manifest = Transfer(
        "t", answer.digest, len(data), ("H53",), 0, (Hop(ROGUE, datetime.now(UTC)),), datetime.now(UTC), chunks=1
    )
    siege.send("transfer", encode_transfer(manifest))
    siege.send("transfer", encode_transfer(replace(manifest, envelope="cd" * 32)))
    until(lambda: len(siege.codes_since(before)) == 2)
    assert siege.codes_since(before) == ["EDX708", "EDX708"]


# --- numbers that nobody needs --------------------------------------------------------------------------


def test_it_cannot_have_its_mail_kept_for_years(siege: Siege) -> None:
    lifetime = siege.tree.settings(PARENT).delivery.lifetime
    digest = siege.transfer(siege.letter("H01", ["H53"]), ["H53"], expires_at=datetime(9000, 1, 1, tzinfo=UTC))
    until(lambda: digest in {one.digest for one in siege.deliveries(digest).values()})
    assert siege.deliveries(digest)["H53"].expires_at <= datetime.now(UTC) + 2 * lifetime


def test_what_has_expired_already_ends_as_such(siege: Siege) -> None:
    digest = siege.transfer(siege.letter("H01", ["H53"]), ["H53"], expires_at=datetime(2000, 1, 1, tzinfo=UTC))
    expired = (digest, ReceiptOutcome.EXPIRED)
    siege.answers(lambda came: expired in [(one.envelope, one.outcome) for one in came])
    assert siege.deliveries(digest)["H53"].state is State.EXPIRED


@pytest.mark.parametrize(
    "fields",
    [
        {"generation": 2**53 - 1},
        {"generation": -1},
        {"generation": 2**31},
        {"chunks": 2**53 - 1},
        {"size": 10**400},
        {"expires": "9999-12-31T23:59:59-14:00"},
        {"recipients": ["H53"] * 500_000},
        {"recipients": ["H53\0"]},
        {"hops": [["an-giang", "2026-01-01T00:00:00Z"]] * 50_000},
        {"transfer": "\ud800"},
        {"v": "edx/2"},
    ],
    ids=lambda fields: f"{next(iter(fields))}-{str(next(iter(fields.values())))[:12]}",
)
def test_absurd_manifests_are_quarantined(siege: Siege, fields: dict[str, Any]) -> None:
    data, before = siege.letter("H01", ["H53"]), siege.quarantined()
    manifest = {
        "v": "edx/1", "transfer": "t", "envelope": hashlib.sha256(data).hexdigest(), "size": len(data),
        "recipients": ["H53"], "generation": 0, "hops": [[ROGUE, "2026-01-01T00:00:00Z"]],
        "expires": "2100-01-01T00:00:00Z", "urgent": False, "chunks": 0,
    } | fields  # fmt: skip
    siege.send("transfer", json.dumps(manifest).encode() + b"\n" + data)
    assert siege.codes_since(before) == ["EDX704"]


# --- floods ---------------------------------------------------------------------------------------------


def test_chunks_of_bodies_that_never_come_are_bounded(siege: Siege) -> None:
    most = siege.tree.settings(PARENT).limits.max_bytes
    before, piece = siege.quarantined(), b"x" * 1000
    digest = hashlib.sha256(piece).hexdigest()
    for number in range(8):
        body = hashlib.sha256(b"never %d" % number).hexdigest()
        siege.send("chunk", encode_chunk(Chunk(body, 0, 10_000, most, digest), piece))
    siege.send("chunk", encode_chunk(Chunk(digest, 0, 2, most + 1, digest), piece))
    assert sorted(siege.codes_since(before)) == ["EDX102"] + ["EDX406"] * 4
    chunks = siege.tree.settings(PARENT).node.data / "bodies" / "chunks"
    assert len(list(chunks.glob("*/*"))) == 4
    assert {path.name for path in chunks.iterdir()} == {ROGUE}


def test_announced_bodies_that_never_come_stop_nobody(siege: Siege) -> None:
    """More of them than the worker takes from the broker at once: none may come again and again."""
    before, data, now = siege.quarantined(), b"x", datetime.now(UTC)
    for number in range(300):
        body = hashlib.sha256(b"announced %d" % number).hexdigest()
        manifest = Transfer(f"t{number}", body, 10**6, ("H53",), 0, (Hop(ROGUE, now),), now + timedelta(9), chunks=3)
        siege.send("transfer", encode_transfer(manifest, data))
    siege.honest_letter()
    until(lambda: len(siege.codes_since(before)) == 300)
    assert set(siege.codes_since(before)) == {"EDX708"}


def test_a_thousand_pieces_of_rubbish_stop_nobody(siege: Siege) -> None:
    before = siege.quarantined()
    channel = siege.connection.channel()
    kinds = ("transfer", "chunk", "receipts", "inquiry", "gossip")
    for number in range(1000):
        properties = pika.BasicProperties(user_id=ROGUE, type=kinds[number % 5], delivery_mode=2)
        key = "urgent" if number % 2 else "ordinary"
        channel.basic_publish(topology.up(ROGUE), key, b"rubbish %d" % number, properties)
    siege.honest_letter()
    until(lambda: len(siege.codes_since(before)) == 1000)
    assert set(siege.codes_since(before)) == {"EDX704"}


# --- messages that are none -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["submit", "confirm", "return", "envelope", "notice", "verdict", "damaged", "x" * 255])
def test_kinds_that_are_not_a_childs_are_quarantined(siege: Siege, kind: str) -> None:
    before = siege.quarantined()
    body = siege.letter("G22", ["H53"]) if kind == "submit" else kind.encode()
    siege.send(kind, body, correlation_id="1")
    assert siege.codes_since(before) == ["EDX704"]


def test_a_message_of_nobody_is_quarantined(siege: Siege) -> None:
    before = siege.quarantined()
    siege.raw(siege.letter("H01", ["H53"]), pika.BasicProperties(type="transfer"))
    assert siege.codes_since(before) == ["EDX403"]


def test_further_keys_in_headers_reach_nobody(siege: Siege) -> None:
    keys = [topology.down(HONEST), topology.inbox("vanthu-quoc-gia"), "submit", "urgent", "#"]
    before = siege.quarantined()
    for header in ("CC", "BCC"):
        siege.send("transfer", f"by {header}".encode(), headers={header: keys})
    assert set(siege.codes_since(before)) == {"EDX704"}
    counts = {kept.detail or kept.code: kept.count for kept in siege.quarantined() if kept not in before}
    assert all(number <= 2 for number in counts.values())  # at most once more in its own intake, by the key "urgent"


class _Header(pika.BasicProperties):
    """Properties that are one header ``x``, given as the bytes of a field value (type and content)."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self._table = b"\x01x" + value

    def encode(self) -> list[bytes]:
        return [b"\x20\x00", len(self._table).to_bytes(4, "big"), self._table]


def test_properties_that_cannot_be_decoded_are_quarantined(siege: Siege) -> None:
    before = siege.quarantined()
    siege.raw(b"poison", _Header(b"T" + b"\x7f" * 8))
    assert siege.codes_since(before) == ["EDX403"]


def test_headers_decide_nothing(siege: Siege) -> None:
    """They say that somebody else sent it, with another kind and digest; nobody listens."""
    lies = {"peer": HONEST, "user_id": HONEST, "sender": "G22", "envelope": "00" * 32, "edx": "edx/9"}
    data = siege.letter("H01", ["H53"], files=(File("cong-van.pdf", 2_000),))
    now = datetime.now(UTC)
    digest = hashlib.sha256(data).hexdigest()
    manifest = Transfer("t", digest, len(data), ("H53",), 0, (Hop(ROGUE, now),), now + timedelta(days=1))
    siege.send("transfer", encode_transfer(manifest, data), headers=lies, app_id=HONEST, reply_to=topology.up(ROGUE))
    until(lambda: "H53" in siege.deliveries(digest, HONEST))
    with siege.ledgers[PARENT].book() as book:
        assert book.envelopes.known([digest])[digest].peer == ROGUE


def test_the_broker_lets_it_touch_nothing_else(siege: Siege) -> None:
    """The whole list stands in tests/contract; here the mailboxes that are in use."""
    intakes = [topology.up(name, urgent) for name in (HONEST, ROGUE) for urgent in (False, True)]
    foreign = [*topology.child_mailboxes(HONEST), *intakes]
    for act in (
        lambda channel, name: channel.basic_get(name),
        lambda channel, name: channel.queue_purge(name),
        lambda channel, name: channel.queue_delete(name),
        lambda channel, name: channel.queue_bind(topology.down(ROGUE), topology.DOWN, name),
    ):
        for name in foreign:
            channel = siege.connection.channel()
            with pytest.raises(pika.exceptions.ChannelClosedByBroker) as caught:
                act(channel, name)
            assert caught.value.reply_code == 403


def test_what_is_kept_says_who_it_was(siege: Siege, tmp_path: Path) -> None:
    siege.send("gossip", b"who am I")
    siege.done()
    [kept] = [one for one in siege.quarantined() if one.digest == hashlib.sha256(b"who am I").hexdigest()]
    assert (kept.peer, kept.channel, kept.code, kept.kept) == (ROGUE, topology.up(ROGUE), "EDX704", True)
    [shown] = siege.tree.ask(PARENT, "queue", "show", str(kept.number), "--quarantine")
    assert shown["peer"] == ROGUE
