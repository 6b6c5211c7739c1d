"""Neighbours hold each other to their journals: a parent and its child on one hub, each with a database of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.link.route import Route
from edxml_router.core.link.witnessing import WitnessAnswer, WitnessStatus, encode_answer, encode_question
from edxml_router.core.problems import Finding
from edxml_router.core.proof.checkpoint import TreeHead, cosign, cosigned_at, read_checkpoint, read_head
from edxml_router.core.proof.note import NoteSigner, read_note
from edxml_router.core.proof.texts import witness_request
from edxml_router.core.proof.witness import ForkKind
from edxml_router.demo.servers import Broker
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.intake import batch
from edxml_router.ports.transport import Arrival, Message, Parcel, Transport
from edxml_router.services.health.witnesses import cosigning
from edxml_router.services.proof.checkpoints import with_cosignatures
from edxml_router.services.proof.witnesses import neighbour_logs
from edxml_router.stages.witness.asking import ask_witnesses
from edxml_router.wiring.composition import RunningNode, open_worker
from edxml_router.wiring.own_ledger import open_ledger
from tests.cli.conftest import call, rows
from tests.contract.hubs import until

NATION, PROVINCE = "quoc-gia", "tay-ninh"
PLANS = (NodePlan(NATION, "Trục", ("G22",)), NodePlan(PROVINCE, "Tỉnh", ("H53",), NATION, ("H53",)))
EXHAUSTIVE = bool(os.environ.get("EDXML_ROUTER_EXHAUSTIVE"))
ROUNDS = 3 if EXHAUSTIVE else 2
WAIT = 0.5  # seconds for what a broker has given away and nobody has got yet
OF_PROVINCE = f"edxml-router/{PROVINCE}"


class Pair:
    """The two nodes as their workers have them, without the processes."""

    def __init__(self, folder: Path, broker: Broker | None = None, plans: Sequence[NodePlan] = PLANS) -> None:
        self.tree = Tree(folder, plans, broker)
        self.nodes: dict[str, RunningNode] = {}
        self._stacks: dict[str, ExitStack] = {}
        for plan in plans:
            self.open(plan.name)

    def open(self, name: str) -> None:
        self._stacks[name] = ExitStack()
        self.nodes[name] = opened = self._stacks[name].enter_context(open_worker(self.tree.settings(name)))
        opened.node.rules = replace(opened.node.rules, witness_interval=timedelta())  # it is always everybody's turn
        opened.declare()

    def close(self, name: str) -> None:
        self._stacks.pop(name).close()

    def stop(self) -> None:
        for name in list(self._stacks):
            self.close(name)
        self.tree.stop()

    def write(self, name: str, *words: str) -> None:
        node = self.nodes[name].node
        with node.ledger.book() as book:
            book.journal.note([Entry(node.now(), "test.noted", detail=word) for word in words])
        node.number_journal()

    def ask(self, *names: str) -> None:
        for name in names or tuple(self.nodes):
            ask_witnesses(self.nodes[name].node)

    def take(self, name: str) -> batch.BatchResult:
        """Everything that has come for a node."""
        opened, total = self.nodes[name], batch.BatchResult()
        for transport in opened.transports:
            while arrivals := self._coming(transport):
                total.add(batch.receive(opened.node, transport, arrivals))
        return total

    def _coming(self, transport: Transport) -> Sequence[Arrival]:
        """Something of what lies there for a node, if anything does: in folders that is there at once."""
        if self.tree.broker is None:
            return transport.take(50, 0.0)
        while not (arrivals := transport.take(50, WAIT)) and any(transport.depths().values()):
            pass
        return arrivals

    def turns(self) -> list[tuple[str, Finding]]:
        """Both ask, and are answered; what each node is told of a journal, with its name."""
        self.ask()
        return [(name, finding) for _ in range(3) for name in self.nodes for _, finding in self.take(name).logs]

    def size(self, name: str) -> int:
        mark = self.nodes[name].node.ledger.views.checkpoint()
        return mark.size if mark else 0

    def witnessed(self, name: str, origin: str = OF_PROVINCE) -> int:
        return max((log.size for log in self.nodes[name].node.ledger.views.witnessed(origin)), default=0)

    def codes(self, name: str, after: timedelta = timedelta()) -> list[str]:
        """What ``doctor`` would say at a node, so long after now."""
        views, now = self.nodes[name].node.ledger.views, datetime.now(UTC) + after
        return [one.code for each in neighbour_logs(self.tree.settings(name), views, now) for one in each.findings]

    def run(self, name: str, *arguments: str | Path) -> Result:
        return call("--config", self.tree.config(name), *arguments)

    def rows(self, name: str, *arguments: str) -> list[dict[str, Any]]:
        return rows(self.run(name, *arguments, "--json"))

    def send(self, name: str, to: str, kind: str, body: bytes, number: str = "1") -> None:
        """A message in a node's name."""
        node = self.nodes[name].node
        link = node.links[Route.link(to)]
        assert link.transport.publish([Parcel(link.urgent_mailbox, Message(kind, number, body, urgent=True))]) == [None]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path / "tree")
    yield made
    made.stop()


