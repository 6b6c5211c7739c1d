"""Outcomes that prove themselves: what the node states where a delivery ends, and what a node on the way can do to it.

Three real nodes in one process; the one in the middle has good keys and a good certificate of its own, and lies.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.core import pki
from edxml_router.core.delivery.journal import OUTCOME_DOUBTED, OUTCOME_SIGNED
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.link.credentials import Credentials
from edxml_router.core.link.route import Route
from edxml_router.core.link.statement import (
    CONTRADICTED,
    NOT_ENTITLED,
    UNKNOWN,
    UNSIGNED,
    EndStatement,
    Evidence,
    PassStatement,
    SignedText,
)
from edxml_router.core.link.wire import Inquiry, Receipt, ReceiptOutcome, encode_inquiry, encode_receipts
from edxml_router.core.signature.signing import verify_bytes
from edxml_router.credentials.keys import load_certificates
from edxml_router.demo.letters import Post
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import Tree
from edxml_router.intake import batch
from edxml_router.ports.transport import Message, Parcel
from edxml_router.services import trial_authority
from edxml_router.stages.offices import inbox
from edxml_router.stages.outcomes import signing
from edxml_router.wiring.composition import open_worker
from tests.clocks import Moved
from tests.contract.hubs import until
from tests.test_pipeline import PLANS, Nodes, letter, nodes
from tests.test_trust_reload import change
from tests.trees import AskedTree

__all__ = ["nodes"]  # the fixture

SENDER, MIDDLE, END = "tay-ninh", "quoc-gia", "an-giang"
Chains = Mapping[str, Sequence[bytes]]


def confirmed(nodes: Nodes, number: int = 1) -> str:
    """A letter from one province to the other, which has confirmed it; nothing of that has been told yet."""
    digest = nodes.send(SENDER, letter(nodes, ["H01"], sender="H53", number=number)).digest
    nodes.settle(3)
    [waiting] = nodes.deliveries(END, digest).values()
    assert inbox.confirm(nodes[END].node, f"vanthu-{END}", [waiting.name]) == [None]
    return digest


def evidence(nodes: Nodes, name: str, digest: str) -> Evidence:
    """What a node has of the outcome that stands."""
    told = nodes[name].node.ledger.views.trace(digest)
    assert told is not None
    [delivery] = told.deliveries
    return [note.receipt.evidence for note in told.receipts if note.receipt.outcome.value == delivery.state.value][-1]


def end_of(nodes: Nodes, name: str, digest: str) -> SignedText:
    signed = evidence(nodes, name, digest).end
    assert signed is not None
    return signed


def entries(nodes: Nodes, name: str, event: str) -> list[tuple[str, str]]:
    return [(line.entry.actor, line.entry.code) for line in nodes[name].node.ledger.views.lines(event=event)]


def on_its_way(nodes: Nodes, digest: str) -> tuple[Receipt, Chains]:
    """The receipt about a letter that the middle node has in its hands for the sender's, and that an honest one would
    send."""
    middle = nodes[MIDDLE].node
    with middle.ledger.book() as book:
        rows = book.envelopes.known([digest])
        waiting = book.receipts.unsent(nodes.clock.now(), nodes.clock.now() + timedelta(hours=1), 100)
    told, chains = signing.signed(middle, waiting, rows, nodes.clock.now())
    return next(one for _, _, one in told if one.envelope == digest and one.evidence.end), chains


def say(nodes: Nodes, receipt: Receipt, chains: Chains | None = None, by: str = MIDDLE, to: str = SENDER) -> None:
    """A neighbour tells this, well signed as its own word, and the other side hears it."""
    node = nodes[by].node
    body = encode_receipts((receipt,), node.sign_receipts, node.certificates, list((chains or {}).values()))
    link = node.links[Route.link(to)]
    link.transport.publish([Parcel(link.mailbox, Message("receipts", hashlib.sha256(body).hexdigest(), body))])
    nodes.step(to)


def signed_by(nodes: Nodes, name: str, text: str) -> tuple[SignedText, Chains]:
    node = nodes[name].node
    assert node.sign_receipts is not None
    signer = hashlib.sha256(node.certificates[0]).hexdigest()
    return SignedText(text, node.sign_receipts(text.encode()), signer), {signer: node.certificates}


# --- the honest way ----------------------------------------------------------------------------------------


@pytest.fixture(params=["folders", "broker"])
def tree_of_nodes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Nodes]:
    """The nodes on either transport."""
    broker: Broker | None = request.getfixturevalue("broker") if request.param == "broker" else None
    with ExitStack() as stack:
        tree = stack.enter_context(AskedTree(tmp_path / "tree", PLANS, broker))
        clock = Moved()
        opened = {plan.name: stack.enter_context(open_worker(tree.settings(plan.name), clock)) for plan in PLANS}
        for each in opened.values():
            each.declare()
        yield Nodes(opened, tree, Post(tree.pki), clock)


def until_proven(nodes: Nodes, digest: str) -> None:
    until_stands(nodes, SENDER, digest, State.CONFIRMED)


def until_stands(nodes: Nodes, name: str, digest: str, state: State) -> None:
    """At a node; a broker gives the messages when it comes to it."""

    def stands() -> bool:
        nodes.settle(1)
        return nodes.states(name, digest) == {"H01": state}

    until(stands)


def test_the_word_of_the_last_node_reaches_the_first_unchanged(tree_of_nodes: Nodes) -> None:
    nodes = tree_of_nodes
    digest = nodes.send(SENDER, letter(nodes, ["H01"], sender="H53")).digest
    until_stands(nodes, END, digest, State.AVAILABLE)
    [waiting] = nodes.deliveries(END, digest).values()
    assert inbox.confirm(nodes[END].node, f"vanthu-{END}", [waiting.name]) == [None]
    until_proven(nodes, digest)
    there, here = evidence(nodes, END, digest), evidence(nodes, SENDER, digest)
    assert here.end is not None and here.end == there.end
    assert here.proven
    assert here.told_by == MIDDLE
    # Anybody can check it: a signature over the text, by a certificate that names node and agency.
    certificate = load_certificates(nodes.tree.pki / f"{END}.cert.pem")[0]
    verify_bytes(certificate, here.end.text.encode(), base64.b64decode(here.end.signature))
    assert pki.is_of_node(certificate, END) and pki.covers(certificate, "H01")
    end = EndStatement.read(here.end.text)
    assert (end.node, end.envelope, end.recipient, end.outcome) == (END, digest, "H01", "confirmed")
    [envelope] = nodes[SENDER].node.ledger.views.find_envelopes(digest=digest)
    assert (end.event, end.document, end.generation) == ("ContentHandover", envelope.envelope.document_id, 0)
    assert end.at == nodes.deliveries(SENDER, digest)["H01"].ended_at
    # The node between says when it took and passed it, about that very statement.
    [passed] = here.passes
    told = PassStatement.read(passed.text)
    assert (told.node, told.source, told.target, told.about) == (MIDDLE, END, SENDER, here.end.digest)
    assert told.accepted is not None and told.accepted <= told.taken <= told.passed
    # It is journalled by its digest: where it was signed, and in the entry of each delivery that it settles.
    for name, event in ((END, OUTCOME_SIGNED), (MIDDLE, "delivery.confirmed"), (SENDER, "delivery.confirmed")):
        [line] = nodes[name].node.ledger.views.lines(event=event)
        assert line.entry.evidence == here.end.digest


def test_a_receipt_that_was_deleted_is_missed(nodes: Nodes) -> None:
    """At the sender's node, between, and where the delivery ended: its entry names the statement."""
    digest = confirmed(nodes)
    nodes.settle(3)
    for name in (SENDER, MIDDLE, END):
        ledger = nodes[name].node.ledger
        assert ledger.views.verify().damages == ()
        for cheat in ("UPDATE receipts SET signed_end = '[]', doubt = 'EDX328'", "DELETE FROM receipts"):
            with ledger.engine.begin() as connection:
                connection.exec_driver_sql(cheat)
            [damage] = ledger.views.verify().damages
            assert damage.where == f"receipt of {digest} from H01"
            assert damage.detail == "the statement on which confirmed rests is not in the table any more"
            past = ledger.views.trace(digest)
            assert past is not None
            assert [one.detail for one in past.damages] == [damage.detail]


