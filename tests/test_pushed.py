"""Offices that are attached to a hub: what is laid into their mailboxes, and what they answer."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from edxml_router import pipeline
from edxml_router.core.delivery import pace
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.resync import Resync
from edxml_router.core.link.wire import ReceiptOutcome
from edxml_router.core.problems import Finding, Refusal
from edxml_router.core.signature.signing import verify_bytes
from edxml_router.credentials.keys import load_certificates
from edxml_router.intake import batch
from edxml_router.observe import events
from edxml_router.ports.transport import Arrival, Message, Parcel
from edxml_router.services import operator
from edxml_router.shapes.reference.catalogue import MESSAGES
from edxml_router.stages.forwarding.dispatch import LAPSES
from edxml_router.stages.offices import inbox, pushing
from edxml_router.stages.offices.notices import call_message
from edxml_router.transport import topology
from edxml_router.transport.local.hub import LocalTransport
from tests.contract.hubs import until
from tests.shapes import code_of, hold_message
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]  # the fixture

OFFICE = "vanthu-quoc-gia"


@dataclass
class Office:
    """The office of the highest node, attached to its hub."""

    nodes: Nodes
    hub: LocalTransport

    def take(self) -> list[Arrival]:
        """What is in its mailbox; acknowledged."""
        arrivals = list(self.hub.take(100, 0.0))
        self.hub.acknowledge(arrivals)
        for one in arrivals:
            if one.message.kind in MESSAGES:
                hold_message(one.message.kind, one.message.body)
        return arrivals

    def say(self, kind: str, body: bytes = b"", correlation: str = "", number: int = 1) -> None:
        message = Message(kind, f"{kind}-{number}", body, correlation=correlation)
        assert list(self.hub.publish([Parcel(topology.submission(OFFICE), message)])) == [None]


@pytest.fixture
def office(nodes: Nodes) -> Iterator[Office]:
    opened = nodes["quoc-gia"]
    [plain] = opened.settings.offices
    opened.reload(replace(opened.settings, offices=(replace(plain, attach="amqp"),)))
    opened.declare()
    hub = LocalTransport(nodes.tree.hub("quoc-gia"), OFFICE, [topology.inbox(OFFICE)])
    yield Office(nodes, hub)
    hub.close()


def arrived(nodes: Nodes, number: int = 1) -> str:
    """Send such a letter as far as the office's node, where it is not pushed yet; its digest."""
    answer = nodes.send("tay-ninh", upward(nodes, number))
    pipeline.forward(nodes["tay-ninh"].node)
    for _ in range(2):  # till nothing more comes
        nodes.step("quoc-gia")
    return answer.digest


def standing(nodes: Nodes, name: str, digest: str) -> Delivery:
    [one] = nodes.deliveries(name, digest).values()
    return one


def settle(nodes: Nodes) -> None:
    """As workers do."""
    for _ in range(4):
        for name in ("quoc-gia", "tay-ninh"):
            nodes.step(name)
            pushing.push(nodes[name].node)


def told(nodes: Nodes, digest: str) -> list[tuple[ReceiptOutcome, str]]:
    """What the sender's office was told."""
    notes = nodes["tay-ninh"].node.ledger.views.notices("office:vanthu-tay-ninh")
    return [(one.receipt.outcome, one.receipt.code) for one in notes if one.receipt.envelope == digest]


def upward(nodes: Nodes, number: int = 1) -> bytes:
    """A letter of a province to the office."""
    return letter(nodes, ["G22"], sender="H53", number=number)