def signer(pair: Pair, name: str) -> NoteSigner:
    made = pair.nodes[name].node.log_signer
    assert made is not None
    return made


def question(pair: Pair, head: TreeHead, old: int = 0, path: tuple[bytes, ...] = (), **options: Any) -> bytes:
    by = options.get("by") or signer(pair, PROVINCE)
    sent_at = options.get("sent_at") or pair.nodes[PROVINCE].node.now()
    return encode_question(sent_at, witness_request(old, path, by.sign(head.text).data))


# --- cosigning ---


@pytest.mark.parametrize("transport", ["local", "rabbitmq"])
def test_neighbours_cosign_each_other(transport: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    broker = request.getfixturevalue("broker") if transport == "rabbitmq" else None
    pair = Pair(tmp_path / "tree", broker)
    try:
        for round_ in range(ROUNDS):
            for name in pair.nodes:
                pair.write(name, *(f"{round_}.{number}" for number in range(5)))
            assert pair.turns() == []
            assert pair.turns() == []  # a size that was cosigned before, again
            assert pair.witnessed(NATION) == pair.size(PROVINCE)
            assert pair.witnessed(PROVINCE, f"edxml-router/{NATION}") == pair.size(NATION)
        for name, other in ((NATION, PROVINCE), (PROVINCE, NATION)):
            views = pair.nodes[name].node.ledger.views
            mark = views.checkpoint(views.cosigned_size())
            assert mark is not None
            [cosignature] = views.cosignatures(mark.size)
            [line] = read_note(f"x\n\n{cosignature.line}".encode()).signatures
            text = TreeHead(f"edxml-router/{name}", mark.size, bytes.fromhex(mark.root)).text
            assert cosigned_at(line, text, signer(pair, other).verifier.cosigner) == cosignature.at
            assert pair.codes(name) == []
            assert [finding for _, finding in cosigning(pair.tree.settings(name))] == [None]
    finally:
        pair.stop()


def test_commands_show_what_was_cosigned(pair: Pair) -> None:
    pair.write(PROVINCE, "a", "b")
    pair.turns()
    pair.write(PROVINCE, "c")
    [told] = pair.rows(NATION, "journal", "witness")
    assert (told["neighbour"], told["origin"], told["problems"]) == (PROVINCE, OF_PROVINCE, [])
    kept = pair.run(NATION, "journal", "witness", PROVINCE).stdout
    head, _ = read_checkpoint(kept.encode(), (signer(pair, PROVINCE).verifier,))
    assert head.size == told["size"]
    cosigned = pair.run(PROVINCE, "journal", "checkpoint", "--cosigned").stdout
    assert cosigned.startswith(kept)
    assert [each.name for each in read_note(cosigned.encode()).signatures] == [OF_PROVINCE, f"edxml-router/{NATION}"]
    proof = pair.run(PROVINCE, "journal", "prove", "0", "--cosigned").stdout
    assert proof.endswith(cosigned)
    file = pair.tree.folder / "kept"
    file.write_text(kept)
    assert pair.run(PROVINCE, "journal", "verify", "--checkpoint", file).exit_code == 0
    listed = pair.run(NATION, "journal", "witness")
    assert listed.exit_code == 0
    assert PROVINCE in listed.stdout


# --- a journal that does not continue what it was ---


def restored(pair: Pair) -> None:
    """The province's database is an older copy of itself."""
    settings = pair.tree.settings(PROVINCE)
    pair.write(PROVINCE, "a", "b", "c")
    assert pair.turns() == []
    copy = settings.node.data / "copy.db"
    with closing(sqlite3.connect(settings.node.data / "journal.db")) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    pair.write(PROVINCE, *map(str, range(50)))
    assert pair.turns() == []
    pair.close(PROVINCE)
    for end in ("-wal", "-shm"):
        Path(f"{settings.node.data}/journal.db{end}").unlink(missing_ok=True)
    shutil.move(copy, settings.node.data / "journal.db")
    pair.open(PROVINCE)


def test_a_shortened_journal_is_found_at_the_next_exchange(pair: Pair) -> None:
    restored(pair)
    before = pair.witnessed(NATION)
    pair.write(PROVINCE, "d")
    assert pair.size(PROVINCE) < before
    told = dict(pair.turns())
    assert told[NATION].code == "EDX641"
    assert told[PROVINCE].code == "EDX642"
    [fork] = pair.nodes[NATION].node.ledger.views.forks()
    assert (fork.kind, fork.known_size, fork.shown_size) == (ForkKind.SHORTENED, before, pair.size(PROVINCE))
    key = signer(pair, PROVINCE).verifier
    for note, size in ((fork.known, before), (fork.shown, pair.size(PROVINCE))):
        assert read_checkpoint(note, (key,))[0].size == size
    assert pair.witnessed(NATION) == before  # it is not forgotten
    assert pair.turns() == []  # said once
    assert (pair.codes(NATION), pair.codes(PROVINCE)) == (["EDX641"], ["EDX642"])


def test_a_forked_journal_is_found_and_never_cosigned_again(pair: Pair) -> None:
    restored(pair)
    before = pair.witnessed(NATION)
    pair.write(PROVINCE, *(f"other {number}" for number in range(100)))
    told = dict(pair.turns())
    assert {name: finding.code for name, finding in told.items()} == {NATION: "EDX641", PROVINCE: "EDX642"}
    [fork] = pair.nodes[NATION].node.ledger.views.forks()
    assert (fork.kind, fork.known_size, fork.shown_size) == (ForkKind.FORKED, before, pair.size(PROVINCE))
    [entry] = [line.entry for line in pair.nodes[NATION].node.ledger.views.lines(event="log.forked")]
    assert (entry.actor, entry.code) == (PROVINCE, "EDX641")
    for _ in range(20):
        pair.write(PROVINCE, "more")
        pair.ask(PROVINCE)
    pair.turns()
    assert pair.witnessed(NATION) == before
    assert len(pair.nodes[NATION].node.ledger.views.forks()) <= 16
    shown = pair.run(NATION, "journal", "witness", "--forks").stdout
    assert fork.known.decode() in shown
    assert fork.shown.decode() in shown
    assert pair.run(NATION, "journal", "witness").exit_code == 1
    [first, *_] = pair.rows(NATION, "journal", "witness", "--forks")
    assert (first["kind"], first["known"]) == ("forked", fork.known.decode())
    doctor = pair.run(NATION, "doctor").stdout
    assert "EDX641" in doctor


def test_two_roots_of_one_size_are_a_fork(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    pair.turns()
    size = pair.witnessed(NATION)
    pair.send(PROVINCE, NATION, "checkpoint", question(pair, TreeHead(OF_PROVINCE, size, bytes(32)), size))
    [(peer, finding)] = pair.take(NATION).logs
    assert (peer, finding.code) == (PROVINCE, "EDX641")


def test_a_log_with_a_new_name_begins_anew_and_settles_the_alarm(pair: Pair) -> None:
    restored(pair)
    pair.write(PROVINCE, "d")
    pair.turns()
    old = signer(pair, PROVINCE).verifier.text
    anew = NoteSigner(f"{OF_PROVINCE}/2", Ed25519PrivateKey.generate())
    config = pair.tree.config(NATION)
    config.write_text(config.read_text().replace(old, anew.verifier.text))
    pair.nodes[NATION].reload(pair.tree.settings(NATION))
    rules = pair.nodes[NATION].node.rules
    pair.nodes[NATION].node.rules = replace(rules, witness_interval=timedelta())
    pair.nodes[PROVINCE].node.log_signer = anew
    assert pair.turns() == []
    assert pair.witnessed(NATION, anew.name) == pair.size(PROVINCE)
    assert pair.codes(NATION) == []
    assert len(pair.nodes[NATION].node.ledger.views.forks()) == 1  # the evidence stays


# --- what is replayed, false, or too much ---


def test_an_old_question_that_comes_again_is_no_alarm(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    views = pair.nodes[PROVINCE].node.ledger.views
    mark = views.checkpoint()
    assert mark is not None
    old = question(pair, TreeHead(OF_PROVINCE, mark.size, bytes.fromhex(mark.root)))
    pair.send(PROVINCE, NATION, "checkpoint", old)
    assert pair.take(NATION).logs == []
    pair.write(PROVINCE, "b")
    assert pair.turns() == []
    for number in range(3):
        pair.send(PROVINCE, NATION, "checkpoint", old, str(number))
    assert pair.take(NATION).logs == []
    assert pair.nodes[NATION].node.ledger.views.forks() == []
    assert pair.witnessed(NATION) == pair.size(PROVINCE)
    assert pair.take(PROVINCE).logs == []
    assert pair.turns() == []
    assert pair.codes(NATION) == pair.codes(PROVINCE) == []


def test_a_wrong_key_is_refused_and_told(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    stranger = NoteSigner(OF_PROVINCE, Ed25519PrivateKey.generate())
    pair.nodes[PROVINCE].node.log_signer = stranger
    told = dict(pair.turns())
    assert NATION not in told
    assert told[PROVINCE].code == "EDX643"
    assert told[PROVINCE].detail == stranger.verifier.text
    assert pair.witnessed(NATION) == 0
    assert pair.codes(PROVINCE) == ["EDX643"]


def test_a_neighbour_cannot_speak_for_another_log(pair: Pair) -> None:
    own = signer(pair, NATION)
    head = TreeHead(own.name, 5, bytes(32))
    pair.send(PROVINCE, NATION, "checkpoint", question(pair, head, by=own))
    assert pair.take(NATION).logs == []
    assert pair.nodes[NATION].node.ledger.views.witnessed() == []


def test_a_lying_cosigner_is_found(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    pair.ask(PROVINCE)
    [size] = [pair.size(PROVINCE)]
    false = cosign(signer(pair, NATION), TreeHead(OF_PROVINCE, size, bytes(32)).text, datetime.now(UTC))
    stranger = NoteSigner(signer(pair, NATION).name, Ed25519PrivateKey.generate())
    mark = pair.nodes[PROVINCE].node.ledger.views.checkpoint()
    assert mark is not None
    text = TreeHead(OF_PROVINCE, size, bytes.fromhex(mark.root)).text
    for number, line in enumerate((false.line, cosign(stranger, text, datetime.now(UTC)).line, "", "— x\n")):
        answer = WitnessAnswer(size, WitnessStatus.COSIGNED, size, line)
        pair.send(NATION, PROVINCE, "cosigned", encode_answer(answer), str(number))
    [(peer, finding)] = pair.take(PROVINCE).logs
    assert (peer, finding.code) == (NATION, "EDX640")
    assert pair.nodes[PROVINCE].node.ledger.views.cosignatures(size) == []
    assert pair.codes(PROVINCE) == ["EDX640"]


def test_a_witness_that_names_ever_other_sizes_is_not_asked_without_end(pair: Pair) -> None:
    pair.write(PROVINCE, *map(str, range(60)))
    pair.ask(PROVINCE)
    asked = len(pair.nodes[NATION].transports[0].take(100, 0.0))
    for number in range(40):
        answer = WitnessAnswer(pair.size(PROVINCE), WitnessStatus.CONFLICT, number, old=60)
        pair.send(NATION, PROVINCE, "cosigned", encode_answer(answer), str(number))
    pair.take(PROVINCE)
    asked += len(pair.nodes[NATION].transports[0].take(100, 0.0))
    assert asked <= 1 + 5


def test_a_flood_of_questions_is_not_answered(pair: Pair) -> None:
    body = question(pair, TreeHead(OF_PROVINCE, 5, bytes(32)))
    for number in range(60):
        pair.send(PROVINCE, NATION, "checkpoint", body, str(number))
    pair.take(NATION)
    answers = pair.nodes[PROVINCE].transports[0].take(100, 0.0)
    assert len(answers) == 20


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body + b"x" * 100_000,
        lambda body: body.replace(b"old ", b"new "),
        lambda body: body.replace(b"sent", b"gone"),
        lambda body: body[: body.index(b"\n") + 1],
        lambda body: b"{}\n" + body,
    ],
)
def test_what_cannot_be_read_is_quarantined(pair: Pair, spoil: Callable[[bytes], bytes]) -> None:
    body = spoil(question(pair, TreeHead(OF_PROVINCE, 5, bytes(32))))
    pair.send(PROVINCE, NATION, "checkpoint", body)
    [(_, finding)] = pair.take(NATION).odd
    assert finding.code == "EDX704"
    pair.send(NATION, PROVINCE, "cosigned", b'{"v":"edx/1","size":1,"old":0,"status":201,"known":0}\n')
    [(_, finding)] = pair.take(PROVINCE).odd
    assert finding.code == "EDX704"


def test_a_crash_between_keeping_and_answering_costs_another_question(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kill -9 would: what was committed is there, the answer was never sent, and the question comes again."""
    pair.write(PROVINCE, "a")
    pair.ask(PROVINCE)
    hub = pair.nodes[NATION].transports[0]
    monkeypatch.setattr(batch, "acknowledge", _killed)
    with monkeypatch.context() as during:
        during.setattr(type(hub), "publish", _killed)
        with pytest.raises(KeyboardInterrupt):
            pair.take(NATION)
    monkeypatch.undo()
    assert pair.witnessed(NATION) == pair.size(PROVINCE)
    pair.close(NATION)
    pair.open(NATION)
    pair.write(PROVINCE, "b")
    assert [pair.turns(), pair.turns()] == [[], []]
    assert pair.witnessed(NATION) == pair.size(PROVINCE)
    assert pair.nodes[PROVINCE].node.ledger.views.cosigned_size() == pair.size(PROVINCE)
    assert pair.nodes[NATION].node.ledger.views.forks() == []


def _killed(*_arguments: object) -> None:
    raise KeyboardInterrupt


# --- silence, and what is kept ---


def test_a_neighbour_that_falls_silent_is_named_after_three_intervals(pair: Pair) -> None:
    for name in pair.nodes:
        pair.write(name, "a")
    pair.turns()
    assert pair.codes(NATION, timedelta(seconds=100)) == []
    assert pair.codes(NATION, timedelta(seconds=200)) == ["EDX644", "EDX644"]


def test_a_neighbour_without_our_key_is_never_asked(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    rules = pair.nodes[PROVINCE].node.rules
    peers = {name: replace(peer, log_keys=()) for name, peer in rules.peers.items()}
    pair.nodes[PROVINCE].node.rules = replace(rules, peers=peers)
    pair.ask(PROVINCE)
    assert pair.nodes[NATION].transports[0].take(10, 0.0) == []


def test_only_one_worker_of_a_node_asks(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    with open_worker(pair.tree.settings(PROVINCE)) as other:
        pair.nodes[PROVINCE].node.rules = other.node.rules  # the interval of the settings
        assert ask_witnesses(pair.nodes[PROVINCE].node) + ask_witnesses(other.node) == 1
        assert ask_witnesses(pair.nodes[PROVINCE].node) + ask_witnesses(other.node) == 0


def test_a_false_cosignature_in_the_database_is_found_by_verify(pair: Pair) -> None:
    pair.write(PROVINCE, "a")
    pair.turns()
    views, config = pair.nodes[PROVINCE].node.ledger.views, pair.tree.config(PROVINCE)
    assert with_cosignatures(views.verify(), views, config).sound
    false = cosign(signer(pair, NATION), TreeHead(OF_PROVINCE, 1, bytes(32)).text, datetime.now(UTC)).line
    with closing(sqlite3.connect(pair.tree.settings(PROVINCE).node.data / "journal.db")) as database:
        database.execute("UPDATE cosignatures SET line = ?", (false,))
        database.commit()
    found = with_cosignatures(views.verify(), views, config)
    assert [damage.where for damage in found.damages] == [f"checkpoint {pair.size(PROVINCE)}"]


def note(tree: Tree, count: int) -> None:
    """Entries in the province's journal, while it does not run."""
    with closing(open_ledger(tree.settings(PROVINCE))) as ledger, ledger.book() as book:
        book.journal.note(Entry(datetime.now(UTC), "test.noted", detail=str(number)) for number in range(count))


if EXHAUSTIVE:  # half a minute on a busy machine; the same without processes is above

    def test_nodes_that_run_find_a_database_that_was_exchanged(tmp_path: Path) -> None:
        """With their processes: the copy of a database goes on in the place of the database."""
        with Tree(tmp_path / "tree", PLANS) as tree:
            for name in (NATION, PROVINCE):
                config = tree.config(name)
                config.write_text(config.read_text().replace("[journal]\n", '[journal]\ninterval = "200ms"\n'))
            data = tree.settings(PROVINCE).node.data
            shutil.copytree(data, tmp_path / "copy")
            note(tree, 3)
            tree.start()
            with closing(open_ledger(tree.settings(NATION))) as nation:
                until(lambda: nation.views.witnessed(OF_PROVINCE))
                tree.stop(PROVINCE)
                shutil.rmtree(data)
                shutil.copytree(tmp_path / "copy", data)
                note(tree, 20)
                tree.start(PROVINCE)
                fork = until(nation.views.forks)[0]
            until(lambda: '"log.forked"' in tree.log(NATION).read_text())
            assert (fork.origin, fork.known_size) == (OF_PROVINCE, read_head(read_note(fork.known).text).size)