def test_trace_and_sent_show_it(nodes: Nodes) -> None:
    digest = confirmed(nodes)
    nodes.settle()
    [told] = nodes.tree.ask(SENDER, "trace", digest)
    proof = told["deliveries"][0]["proof"]
    assert (proof["status"], proof["problem"], proof["told_by"]) == ("proven", None, MIDDLE)
    assert proof["end"]["signed"]["text"] == end_of(nodes, END, digest).text
    assert [one["node"] for one in proof["passes"]] == [MIDDLE]
    assert nodes.tree.ask(SENDER, "sent", "--document", digest)[0]["deliveries"][0]["proof"] == proof
    assert f"proven: {END} " in nodes.tree.run(SENDER, "trace", digest).stdout
    assert f"proven: {END} " in nodes.tree.run(SENDER, "sent", "--document", digest).stdout
    [there] = nodes.tree.ask(END, "trace", digest)
    assert there["deliveries"][0]["proof"]["status"] == "own"
    entry = next(one for one in told["entries"] if one["event"] == "delivery.confirmed")
    assert entry["evidence"] == hashlib.sha256(proof["end"]["signed"]["text"].encode()).hexdigest()


@contextmanager
def opened(tree: Tree, clock: Moved) -> Iterator[Nodes]:
    """All nodes anew, as after a restart."""
    with ExitStack() as stack:
        made = {plan.name: stack.enter_context(open_worker(tree.settings(plan.name), clock)) for plan in PLANS}
        for each in made.values():
            each.declare()
        yield Nodes(made, tree, Post(tree.pki), clock)