def test_a_submission_that_the_node_takes_again_sends_nothing_twice(nodes: Nodes, office: Office) -> None:
    """The verdict could not be sent, so the hub brings the submission again, when its recipient has refused it."""
    mailbox = nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE)
    mailbox.rename(mailbox.with_name("away"))
    office.say("submit", letter(nodes))
    handled = nodes.step("quoc-gia")
    [first] = handled.answers
    assert (first.accepted, len(handled.back)) == (True, 1)
    nodes.settle()
    [there] = nodes.deliveries("tay-ninh", first.digest).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], "nhầm")
    nodes.settle()
    mailbox.with_name("away").rename(mailbox)
    hub = nodes["quoc-gia"].transports[0]
    [second] = batch.receive(nodes["quoc-gia"].node, hub, hub.take(10, 5.0)).answers
    assert (second.repeated, second.standing) == (True, {"H53": State.RETURNED})
    nodes.clock.at += timedelta(seconds=6)  # past the lease of the notice that could not be sent either
    nodes.settle()
    assert nodes.states("tay-ninh", first.digest) == {"H53": State.RETURNED}
    assert [one.message.kind for one in office.take()] == ["verdict", "notice"]


def test_a_letter_is_offered_before_the_office_can_answer(nodes: Nodes, office: Office) -> None:
    digest = arrived(nodes)
    assert (standing(nodes, "quoc-gia", digest).state, office.take()) == (State.AVAILABLE, [])
    pushing.push(nodes["quoc-gia"].node)
    [mail] = office.take()
    assert mail.message.id == standing(nodes, "quoc-gia", digest).name
    assert "delivery.pushed" in nodes.events("quoc-gia", digest)


@pytest.mark.parametrize("kind", ["confirm", "return"])
def test_an_answer_is_taken_while_a_worker_has_the_letter_in_hand(nodes: Nodes, office: Office, kind: str) -> None:
    digest, node = arrived(nodes), nodes["quoc-gia"].node
    pushing.push(node)
    [mail] = office.take()
    operator.retry(node, [standing(nodes, "quoc-gia", digest).id], "lan", "gửi lại vào hộp thư")
    with node.ledger.book() as book:
        [taken] = book.deliveries.claim(node.now(), node.now() + timedelta(seconds=60), 10)
    assert taken.state is State.FORWARDING
    office.say(kind, b"sai", mail.message.id)
    settle(nodes)
    assert standing(nodes, "tay-ninh", digest).state is (State.CONFIRMED if kind == "confirm" else State.RETURNED)
    assert node.ledger.views.list_quarantined() == []


def test_an_answer_that_a_worker_comes_before_is_not_lost(
    nodes: Nodes, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, node = arrived(nodes), nodes["quoc-gia"].node
    pushing.push(node)
    [mail] = office.take()
    stale = standing(nodes, "quoc-gia", digest)
    operator.retry(node, [stale.id], "lan", "gửi lại")
    monkeypatch.setattr(inbox, "_own", lambda *_: {stale.name: stale})  # as it was read before
    office.say("confirm", b"", mail.message.id)
    assert len(nodes.step("quoc-gia").back) == 1
    monkeypatch.undo()
    hub = nodes["quoc-gia"].transports[0]
    batch.receive(node, hub, hub.take(10, 5.0))
    assert standing(nodes, "quoc-gia", digest).state is State.CONFIRMED


def test_a_deleted_mailbox_loses_nothing(nodes: Nodes, office: Office) -> None:
    digests, node = [arrived(nodes, number) for number in (1, 2, 3)], nodes["quoc-gia"].node
    pushing.push(node)
    office.hub.close()
    mailbox = nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE)
    mailbox.rename(mailbox.with_name("deleted"))
    nodes.clock.at += node.rules.delivery.receipt_timeout
    pushing.push(node)
    assert {standing(nodes, "quoc-gia", one).code for one in digests} == {"EDX703"}
    nodes["quoc-gia"].declared = False
    nodes["quoc-gia"].declare()
    nodes.clock.at += node.rules.delivery.retry_ceiling
    pushing.push(node)
    hub = LocalTransport(nodes.tree.hub("quoc-gia"), OFFICE, [topology.inbox(OFFICE)])
    assert {one.message.headers["envelope"] for one in hub.take(100, 0.0)} == set(digests)
    hub.close()


