"""Two neighbours compare what went over their link: what a database's owner deletes, invents or exchanges at one end is
found at both, and nothing that is in order is."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.link.inventory.messages import Direction, Pass
from edxml_router.core.link.route import Route
from edxml_router.core.proof.note import VerifierKey, read_note, verified
from edxml_router.demo.letters import Post
from edxml_router.services.health.witnesses import links
from edxml_router.services.proof import gaps
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.inventory import comparing
from edxml_router.stages.inventory.comparing import ask_inventories
from tests.test_witness import NATION, PROVINCE, Pair

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Ends(Pair):
    """A parent and a child that have said to each other that they compare, and letters between them."""

    def __init__(self, folder: Path, broker: Any = None) -> None:
        super().__init__(folder, broker)
        self.post = Post(self.tree.pki)
        self.write(NATION, "a")
        self.write(PROVINCE, "a")
        assert self.turns() == []

    def send(self, count: int = 3, at: str = NATION) -> list[str]:  # type: ignore[override]
        node, (sender, recipient) = self.nodes[at].node, ("G22", "H53") if at == NATION else ("H53", "G22")
        digests = []
        for number in range(count):
            data = self.post.document(sender, [recipient], number=number + 1, subject="V/v thử nghiệm")
            [answer] = pipeline.accept(node, [Submission(MemoryBody(data), f"vanthu-{at}", "cli")])
            assert answer.accepted
            digests.append(answer.digest)
        for _ in range(3):
            for name, opened in self.nodes.items():
                pipeline.forward(opened.node)
                self.take(name)
                pipeline.report(opened.node)
        return digests

    def compare(self, name: str) -> list[gaps.LinkComparison]:
        """As ``link check`` at a node, whose worker and whose neighbour's then run."""
        settings, node = self.tree.settings(name), self.nodes[name].node
        gaps.begin_comparison(settings, node.ledger, "", LONG_AGO, datetime.now(UTC) + timedelta(seconds=1))
        self.logs: list[tuple[str, str]] = []
        for _ in range(6):
            for each in self.nodes:
                ask_inventories(self.nodes[each].node)
                self.logs += [(each, finding.code) for _, finding in self.take(each).logs]
        return list(gaps.comparisons(settings, node.ledger.views, datetime.now(UTC)))

    def found(self, name: str) -> set[tuple[str, str, str]]:
        return {(gap.code, str(gap.lacking), gap.digest) for gap in gaps.each_gap(self.nodes[name].node.ledger.views)}

    def tamper(self, name: str, *statements: str, **values: str) -> None:
        """As the owner of the database can; ``values`` stand for ``:NAME`` in the statements."""
        with closing(sqlite3.connect(self.tree.settings(name).node.data / "journal.db")) as database:
            for statement in statements:
                database.execute(statement, values)
            database.commit()


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    made = Ends(tmp_path / "tree")
    yield made
    made.stop()


def signed_by(ends: Ends, note: str, name: str) -> str:
    """The text, which that node's log key has signed."""
    [key] = [each for each in (ends.nodes[name].node.log_signer,) if each is not None]
    read = read_note(note.encode(), 1 << 20)
    assert verified(read, [VerifierKey.read(key.verifier.text)])
    return read.text