def new_key(tree: Tree, name: str, **more: Any) -> None:
    for end in ("key.pem", "cert.pem"):
        (tree.pki / f"{name}.{end}").rename(tree.pki / f"{name}.old.{end}")
    trial_authority.issue_node(tree.pki, name, more.pop("now", datetime.now(UTC)), **{"serves": ["H01"], **more})


def asked(nodes: Nodes, asking: str, other: str, digest: str, name: str) -> dict[str, Any]:
    """The receipt that an inquiry about a letter is answered with, as it travels."""
    link = nodes[asking].node.links[Route.link(other)]
    body = encode_inquiry(Inquiry(digest, ("H01",), 0))
    link.transport.publish([Parcel(link.mailbox, Message("inquiry", name, body))])
    nodes.step(other)
    arrivals = [one for hub in nodes[asking].transports for one in hub.take(10, 0.0)]
    [body] = [one.message.body for one in arrivals if one.message.kind == "receipts"]
    [item] = json.loads(body.partition(b"\n")[0])["receipts"]
    assert isinstance(item, dict)
    return item


def test_who_asks_again_gets_the_same_bytes_after_a_restart_and_a_new_key(tmp_path: Path) -> None:
    clock = Moved()
    with Tree(tmp_path / "tree", PLANS) as tree:
        with opened(tree, clock) as nodes:
            digest = confirmed(nodes)
            nodes.settle()
            first = {name: evidence(nodes, name, digest) for name in (END, MIDDLE, SENDER)}
        new_key(tree, END)
        clock.at += timedelta(hours=3)
        with opened(tree, clock) as nodes:
            for asking, other in ((MIDDLE, END), (SENDER, MIDDLE), (MIDDLE, END)):
                item = asked(nodes, asking, other, digest, f"{asking}.{clock.at:%H}")
                clock.at += timedelta(hours=1)
                known = first[other]
                assert known.end is not None
                assert item["end"] == list(known.end)
                assert item["passes"] == [list(one) for one in known.passes]
            assert {name: evidence(nodes, name, digest) for name in first} == first
            assert len(nodes[END].node.ledger.views.lines(event=OUTCOME_SIGNED)) == 1


def test_old_and_new_key_of_a_node_are_good_at_once(tmp_path: Path) -> None:
    """Whoever serves the recipient renews its key while outcomes that the old one signed are under way."""
    clock = Moved()
    with Tree(tmp_path / "tree", PLANS) as tree:
        with opened(tree, clock) as nodes:
            before = confirmed(nodes)
            nodes.step(END)
        new_key(tree, END)
        both = f'certificate = ["../pki/{END}.cert.pem", "../pki/{END}.old.cert.pem"]'
        change(tree, MIDDLE, f'certificate = "../pki/{END}.cert.pem"', both)
        with opened(tree, clock) as nodes:
            after = confirmed(nodes, 2)
            nodes.settle()
            assert [evidence(nodes, SENDER, one).proven for one in (before, after)] == [True, True]
            signers = {end_of(nodes, SENDER, one).signer for one in (before, after)}
            assert len(signers) == 2


# --- what the node between can try ---------------------------------------------------------------------------