class Killed(BaseException):
    """As the kernel ends a worker: nothing is caught, nothing recorded."""


def test_what_ends_workers_while_it_is_laid_into_a_mailbox_rests(
    nodes: Nodes, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadly, node = arrived(nodes), nodes["quoc-gia"].node
    node.rules = replace(node.rules, delivery=replace(node.rules.delivery, inquiry_interval=timedelta(hours=6)))
    name, publish = standing(nodes, "quoc-gia", deadly).name, LocalTransport.publish

    def die(hub: LocalTransport, parcels: Sequence[Parcel]) -> Sequence[Finding | None]:
        if any(name in parcel.message.id for parcel in parcels):
            raise Killed
        return publish(hub, parcels)

    monkeypatch.setattr(LocalTransport, "publish", die)
    ended, others = 0, []
    for number in range(2, 2 + 2 * LAPSES):
        others.append(arrived(nodes, number))
        try:
            pushing.push(node)
        except Killed:
            ended += 1
        nodes.clock.at += node.rules.delivery.lease + timedelta(seconds=1)
    assert ended == LAPSES
    resting = standing(nodes, "quoc-gia", deadly)
    assert (resting.state, resting.code, resting.handed_at) == (State.AVAILABLE, "EDX623", None)
    settle(nodes)
    assert all(standing(nodes, "quoc-gia", each).handed_at for each in others)
    monkeypatch.undo()
    nodes.clock.at += node.rules.delivery.inquiry_interval
    settle(nodes)
    assert name in [one.message.id for one in office.take()]
    assert standing(nodes, "quoc-gia", deadly).code == ""


def test_an_office_that_is_away_has_one_copy_of_each_waiting(nodes: Nodes, office: Office) -> None:
    node = nodes["quoc-gia"].node
    for number in (1, 2, 3):
        arrived(nodes, number)
    looked = 0
    for _ in range(50):
        looked += pushing.push(node)
        nodes.clock.at += node.rules.delivery.receipt_timeout
    assert looked > 3
    assert len(list((nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE) / "new").iterdir())) == 3
    [first, *_] = office.hub.take(1, 0.0)  # taken and lost: the oldest is what is missing
    office.hub.acknowledge([first])
    nodes.clock.at += node.rules.delivery.inquiry_interval
    pushing.push(node)
    assert {one.message.id for one in office.take() + office.take()} > {first.message.id}


