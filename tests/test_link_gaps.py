"""Two neighbours compare what went over their link: what a database's owner deletes, invents or exchanges at one end is
found at both, and nothing that is in order is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.link.inventory.messages import (
    OPEN,
    DeliveryStanding,
    Direction,
    InventoryAnswer,
    Pass,
    decode_inventory_answer,
)
from edxml_router.core.link.inventory.values import outcomes_differ
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.core.proof.note import VerifierKey, read_note, verified
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan
from edxml_router.services.health.witnesses import links
from edxml_router.services.proof import gaps
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.inventory import comparing
from edxml_router.stages.inventory.comparing import ask_inventories
from edxml_router.stages.offices import inbox
from tests.test_witness import NATION, PLANS, PROVINCE, Pair

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Ends(Pair):
    """A parent and a child that have said to each other that they compare, and letters between them."""

    def __init__(self, folder: Path, broker: Any = None, plans: Sequence[NodePlan] = PLANS) -> None:
        super().__init__(folder, broker, plans)
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
        settings = self.tree.settings(name)
        password = settings.store.password_file.read_text(encoding="utf-8") if settings.store.password_file else None
        engine = create_engine(make_url(settings.database_url).set(password=password))
        with engine.connect() as connection:
            sqlite = engine.dialect.name == "sqlite"
            free = "PRAGMA foreign_keys = off" if sqlite else "SET session_replication_role = replica"
            connection.execute(text(free))
            for statement in statements:
                found = {key: value for key, value in values.items() if f":{key}" in statement}
                connection.execute(text(statement), found)
            connection.commit()
        engine.dispose()

    def confirm(self, *digests: str) -> None:
        """The office of the province has these letters, and everybody hears of it."""
        node = self.nodes[PROVINCE].node
        with node.ledger.book() as book:
            names = [one.name for one in book.deliveries.of(digests)]
        assert set(inbox.confirm(node, f"vanthu-{PROVINCE}", names)) == {None}
        self.tell()

    def tell(self) -> None:
        for _ in range(3):
            for each in self.nodes:
                pipeline.report(self.nodes[each].node)
                self.take(each)


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


@pytest.fixture(params=["folder and SQLite", "RabbitMQ and PostgreSQL"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """The two ends, on either transport and database."""
    broker, plans = None, PLANS
    if request.param.startswith("Rabbit"):
        broker, server = request.getfixturevalue("broker"), request.getfixturevalue("postgresql_url")
        password = tmp_path / "password"
        password.touch(mode=0o600)
        password.write_text(make_url(server).password or "", encoding="utf-8")
        plans = tuple(replace(plan, further=database(server, plan.name, password)) for plan in PLANS)
    made = Ends(tmp_path / "tree", broker, plans)
    yield made
    made.stop()


def database(server: str, node: str, password: Path) -> str:
    """A new database for this node, as its configuration names it."""
    name = f"edx_link_{node.replace('-', '_')}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    url = URL.create(**{**make_url(server)._asdict(), "database": name, "password": None})
    return f'[store]\nurl = "{url}"\npassword_file = "{password}"'


def test_what_a_database_owner_deletes_invents_or_exchanges_is_found_at_both_ends(both: Ends) -> None:
    first, second, third = both.send()
    [up] = both.send(1, PROVINCE)
    [each] = both.compare(NATION)
    assert each.over
    assert each.compared == 4
    assert (both.logs, both.found(NATION), both.found(PROVINCE)) == ([], set(), set())

    both.tamper(PROVINCE, "DELETE FROM deliveries WHERE digest = :first", first=first)
    invented, exchanged = "ab" * 32, "cd" * 32
    both.tamper(
        PROVINCE,
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
    both.compare(NATION)
    there = {("EDX649", first), ("EDX651", third), ("EDX650", invented), ("EDX651", exchanged)}
    seen = both.found(NATION)
    assert {(code, digest) for code, _, digest in seen} == there
    assert {digest: lacking for _, lacking, digest in seen} == {
        first: "there",
        third: "there",
        invented: "here",
        exchanged: "here",
    }
    turned = {"here": "there", "there": "here"}
    assert both.found(PROVINCE) == {(code, turned[lacking], digest) for code, lacking, digest in seen}
    assert sorted(both.logs) == sorted((name, code) for name in (NATION, PROVINCE) for code, _ in there)
    views = both.nodes[NATION].node.ledger.views
    for gap in gaps.each_gap(views):
        assert gap.digest in signed_by(both, gaps.gap_evidence(views, gap), PROVINCE)
    assert {line.entry.envelope for line in views.lines(event="link.gap")} == {first, third, invented, exchanged}
    codes = [finding.code for _, finding in links(both.tree.settings(NATION)) if finding]
    assert codes == ["EDX649", "EDX650", "EDX651"]
    before = both.found(NATION)
    both.compare(NATION)  # again: nothing is new, and nothing is told twice
    assert (both.logs, both.found(NATION)) == ([], before)
    assert up not in {digest for _, _, digest in before}


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


def test_gaps_come_in_pages(ends: Ends) -> None:
    digests = ends.send(3)
    ends.tamper(PROVINCE, "DELETE FROM deliveries")
    ends.compare(NATION)
    page = ("link", "check", PROVINCE, "--wait", "0s", "--limit", "2")
    [first] = ends.rows(NATION, *page)
    assert (first["gap_count"], len(first["gaps"])) == (3, 2)
    [last] = ends.rows(NATION, *page, "--after", str(first["next"]))
    assert (last["gap_count"], last["next"]) == (3, None)
    assert {gap["digest"] for gap in first["gaps"] + last["gaps"]} == set(digests)
    told = ends.run(NATION, *page)
    assert f"--after {first['next']}" in told.stderr
    assert ends.run(NATION, "link", "check", "--after", "1").exit_code == 2


def test_that_each_end_believes_in_another_outcome_is_found_at_both(
    both: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "SETTLED", -timedelta(hours=1))  # as if it were an hour later
    turned, reopened, claimed, alike, waiting = both.send(5)
    both.confirm(turned, reopened, alike)
    both.compare(NATION)
    assert (both.found(NATION), both.found(PROVINCE)) == (set(), set())
    both.tamper(NATION, "UPDATE deliveries SET state = 'returned' WHERE digest = :turned", turned=turned)
    both.tamper(
        PROVINCE,
        "UPDATE deliveries SET state = 'available', ended_at = NULL WHERE digest = :reopened",
        reopened=reopened,
    )
    both.tamper(
        NATION,
        "UPDATE deliveries SET state = 'confirmed', ended_at = updated_at WHERE digest = :claimed",
        claimed=claimed,
    )
    both.compare(NATION)
    both.compare(PROVINCE)
    seen = {("EDX637", "neither", digest) for digest in (turned, reopened, claimed)}
    assert (both.found(NATION), both.found(PROVINCE)) == (seen, seen)
    assert alike not in str(both.found(NATION))
    assert waiting not in str(both.found(NATION))
    views = both.nodes[NATION].node.ledger.views
    told = {gap.digest: (gap.outcome_here, gap.outcome_there) for gap in gaps.each_gap(views)}
    assert told == {
        turned: ("returned", "confirmed"),
        reopened: ("confirmed", "open"),
        claimed: ("confirmed", "open"),
    }
    for gap in gaps.each_gap(views):
        signed = signed_by(both, gaps.gap_evidence(views, gap), PROVINCE)
        assert f"stands {gap.digest} H53 0 {gap.outcome_there}" in signed
    [shown] = both.rows(NATION, "link", "check", "--wait", "0s")
    assert {(gap["outcome_here"], gap["outcome_there"]) for gap in shown["gaps"]} == set(told.values())
    assert [one.code for _, one in links(both.tree.settings(NATION)) if one] == ["EDX637"]
    both.tamper(NATION, "UPDATE deliveries SET state = 'confirmed' WHERE digest = :turned", turned=turned)
    both.compare(NATION)  # it is as it should be again
    assert {digest for _, _, digest in both.found(NATION)} == {reopened, claimed}


def test_an_outcome_whose_receipt_is_on_the_way_is_no_difference(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    [digest] = ends.send(1)
    node = ends.nodes[PROVINCE].node
    with node.ledger.book() as book:
        [waiting] = book.deliveries.of([digest])
    assert inbox.confirm(node, f"vanthu-{PROVINCE}", [waiting.name]) == [None]
    ends.compare(NATION)
    assert ends.found(NATION) == set()
    monkeypatch.setattr(comparing, "SETTLED", -timedelta(hours=1))
    ends.compare(NATION)
    assert ends.found(NATION) == {("EDX637", "neither", digest)}
    ends.tell()
    ends.compare(NATION)
    assert ends.found(NATION) == set()


ENDED = ("confirmed", "returned", "expired", "cancelled")
FINE = {
    *((each, each) for each in (*ENDED, OPEN)),
    # at the end that handed it over, and at the one that took it
    (OPEN, "expired"),
    *((here, there) for here in ("expired", "cancelled") for there in ("returned", "expired", "cancelled", OPEN)),
}


def test_which_outcomes_differ() -> None:
    """All that two ends can have; every other pair is one that receipts bring to the same in time."""

    def stands(outcome: str, generation: int = 0, code: str = "", ago: int = 2) -> DeliveryStanding:
        ended = None if outcome == OPEN else datetime.now(UTC) - timedelta(hours=ago)
        return DeliveryStanding("ab" * 32, "H53", generation, outcome, ended, code)

    settled = datetime.now(UTC) - timedelta(hours=1)
    for handed in (*ENDED, OPEN):
        for taken in (*ENDED, OPEN):
            differ = (handed, taken) not in FINE
            for direction, here, there in ((Direction.HANDED, handed, taken), (Direction.TAKEN, taken, handed)):
                assert outcomes_differ(direction, stands(here), stands(there), settled) == differ, (here, there)
                assert not outcomes_differ(direction, stands(here), stands(there, generation=1), settled)
                fresh = (stands(here, ago=0), stands(there, ago=0))
                assert not outcomes_differ(direction, *fresh, settled)
    unproven = stands(OPEN, code="EDX326")  # delivery.require_proof: it is known, and does not settle
    assert not outcomes_differ(Direction.HANDED, unproven, stands("confirmed"), settled)


def test_an_answer_tells_how_it_stands_and_an_older_one_does_not() -> None:
    at = datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC)
    told = (DeliveryStanding("ab" * 32, "H53", 2, "confirmed", at), DeliveryStanding("cd" * 32, "H53", 0, OPEN))
    answer = InventoryAnswer("a", "b", "ef" * 32, Direction.HANDED, Pass.SOON, at, 2, standings=told)
    assert decode_inventory_answer(answer.text) == answer
    older = "".join(line for line in answer.text.splitlines(True) if not line.startswith("stands"))
    assert decode_inventory_answer(older).standings == ()
    for false in ("confirmed", "open 2026-11-28T01:02:03.000000Z", "gone 2026-11-28T01:02:03.000000Z"):
        with pytest.raises(Refusal, match="EDX704"):
            decode_inventory_answer(f"{older}stands {'ab' * 32} H53 0 {false}\n")
    for generation in ("-1", "1000001", "x"):
        with pytest.raises(Refusal, match="EDX704"):
            decode_inventory_answer(f"{older}stands {'ab' * 32} H53 {generation} open\n")


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