Lie = Callable[[Nodes, str], str | None]  # about a letter; the one that is lied about, if it is another


def drops_the_proof(nodes: Nodes, digest: str) -> None:
    receipt, _ = on_its_way(nodes, digest)
    say(nodes, replace(receipt, evidence=UNKNOWN))


def makes_up_a_confirmation_itself(nodes: Nodes, digest: str) -> None:
    """A letter that it has dropped, confirmed with its own certificate, which does not name the recipient."""
    now = nodes.clock.now()
    end = EndStatement(MIDDLE, digest, "", "H01", "H01", 0, "confirmed", "ContentHandover", now)
    signed, chains = signed_by(nodes, MIDDLE, end.canonical())
    say(nodes, Receipt(digest, "H01", 0, ReceiptOutcome.CONFIRMED, now, evidence=Evidence(signed)), chains)


def signs_in_the_name_of_the_other_node(nodes: Nodes, digest: str) -> None:
    now = nodes.clock.now()
    end = EndStatement(END, digest, "", "H01", "H01", 0, "confirmed", "ContentHandover", now)
    signed, chains = signed_by(nodes, MIDDLE, end.canonical())
    say(nodes, Receipt(digest, "H01", 0, ReceiptOutcome.CONFIRMED, now, evidence=Evidence(signed)), chains)


def shows_the_certificate_of_the_other_node(nodes: Nodes, digest: str) -> None:
    now = nodes.clock.now()
    end = EndStatement(END, digest, "", "H01", "H01", 0, "confirmed", "ContentHandover", now)
    signed, _ = signed_by(nodes, MIDDLE, end.canonical())
    theirs = nodes[END].node.certificates
    signed = signed._replace(signer=hashlib.sha256(theirs[0]).hexdigest())
    evidence = Evidence(signed)
    say(nodes, Receipt(digest, "H01", 0, ReceiptOutcome.CONFIRMED, now, evidence=evidence), {signed.signer: theirs})


def shows_no_certificate(nodes: Nodes, digest: str) -> None:
    receipt, _ = on_its_way(nodes, digest)
    say(nodes, receipt)


def shows_what_proves_another_letter(nodes: Nodes, digest: str) -> str:
    """The one letter has arrived and been confirmed, the other has not been opened."""
    nodes.settle()
    other = nodes.send(SENDER, letter(nodes, ["H01"], sender="H53", number=2)).digest
    nodes.settle()
    known, chains = _proof_of(nodes, digest)
    say(nodes, Receipt(other, "H01", 0, ReceiptOutcome.CONFIRMED, nodes.clock.now(), evidence=known), chains)
    return other


def _proof_of(nodes: Nodes, digest: str) -> tuple[Evidence, Chains]:
    known = evidence(nodes, MIDDLE, digest)
    with nodes[MIDDLE].node.ledger.book() as book:
        assert known.end is not None
        return known, book.signers.chains([known.end.signer])


def turns_the_outcome(nodes: Nodes, digest: str) -> None:
    receipt, chains = on_its_way(nodes, digest)
    say(nodes, replace(receipt, outcome=ReceiptOutcome.CANCELLED), chains)


def changes_the_statement(nodes: Nodes, digest: str) -> None:
    receipt, chains = on_its_way(nodes, digest)
    assert receipt.evidence.end is not None
    end = EndStatement.read(receipt.evidence.end.text)
    later = replace(end, at=end.at + timedelta(days=1)).canonical()
    changed = replace(receipt.evidence, end=receipt.evidence.end._replace(text=later))
    say(nodes, replace(receipt, evidence=changed), chains)


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        (drops_the_proof, "EDX326"),
        (makes_up_a_confirmation_itself, "EDX328"),
        (signs_in_the_name_of_the_other_node, "EDX328"),
        (shows_the_certificate_of_the_other_node, "EDX327"),
        (shows_no_certificate, CONTRADICTED),
        (shows_what_proves_another_letter, CONTRADICTED),
        (turns_the_outcome, CONTRADICTED),
        (changes_the_statement, CONTRADICTED),
    ],
)
@pytest.mark.parametrize("required", [False, True], ids=["shown", "required"])
def test_what_the_node_between_makes_up_is_no_proof(nodes: Nodes, lie: Lie, code: str, required: bool) -> None:
    rules = nodes[SENDER].node.rules
    nodes[SENDER].node.rules = replace(rules, delivery=replace(rules.delivery, require_proof=required))
    digest = confirmed(nodes)
    nodes.step(END)
    for hub in nodes[MIDDLE].transports:  # it hears of the confirmation, and keeps it to itself for now
        batch.receive(nodes[MIDDLE].node, hub, hub.take(100, 0.0))
    digest = lie(nodes, digest) or digest
    delivery = nodes.deliveries(SENDER, digest)["H01"]
    if required:
        assert (delivery.state, delivery.code) == (State.FORWARDED, code)
        assert MIDDLE in delivery.detail
    else:
        known = evidence(nodes, SENDER, digest)
        assert not known.proven
        assert known.doubt is not None and known.doubt.code == code
        assert known.told_by == MIDDLE
        [told] = nodes.tree.ask(SENDER, "trace", digest)
        proof = told["deliveries"][0]["proof"]
        assert (proof["status"], proof["problem"]["code"]) == ("unproven", code)
        assert MIDDLE in proof["problem"]["detail"]
        assert f"unproven ({code})" in nodes.tree.run(SENDER, "trace", digest).stdout
    accused = [(MIDDLE, code)] if code != UNSIGNED else []  # an older node signs nothing, and is no liar
    assert entries(nodes, SENDER, OUTCOME_DOUBTED) == accused