def test_a_full_mailbox_of_an_office_keeps_the_rest_of_its_mail_here(nodes: Nodes, office: Office) -> None:
    digests, node = [arrived(nodes, number) for number in (1, 2, 3)], nodes["quoc-gia"].node
    with node.ledger.book() as book:
        size = book.envelopes.known(digests[:1])[digests[0]].size
    node.rules = replace(node.rules, delivery=replace(node.rules.delivery, mailbox_bytes=2 * size + size // 2))
    for _ in range(20):
        nodes.clock.at += node.rules.delivery.receipt_timeout
        pushing.push(node)
    mailbox = nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE) / "new"
    assert len(list(mailbox.iterdir())) == 2
    assert [standing(nodes, "quoc-gia", one).code for one in digests] == ["", "", "EDX614"]
    [mail, *_] = office.take()
    assert standing(nodes, "quoc-gia", digests[2]).due_at > nodes.clock.at
    office.say("confirm", b"", mail.message.id)
    nodes.step("quoc-gia")
    pushing.push(node)  # no clock was moved for it
    assert standing(nodes, "quoc-gia", digests[2]).code == ""
    assert digests[2] in {one.message.headers.get("envelope") for one in office.take()}


def test_an_office_that_confirms_mail_and_leaves_it_lying_has_its_share_and_no_more(
    nodes: Nodes, office: Office
) -> None:
    node, digests = nodes["quoc-gia"].node, [arrived(nodes)]
    with node.ledger.book() as book:
        size = book.envelopes.known(digests)[digests[0]].size
    node.rules = replace(node.rules, delivery=replace(node.rules.delivery, mailbox_bytes=3 * size + size // 2))
    mailbox = nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE) / "new"
    for number in range(2, 9):
        pushing.push(node)
        one = standing(nodes, "quoc-gia", digests[-1])
        if one.handed_at is not None:
            office.say("confirm", b"", one.name, number)
            nodes.step("quoc-gia")
        digests.append(arrived(nodes, number))
    pushing.push(node)
    assert len(list(mailbox.iterdir())) == 3
    stand = [standing(nodes, "quoc-gia", digest) for digest in digests]
    assert [one.state for one in stand[:3]] == [State.CONFIRMED] * 3
    assert {one.code for one in stand[3:]} == {"EDX614"}
    assert office.take()
    nodes.clock.at += node.rules.delivery.inquiry_interval
    pushing.push(node)
    assert "" in {standing(nodes, "quoc-gia", digest).code for digest in digests[3:]}


def test_an_office_that_was_away_finds_no_mail_that_has_expired(nodes: Nodes, office: Office) -> None:
    digest, node = arrived(nodes), nodes["quoc-gia"].node
    with node.ledger.book() as book:  # laid there with a life that is over when the office comes back
        [one] = book.deliveries.of([digest])
    nodes.clock.at = one.expires_at - timedelta(microseconds=1)
    pushing.push(node)
    nodes.clock.at = one.expires_at
    pipeline.expire(node)
    settle(nodes)
    assert told(nodes, digest) == [(ReceiptOutcome.EXPIRED, "EDX802")]
    [gone] = office.take()
    assert (gone.message.kind, gone.message.correlation) == ("withdrawn", one.name)
    notice = json.loads(gone.message.body)
    [receipt] = notice["receipts"]
    assert (notice["digest"], receipt["recipient"], receipt["outcome"]) == (digest, "G22", "expired")


@pytest.mark.parametrize("end", [State.EXPIRED, State.CANCELLED])
def test_a_late_confirmation_is_told_to_both_sides(nodes: Nodes, office: Office, end: State) -> None:
    digest, node = arrived(nodes), nodes["quoc-gia"].node
    pushing.push(node)
    [mail] = office.take()
    if end is State.EXPIRED:
        nodes.clock.at += node.rules.delivery.lifetime
        pipeline.expire(node)
    else:
        operator.cancel(node, [standing(nodes, "quoc-gia", digest).id], "lan", "gửi nhầm")
    settle(nodes)
    assert [one.message.kind for one in office.take()] == ["withdrawn"]
    office.say("confirm", b"", mail.message.id)
    settle(nodes)
    [answer] = office.take()
    assert (answer.message.kind, answer.message.correlation) == ("answer", mail.message.id)
    assert b'"EDX804"' in answer.message.body
    assert json.loads(answer.message.body)["done"]
    for name in ("quoc-gia", "tay-ninh"):
        assert (standing(nodes, name, digest).state, standing(nodes, name, digest).code) == (State.CONFIRMED, "EDX804")
    assert told(nodes, digest)[-1] == (ReceiptOutcome.CONFIRMED, "EDX804")
    office.say("confirm", b"", mail.message.id, number=2)  # it lost the answer
    settle(nodes)
    assert [one.message.kind for one in office.take()] == ["answer"]


def test_an_answer_about_nothing_is_answered(nodes: Nodes, office: Office) -> None:
    for number, name in enumerate((f"{'ab' * 32}.G22", "17")):
        office.say("confirm", b"", name, number)
    settle(nodes)
    assert [json.loads(one.message.body)["done"] for one in office.take()] == [False, False]


def test_who_has_returned_it_does_not_have_it(nodes: Nodes, office: Office) -> None:
    digest, node = arrived(nodes), nodes["quoc-gia"].node
    pushing.push(node)
    [mail] = office.take()
    office.say("return", "sai nơi nhận".encode(), mail.message.id)
    settle(nodes)
    office.say("confirm", b"", mail.message.id)
    settle(nodes)
    assert standing(nodes, "quoc-gia", digest).state is State.RETURNED
    [answer] = office.take()
    assert b'"EDX607"' in answer.message.body


def test_a_notice_tells_what_became_of_the_letter_that_a_verdict_has_named(nodes: Nodes, office: Office) -> None:
    """One object, which any program can parse; whose word it is stands in a header."""
    office.say("submit", letter(nodes, ["H53", "H01"]))
    nodes.settle()
    [arrival] = office.take()
    verdict = json.loads(arrival.message.body)
    assert (arrival.message.kind, arrival.message.correlation) == ("verdict", "submit-1")
    [there] = nodes.deliveries("tay-ninh", verdict["digest"]).values()
    inbox.refuse(nodes["tay-ninh"].node, "vanthu-tay-ninh", [there.name], "nhầm nơi nhận")
    nodes.settle()
    [arrival] = office.take()
    notice = json.loads(arrival.message.body)
    assert (arrival.message.kind, arrival.message.correlation) == ("notice", verdict["digest"])
    assert (notice["digest"], notice["document_id"]) == (verdict["digest"], verdict["document_id"])
    [receipt] = notice["receipts"]
    assert (receipt["outcome"], code_of(receipt), receipt["detail"]) == ("returned", "EDX801", "nhầm nơi nhận")
    assert receipt["problem"]["remedy_vi"]
    path = nodes["quoc-gia"].settings.node.certificate
    assert path is not None
    signature = base64.b64decode(arrival.message.headers["signature"])
    verify_bytes(load_certificates(path)[0], arrival.message.body, signature)
    with pytest.raises(Refusal):
        verify_bytes(load_certificates(path)[0], arrival.message.body + b" ", signature)


def test_a_circular_is_told_of_in_one_notice_and_each_letter_in_its_own(nodes: Nodes, office: Office) -> None:
    for number in (1, 2):
        office.say("submit", letter(nodes, ["H53"], number=number), number=number)
    nodes.settle()
    digests = [json.loads(one.message.body)["digest"] for one in office.take()]
    names = [one.name for digest in digests for one in nodes.deliveries("tay-ninh", digest).values()]
    inbox.confirm(nodes["tay-ninh"].node, "vanthu-tay-ninh", names)
    nodes.settle()
    assert sorted(one.message.correlation for one in office.take()) == sorted(digests)


def test_a_call_to_send_again_is_a_notice_that_names_the_epoch(nodes: Nodes) -> None:
    message = call_message(nodes["quoc-gia"].node, "vpcp", Resync("e1", nodes.clock.at))
    told = hold_message(message.kind, message.body)
    assert (message.correlation, told["send_again"]["epoch"], told["receipts"]) == ("e1", "e1", [])
    assert message.headers["signature"]


MALFORMED = {
    "unknown kind": ("sumbit", "", "EDX704"),
    "no kind": ("", "", "EDX704"),
    "a kind of nodes": ("transfer", "", "EDX704"),
    "no correlation": ("confirm", "", "EDX704"),
    "a correlation that is no letter": ("return", "thư số 5", "EDX704"),
    "a letter of nobody": ("confirm", f"{'ab' * 32}.G22", "EDX606"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_message_is_answered_kept_and_logged(nodes: Nodes, office: Office, case: str) -> None:
    kind, correlation, code = MALFORMED[case]
    office.say(kind, b"<edXML/>", correlation)
    [(arrival, finding)] = nodes.step("quoc-gia").odd
    assert (arrival.peer, finding.code) == (OFFICE, code)
    [answer] = office.take()
    told = json.loads(answer.message.body)
    assert (answer.message.kind, told["done"], told["problem"]["code"]) == ("answer", False, code)
    assert answer.message.correlation == (correlation or f"{kind}-1")
    [kept] = nodes["quoc-gia"].node.ledger.views.list_quarantined()
    assert (kept.peer, kept.code) == (OFFICE, code)
    with capture_logs() as lines:
        events.input_quarantined([(arrival, finding)])
    [line] = lines
    assert (line["event"], line["peer"], line["code"], line["mailbox"]) == (
        "input.quarantined", OFFICE, code, topology.submission(OFFICE),
    )  # fmt: skip


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe"], ids=["no body", "JSON", "no text"])
def test_a_submission_that_is_no_document_gets_its_verdict(nodes: Nodes, office: Office, body: bytes) -> None:
    """With an id as long as AMQP has them, in letters that take three bytes each."""
    hub, name = office.hub, "ệ" * 85
    assert list(hub.publish([Parcel(topology.submission(OFFICE), Message("submit", name, body))])) == [None]
    assert nodes.step("quoc-gia").back == []
    [verdict] = office.take()
    assert (verdict.message.kind, verdict.message.correlation) == ("verdict", name)
    assert len(verdict.message.id.encode()) <= 255
    assert json.loads(verdict.message.body)["problem"]["code"] in ("EDX101", "EDX103")


def test_an_office_that_sends_rubbish_is_answered_so_often_in_a_minute(nodes: Nodes, office: Office) -> None:
    for minute in range(2):
        for number in range(pace.PACE_MAX + 30):
            office.say("rubbish", b"%d" % number, number=1000 * minute + number)
        odd = nodes.step("quoc-gia").odd
        assert len(odd) == pace.PACE_MAX + 30
        assert len(office.take()) == pace.PACE_MAX
        nodes.clock.at += pace.WINDOW
    assert nodes.send("tay-ninh", upward(nodes)).accepted
    assert len(nodes["quoc-gia"].node.ledger.views.list_quarantined()) == pace.PACE_MAX + 30


@pytest.mark.parametrize("kind", ["submit", "confirm"])
@pytest.mark.parametrize("way", ["deaths", "mistake"])
def test_what_is_quarantined_unread_is_answered(
    nodes: Nodes, office: Office, kind: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has ended so many workers, or the router has a mistake: whoever wrote it would wait for good."""
    opened = nodes["quoc-gia"]
    [hub] = opened.transports

    def broken(*_: object) -> None:
        raise KeyError("x")

    def deal() -> batch.BatchResult:
        [arrival] = until(lambda: hub.take(10, 0.2))
        if way == "deaths":
            return batch.abandon(opened.node, hub, arrival, LAPSES, whole=False)
        with monkeypatch.context() as patch:
            for name in ("submit", "confirm"):
                patch.setitem(batch._HANDLERS, name, broken)
            return batch.receive(opened.node, hub, [arrival])

    name = f"{'a' * 64}.G22"
    data = letter(nodes)
    mailbox = nodes.tree.hub("quoc-gia") / topology.inbox(OFFICE)
    mailbox.rename(mailbox.with_name("away"))
    office.say(kind, data, "" if kind == "submit" else name)
    assert len(deal().back) == 1  # its answer has no place: it comes again for it
    mailbox.with_name("away").rename(mailbox)
    assert deal().back == []
    assert list(hub.take(10, 0.0)) == []
    [answer] = office.take()
    told = json.loads(answer.message.body)
    assert told["problem"]["code"] == {"deaths": "EDX623", "mistake": "EDX699"}[way]
    if kind == "submit":
        assert (answer.message.kind, answer.message.correlation) == ("verdict", "submit-1")
        assert (told["accepted"], told["try_again"]) == (False, way == "deaths")
        assert told["digest"] == hashlib.sha256(data).hexdigest()
    else:
        assert (answer.message.kind, answer.message.correlation, told["done"]) == ("answer", name, False)
    [kept] = opened.node.ledger.views.list_quarantined()
    assert (kept.peer, kept.count) == (OFFICE, 2)