@pytest.mark.parametrize("transport", ["local", "rabbitmq"])
def test_what_a_database_owner_deletes_invents_or_exchanges_is_found_at_both_ends(
    transport: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    broker = request.getfixturevalue("broker") if transport == "rabbitmq" else None
    ends = Ends(tmp_path / "tree", broker)
    try:
        first, second, third = ends.send()
        [up] = ends.send(1, PROVINCE)
        [each] = ends.compare(NATION)
        assert each.over
        assert each.compared == 4
        assert (ends.logs, ends.found(NATION), ends.found(PROVINCE)) == ([], set(), set())

        ends.tamper(PROVINCE, "DELETE FROM deliveries WHERE digest = :first", first=first)
        invented, exchanged = "ab" * 32, "cd" * 32
        ends.tamper(
            PROVINCE,
            "PRAGMA foreign_keys = off",
            # invented: a copy of another under a digest and a DocumentId of its own
            "CREATE TEMP TABLE e AS SELECT * FROM envelopes WHERE digest = :second",
            "UPDATE e SET digest = :invented, identity = 'G22|0|99/made-up', document_id = '99/made-up'",
            "INSERT INTO envelopes SELECT * FROM e",
            "CREATE TEMP TABLE d AS SELECT * FROM deliveries WHERE digest = :second",
            "UPDATE d SET digest = :invented, id = 777",
            "INSERT INTO deliveries SELECT * FROM d",
            # exchanged: the same DocumentId, other bytes
            "UPDATE envelopes SET digest = :exchanged WHERE digest = :third",
            "UPDATE deliveries SET digest = :exchanged WHERE digest = :third",
            second=second,
            third=third,
            invented=invented,
            exchanged=exchanged,
        )
        ends.compare(NATION)
        there = {("EDX649", first), ("EDX651", third), ("EDX650", invented), ("EDX651", exchanged)}
        seen = ends.found(NATION)
        assert {(code, digest) for code, _, digest in seen} == there
        assert {digest: lacking for _, lacking, digest in seen} == {
            first: "there",
            third: "there",
            invented: "here",
            exchanged: "here",
        }
        turned = {"here": "there", "there": "here"}
        assert ends.found(PROVINCE) == {(code, turned[lacking], digest) for code, lacking, digest in seen}
        assert sorted(ends.logs) == sorted((name, code) for name in (NATION, PROVINCE) for code, _ in there)
        views = ends.nodes[NATION].node.ledger.views
        for gap in gaps.each_gap(views):
            assert gap.digest in signed_by(ends, gaps.gap_evidence(views, gap), PROVINCE)
        assert {line.entry.envelope for line in views.lines(event="link.gap")} == {first, third, invented, exchanged}
        codes = [finding.code for _, finding in links(ends.tree.settings(NATION)) if finding]
        assert codes == ["EDX649", "EDX650", "EDX651"]
        before = ends.found(NATION)
        ends.compare(NATION)  # again: nothing is new, and nothing is told twice
        assert (ends.logs, ends.found(NATION)) == ([], before)
        assert up not in {digest for _, _, digest in before}
    finally:
        ends.stop()


def test_the_command_names_gaps_and_says_with_its_status_that_there_are_any(ends: Ends) -> None:
    [digest] = ends.send(1)
    ends.compare(NATION)
    kept = ends.run(NATION, "link", "check", PROVINCE, "--wait", "0s")
    assert (kept.exit_code, kept.stderr) == (0, "")
    ends.tamper(PROVINCE, "DELETE FROM deliveries WHERE digest = :digest", digest=digest)
    ends.compare(NATION)
    told = ends.run(NATION, "link", "check", "--wait", "0s")
    assert told.exit_code == 1
    assert "EDX649" in told.stdout
    [shown] = ends.rows(NATION, "link", "check", "--wait", "0s")
    [gap] = shown["gaps"]
    assert (gap["digest"], gap["recipient"], gap["sender"], gap["lacking"]) == (digest, "H53", "G22", "there")
    assert f"unknown {digest} H53" in gap["evidence"]
    assert ends.run(NATION, "link", "check", "nobody").exit_code == 66


def test_a_gap_that_is_filled_again_is_one_no_longer(ends: Ends) -> None:
    [digest] = ends.send(1)
    ends.tamper(
        PROVINCE,
        "CREATE TABLE aside_d AS SELECT * FROM deliveries WHERE digest = :digest",
        "DELETE FROM deliveries WHERE digest = :digest",
        digest=digest,
    )
    ends.compare(PROVINCE)
    assert len(ends.found(NATION)) == len(ends.found(PROVINCE)) == 1
    ends.tamper(PROVINCE, "INSERT INTO deliveries SELECT * FROM aside_d", "DROP TABLE aside_d")
    ends.compare(NATION)
    assert ends.found(NATION) == ends.found(PROVINCE) == set()
    assert len(list(gaps.each_gap(ends.nodes[NATION].node.ledger.views, ended=True))) == 1


def test_mail_that_is_on_its_way_or_was_never_accepted_is_no_gap(ends: Ends) -> None:
    """Handed to a hub, and not taken; taken, and its receipt is still on the way; and waiting here."""
    node = ends.nodes[NATION].node
    data = ends.post.document("G22", ["H53"], number=50, subject="V/v thử nghiệm")
    pipeline.accept(node, [Submission(MemoryBody(data), f"vanthu-{NATION}", "cli")])
    ends.compare(NATION)
    pipeline.forward(node)
    ask_inventories(node)
    ends.take(PROVINCE)  # it takes the letter, and has not said so
    [each] = ends.compare(PROVINCE)
    assert each.compared == 1
    assert ends.found(NATION) == ends.found(PROVINCE) == set()


def test_what_a_restored_backup_has_forgotten_is_told_apart(ends: Ends) -> None:
    [digest] = ends.send(1)
    ends.tamper(
        PROVINCE,
        "DELETE FROM deliveries WHERE digest = :digest",
        "INSERT INTO epochs (epoch, at, since, reason) SELECT 'e', max(at) + 1000000, min(at), 'x' FROM journal",
        digest=digest,
    )
    ends.compare(NATION)
    assert ends.logs == []
    [gap] = gaps.each_gap(ends.nodes[NATION].node.ledger.views)
    assert gap.excused
    told = ends.run(NATION, "link", "check", "--wait", "0s")
    assert told.exit_code == 0
    assert "EDX649" not in told.stdout
    assert [finding for _, finding in links(ends.tree.settings(NATION)) if finding] == []


def test_pages_go_on_to_the_end_and_a_crash_asks_again(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = ends.send(5)
    monkeypatch.setattr(comparing, "PAGE_DELIVERIES", 2)
    node = ends.nodes[NATION].node
    with monkeypatch.context() as during:
        during.setattr(comparing, "note_gaps", _killed)
        with pytest.raises(KeyboardInterrupt):
            ends.compare(NATION)
    during.undo()
    ends.close(NATION)
    ends.open(NATION)
    node = ends.nodes[NATION].node
    monkeypatch.setattr(comparing, "PATIENCE", timedelta())
    monkeypatch.setattr(comparing, "PAGE_DELIVERIES", 2)
    for _ in range(8):
        for each in ends.nodes:
            ask_inventories(ends.nodes[each].node)
            ends.take(each)
    [standing] = [
        one
        for one in node.ledger.views.inventory_rounds(PROVINCE)
        if one.reason is Pass.ASKED and one.direction is Direction.HANDED
    ]
    assert standing.over
    assert standing.compared >= len(digests)
    assert ends.found(NATION) == set()


def _killed(*_arguments: object) -> None:
    raise KeyboardInterrupt


def test_a_stretch_is_compared_by_itself_after_an_hour_and_again_at_the_end(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    [digest] = ends.send(1)
    ends.tamper(PROVINCE, "DELETE FROM deliveries WHERE digest = :digest", digest=digest)
    monkeypatch.setattr(comparing, "SOON", -timedelta(hours=2))  # as if two hours had gone by
    for _ in range(3):
        ask_inventories(ends.nodes[NATION].node)
        ends.take(PROVINCE)
        ends.take(NATION)
    assert ends.found(NATION) == {("EDX649", "there", digest)}
    rounds = {(one.reason, one.direction): one for one in ends.nodes[NATION].node.ledger.views.inventory_rounds()}
    assert rounds[Pass.SOON, Direction.HANDED].compared == 1
    assert rounds[Pass.LATE, Direction.HANDED].compared == 0


def test_a_neighbour_of_an_older_version_is_not_asked_and_that_is_shown(tmp_path: Path) -> None:
    pair = Pair(tmp_path / "tree")
    try:
        assert ask_inventories(pair.nodes[NATION].node) == 0
        settings, views = pair.tree.settings(NATION), pair.nodes[NATION].node.ledger.views
        [each] = gaps.comparisons(settings, views, datetime.now(UTC))
        assert each.finding is not None
        assert each.finding.code == "EDX652"
        told = pair.run(NATION, "link", "check")
        assert (told.exit_code, "EDX652" in told.stdout) == (0, True)
    finally:
        pair.stop()


def test_what_no_known_key_has_signed_or_is_for_another_counts_for_nothing(ends: Ends) -> None:
    ends.send(1)
    node = ends.nodes[NATION].node
    link = node.links[Route.link(PROVINCE)]
    sent: list[Any] = []
    publish = link.transport.publish
    link.transport.publish = lambda parcels: sent.extend(parcels) or [None]  # type: ignore[method-assign,func-returns-value]
    gaps.begin_comparison(ends.tree.settings(NATION), node.ledger, "", LONG_AGO, datetime.now(UTC))
    ask_inventories(node)
    link.transport.publish = publish  # type: ignore[method-assign]
    body = sent[0].message.body
    for false, code in ((body.replace(b" H53\n", b" H54\n"), "EDX704"), (body.split(b"\n\n")[0], "EDX704")):
        Pair.send(ends, NATION, PROVINCE, "inventory", false)
        [(_, finding)] = ends.take(PROVINCE).odd
        assert finding.code == code
    Pair.send(ends, PROVINCE, NATION, "inventory", body)  # our own, back to us
    assert [finding.code for _, finding in ends.take(NATION).logs] == ["EDX640"]
    assert ends.found(NATION) == ends.found(PROVINCE) == set()
    assert json.loads(body.split(b"\n")[0])["v"] == "edx/1"