def test_another_time_than_the_witness_signed_has_no_effect_and_is_noticed(nodes: Nodes) -> None:
    digest = confirmed(nodes)
    nodes.step(END)
    nodes.clock.at += timedelta(hours=5)
    nodes.step(MIDDLE)
    at = EndStatement.read(end_of(nodes, END, digest).text).at
    known, chains = _proof_of(nodes, digest)
    say(nodes, Receipt(digest, "H01", 0, ReceiptOutcome.CONFIRMED, at + timedelta(hours=2), evidence=known), chains)
    assert nodes.deliveries(SENDER, digest)["H01"].ended_at == at
    assert evidence(nodes, SENDER, digest).proven


def turns_the_words_of_those_who_passed_it_on(nodes: Nodes, digest: str) -> None:
    receipt, chains = on_its_way(nodes, digest)
    [passed] = receipt.evidence.passes
    again = replace(PassStatement.read(passed.text), source=SENDER)
    signed, _ = signed_by(nodes, MIDDLE, again.canonical())
    say(nodes, replace(receipt, evidence=replace(receipt.evidence, passes=(signed, passed))), chains)


def test_the_order_of_those_who_passed_it_on_is_fixed(nodes: Nodes) -> None:
    """Each is about the statement before its own; what does not follow is not shown as having been said."""
    digest = confirmed(nodes)
    nodes.step(END)
    for hub in nodes[MIDDLE].transports:
        batch.receive(nodes[MIDDLE].node, hub, hub.take(100, 0.0))
    turns_the_words_of_those_who_passed_it_on(nodes, digest)
    known = evidence(nodes, SENDER, digest)
    assert known.proven
    assert [PassStatement.read(one.text).source for one in known.passes] == [SENDER]
    assert entries(nodes, SENDER, OUTCOME_DOUBTED) == [(MIDDLE, CONTRADICTED)]


# --- certificates --------------------------------------------------------------------------------------------


def with_certificate(tree: Tree, make: Callable[[], None]) -> Evidence:
    """What is known at the sender's node of a letter that was confirmed under the certificate that ``make`` makes."""
    clock = Moved()
    make()
    with opened(tree, clock) as nodes:
        digest = confirmed(nodes)
        nodes.settle()
        return evidence(nodes, SENDER, digest)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"now": datetime.now(UTC) - timedelta(days=9), "days": 2}, "EDX309"),
        ({"serves": ["H01.*"]}, ""),
        ({"serves": ["H0", "H01.02.*", "H02"]}, "does not name H01"),
        ({"serves": []}, "does not name H01"),
    ],
    ids=["expired", "below", "others", "none"],
)
def test_a_certificate_that_does_not_entitle(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    with Tree(tmp_path / "tree", PLANS) as tree:
        known = with_certificate(tree, lambda: new_key(tree, END, **more))
        assert known.proven == (not said)
        if said:
            assert known.doubt is not None and known.doubt.code == NOT_ENTITLED
            assert said in known.doubt.detail
            assert (known.doubt.where, known.told_by) == (END, MIDDLE)


def test_a_revoked_certificate_and_one_of_another_authority_entitle_to_nothing(tmp_path: Path) -> None:
    with Tree(tmp_path / "tree", PLANS) as tree:

        def revoke() -> None:
            row = next(one for one in trial_authority.issued(tree.pki) if one.name == END)
            trial_authority.revoke(tree.pki, row.serial, datetime.now(UTC))

        known = with_certificate(tree, revoke)
        assert known.doubt is not None
        assert (known.doubt.code, "EDX313" in known.doubt.detail) == (NOT_ENTITLED, True)
    with Tree(tmp_path / "other", PLANS) as tree:
        stranger = tmp_path / "stranger"
        trial_authority.init(stranger, datetime.now(UTC))
        change(tree, SENDER, 'node_anchors = "../pki/anchors.pem"', f'node_anchors = "{stranger}/anchors.pem"')
        known = with_certificate(tree, lambda: None)
        assert known.doubt is not None
        assert (known.doubt.code, "EDX308" in known.doubt.detail) == (NOT_ENTITLED, True)


# --- nodes of older versions -----------------------------------------------------------------------------------


def test_outcomes_of_an_older_node_are_unproven_until_it_is_asked_again(nodes: Nodes) -> None:
    """What it could not sign once, a newer version of it does when it is asked; that goes on to the sender."""
    older = nodes[END].node
    key, older.sign_receipts = older.sign_receipts, None
    peers = dict(nodes[MIDDLE].node.rules.peers)
    peers[END] = replace(peers[END], credentials=Credentials(), unsigned_receipts=True)
    nodes[MIDDLE].node.rules = replace(nodes[MIDDLE].node.rules, peers=peers)
    digest = confirmed(nodes)
    nodes.settle()
    for name, told_by in ((MIDDLE, END), (SENDER, MIDDLE)):
        known = evidence(nodes, name, digest)
        assert (known.proven, known.told_by) == (False, told_by)
        assert known.doubt is not None and known.doubt.code == UNSIGNED
        assert entries(nodes, name, OUTCOME_DOUBTED) == []
    older.sign_receipts = key
    nodes.clock.at += timedelta(hours=1)
    link = nodes[MIDDLE].node.links[Route.link(END)]
    asking = encode_inquiry(Inquiry(digest, ("H01",), 0))
    link.transport.publish([Parcel(link.mailbox, Message("inquiry", "i", asking))])
    nodes.settle()
    assert [evidence(nodes, name, digest).proven for name in (MIDDLE, SENDER)] == [True, True]
    assert end_of(nodes, SENDER, digest) == end_of(nodes, END, digest)


def test_a_required_proof_settles_when_it_comes(nodes: Nodes) -> None:
    rules = nodes[SENDER].node.rules
    nodes[SENDER].node.rules = replace(rules, delivery=replace(rules.delivery, require_proof=True))
    digest = confirmed(nodes)
    nodes.step(END)
    for hub in nodes[MIDDLE].transports:
        batch.receive(nodes[MIDDLE].node, hub, hub.take(100, 0.0))
    drops_the_proof(nodes, digest)
    assert nodes.states(SENDER, digest) == {"H01": State.FORWARDED}
    drops_the_proof_again = len(entries(nodes, SENDER, "delivery.accepted"))
    # By then also the lease of the receipt that the middle node has in its hands is over.
    nodes.clock.at += nodes[SENDER].node.rules.delivery.inquiry_interval + timedelta(hours=1)
    nodes.settle()
    assert nodes.states(SENDER, digest) == {"H01": State.CONFIRMED}
    assert evidence(nodes, SENDER, digest).proven
    assert len(entries(nodes, SENDER, "delivery.accepted")) == drops_the_proof_again


def test_what_expires_unproven_is_not_told_as_the_recipients_fault(nodes: Nodes) -> None:
    rules = nodes[SENDER].node.rules
    nodes[SENDER].node.rules = replace(rules, delivery=replace(rules.delivery, require_proof=True))
    digest = nodes.send(SENDER, letter(nodes, ["H01"], sender="H53")).digest
    nodes.settle(2)
    makes_up_a_confirmation_itself(nodes, digest)
    nodes.clock.at += rules.delivery.lifetime + rules.delivery.expiry_grace + timedelta(hours=1)
    pipeline.expire(nodes[SENDER].node)
    delivery = nodes.deliveries(SENDER, digest)["H01"]
    assert (delivery.state, delivery.code) == (State.EXPIRED, NOT_ENTITLED)
