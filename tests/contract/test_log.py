"""The journal as a log: append-only, numbered, and found out when somebody tampers with it."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy

from edxml_router.core.delivery.journal import Entry, MerkleTree, leaf_bytes, leaf_hash
from edxml_router.core.delivery.views import Checkpoint, Damage, Verification
from edxml_router.core.problems import Setback
from edxml_router.store.journal import sequencer
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.journal.verification import DAMAGES
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database, add, delivery


def note(ledger: SqlLedger, *names: str) -> None:
    with ledger.book() as book:
        book.journal.note(Entry(NOW, "test.noted", detail=name, actor="người vận hành") for name in names)


def write(ledger: SqlLedger, count: int = 10, batch: int = 4) -> None:
    """That many entries, numbered in batches: checkpoints at 4, 8, 10."""
    note(ledger, *(str(entry) for entry in range(count)))
    while number_entries(ledger, batch):
        pass


def tamper(database: Database, *statements: str, **values: Any) -> None:
    """What somebody can do who may get round triggers."""
    if database.is_sqlite:
        names = [row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        database.run(*(f"DROP TRIGGER {name}" for name in names))
    else:
        statements = ("SET LOCAL session_replication_role = replica", *statements)
    database.run(*statements, **values)


def damages(ledger: SqlLedger, known: dict[int, str] | None = None) -> list[Damage]:
    found = ledger.views.verify(known)
    assert found.sound == (not found.damages)
    return list(found.damages)


# --- numbering ---


def test_entries_get_places_in_the_order_of_their_commits(ledger: SqlLedger) -> None:
    assert number_entries(ledger) == 0
    note(ledger, "a", "b")
    note(ledger, "c")
    assert [line.position for line in ledger.views.lines()] == [None] * 3
    assert (number_entries(ledger, 2), number_entries(ledger, 2), number_entries(ledger, 2)) == (2, 1, 0)
    assert [(line.position, line.entry.detail) for line in ledger.views.lines()] == [(0, "a"), (1, "b"), (2, "c")]


def test_checkpoints_are_the_roots_of_the_tree(ledger: SqlLedger, database: Database) -> None:
    write(ledger, 10, 4)
    tree, roots = MerkleTree(), {}
    for line in ledger.views.lines():
        tree.add(leaf_hash(leaf_bytes(line.entry.canonical(), line.stamp)))
        roots[tree.size] = tree.root()
    stored = {size: bytes(root) for size, root in database.rows("SELECT size, root FROM checkpoints")}
    assert stored == {size: roots[size] for size in (4, 8, 10)}
    newest = ledger.views.checkpoint()
    assert newest == Checkpoint(10, roots[10].hex(), NOW)


def test_there_is_no_checkpoint_of_nothing(ledger: SqlLedger) -> None:
    assert ledger.views.checkpoint() is None
    assert ledger.views.verify() == Verification(0, hashlib.sha256(b"").hexdigest(), 0, None, 0, (), 0)


def test_many_sequencers_leave_no_gap(database: Database) -> None:
    ledgers = [database.ledger() for _ in range(4)]
    start = threading.Barrier(len(ledgers))

    def work(ledger: SqlLedger) -> int:
        start.wait()
        given = 0
        for entry in range(10):
            note(ledger, str(entry))
            given += number_entries(ledger, 3)
        return given

    with ThreadPoolExecutor(len(ledgers)) as pool:
        given = sum(pool.map(work, ledgers))
    given += number_entries(ledgers[0])
    assert given == 40
    assert sorted(row[0] for row in database.rows("SELECT position FROM journal")) == list(range(40))
    assert damages(ledgers[0]) == []


def test_a_lower_number_that_is_committed_later_comes_later(postgresql_database: Database) -> None:
    ledger = postgresql_database.ledger()
    with postgresql_database.ledger().book() as slow:
        slow.journal.note([Entry(NOW, "test.noted", detail="slow")])
        slow.journal.write()  # has its id now
        note(ledger, "fast")
        assert number_entries(ledger) == 1
    assert number_entries(ledger) == 1
    lines = ledger.views.lines()
    assert [(line.position, line.entry.detail) for line in lines] == [(1, "slow"), (0, "fast")]
    assert damages(ledger) == []


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM checkpoints WHERE size = 10",
        "UPDATE checkpoints SET peaks = root WHERE size = 10",
        "UPDATE checkpoints SET root = (SELECT root FROM checkpoints WHERE size = 8) WHERE size = 10",
        "DELETE FROM journal WHERE position = 9",
    ],
)
def test_nothing_is_built_on_a_broken_log(ledger: SqlLedger, database: Database, damage: str) -> None:
    write(ledger)
    tamper(database, damage)
    note(ledger, "next")
    with pytest.raises(Setback) as caught:
        number_entries(ledger)
    assert caught.value.code == "EDX605"


def stamps(ledger: SqlLedger) -> list[datetime]:
    lines = sorted(ledger.views.lines(), key=lambda line: line.position or 0)
    return [line.stamp for line in lines if line.stamp is not None]


def test_stamps_rise_strictly_whatever_the_clock_does(ledger: SqlLedger, database: Database) -> None:
    write(ledger, 5, 2)  # at one moment of the clock, in several batches
    database.clock.at -= timedelta(hours=1)
    write(ledger, 5, 2)
    again = database.ledger()  # another process, or a restart
    write(again, 3)
    before = stamps(ledger)
    assert before == [NOW + timedelta(microseconds=step) for step in range(14)]  # one is about the clock
    database.clock.at += timedelta(hours=2)
    note(again, "later")
    number_entries(again)
    assert stamps(ledger) == [*before, NOW + timedelta(hours=1)]
    assert damages(ledger) == []


def stepped(ledger: SqlLedger) -> list[str]:
    return [str(line.entry.detail) for line in ledger.views.lines(event="clock.stepped", limit=1000)]


def test_a_clock_that_went_back_is_an_entry_whatever_the_step(ledger: SqlLedger, database: Database) -> None:
    """One for each step, not for each entry; and whoever numbers is told."""
    told: list[timedelta] = []
    note(ledger, "first")
    number_entries(ledger, stepped=told.append)
    for back in (timedelta(microseconds=1), timedelta(seconds=3), timedelta(minutes=4)):
        database.clock.at -= back
        for _ in range(3):
            note(ledger, "after", "after")
            number_entries(ledger, stepped=told.append)
    assert told == [timedelta(microseconds=1), timedelta(seconds=3), timedelta(minutes=4)]
    assert {line.entry.code for line in ledger.views.lines(event="clock.stepped")} == {"EDX660"}
    assert stepped(ledger) == ["0.000001 s back", "3.000000 s back", "240.000000 s back"]
    database.clock.at += timedelta(hours=1)
    note(ledger, "right again")
    number_entries(ledger, stepped=told.append)
    assert (len(told), damages(ledger)) == (3, [])


def test_a_clock_that_was_set_ahead_is_an_entry(ledger: SqlLedger) -> None:
    """By the machine's count; once, though each process of the node sees it, and with nothing else to number."""
    told: list[timedelta] = []
    note(ledger, "first")
    for seconds in (0.2, 1.9, 3.0, 3.1, 2.9, 0.0, 200.0, 3.0):
        number_entries(ledger, stepped=told.append, ahead=lambda step=timedelta(seconds=seconds): step)  # type: ignore[misc]
    assert told == [timedelta(seconds=-3), timedelta(seconds=-200)]
    assert stepped(ledger) == ["3.000000 s ahead", "200.000000 s ahead"]
    assert damages(ledger) == []


def test_machines_that_do_not_agree_fill_no_journal(ledger: SqlLedger, database: Database) -> None:
    for turn in range(4 * sequencer.STEPS):
        database.clock.at += timedelta(milliseconds=-5 if turn % 2 else 6)
        note(ledger, "turn")
        number_entries(ledger)
    assert len(stepped(ledger)) == sequencer.STEPS
    assert len(ledger.views.lines(event="input.counted")) == 1


def test_stamps_begin_behind_what_versions_without_them_numbered(ledger: SqlLedger, database: Database) -> None:
    with ledger.book() as book:
        book.journal.note([Entry(NOW + timedelta(minutes=1), "test.noted", detail="old")])
    write(ledger, 0)
    old = Entry(NOW + timedelta(minutes=1), "test.noted", detail="old").canonical()
    tree = MerkleTree()
    tree.add(leaf_hash(old))
    values = {"leaf": leaf_hash(old), "root": tree.root(), "peaks": tree.peaks()}
    as_before = "UPDATE journal SET stamp = NULL, leaf = :leaf"
    tamper(database, as_before, "UPDATE checkpoints SET root = :root, peaks = :peaks", **values)
    write(ledger, 1)
    assert stamps(ledger) == [NOW + timedelta(minutes=1, microseconds=1)]
    assert damages(ledger) == []


# --- append-only ---


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM journal WHERE position = 3",
        "DELETE FROM journal WHERE position IS NULL",
        "UPDATE journal SET position = 77 WHERE position = 9",
        "UPDATE journal SET position = NULL WHERE position = 9",
        "UPDATE journal SET actor = 'somebody' WHERE position IS NULL",
        "UPDATE journal SET stamp = stamp + 1",
        "UPDATE journal SET leaf = entry, stamp = 1 WHERE position IS NULL",
        "UPDATE journal SET position = 10, detail_hidden = 1",
        "UPDATE journal SET position = 10, code = 'EDX101' WHERE position IS NULL",
        "UPDATE journal SET entry = leaf",
        "UPDATE checkpoints SET root = peaks",
        "DELETE FROM checkpoints",
    ],
)
def test_the_journal_only_grows(ledger: SqlLedger, database: Database, change: str) -> None:
    write(ledger)
    note(ledger, "without a place")
    with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"append-only|detail_hidden"):
        database.run(change)
    assert damages(ledger) == []


# --- verification ---


def test_a_sound_journal(ledger: SqlLedger) -> None:
    add(ledger, *(delivery(number) for number in range(1, 6)))
    write(ledger)
    note(ledger, "young")
    seen: list[tuple[int, int]] = []
    newest = ledger.views.checkpoint()
    assert newest is not None
    found = ledger.views.verify({newest.size: newest.root}, lambda done, of: seen.append((done, of)))
    [young] = [line.entry.at for line in ledger.views.lines() if line.position is None]
    told = {"envelopes": 5, "deliveries": 5, "bodies": 5}
    assert found == Verification(20, newest.root, 1, young, 5, (), 0, uncovered=0, covered_from=0, **told)
    assert seen == [(31, 42), (42, 42)]


@pytest.mark.parametrize(
    ("change", "where", "what"),
    [
        ("UPDATE journal SET entry = :other WHERE position = 5", "entry", "leaf"),
        ("UPDATE journal SET entry = :other, leaf = :leaf WHERE position = 5", "checkpoint 8", "root"),
        ("UPDATE journal SET entry = :noise, leaf = :noise_leaf WHERE position = 5", "entry", "not an entry"),
        ("UPDATE journal SET leaf = :leaf WHERE position = 5", "entry", "leaf"),
        ("UPDATE journal SET actor = 'somebody' WHERE position = 5", "entry", "column actor"),
        ("UPDATE journal SET at = at + 1000 WHERE position = 5", "entry", "column at"),
        ("UPDATE journal SET stamp = stamp + 1 WHERE position = 5", "entry", "leaf"),
        ("UPDATE journal SET stamp = NULL WHERE position = 5", "entry", "stamp"),
        ("UPDATE journal SET stamp = stamp - 1 WHERE position = 5", "entry", "not later"),
        ("UPDATE journal SET event = 'test.other' WHERE position = 5", "entry", "column event"),
        ("UPDATE journal SET envelope = 'abc' WHERE position = 5", "entry", "column envelope"),
        ("UPDATE journal SET recipient = 'H53' WHERE position = 5", "entry", "column recipient"),
        ("UPDATE journal SET code = 'EDX101' WHERE position = 5", "entry", "column code"),
        ("DELETE FROM journal WHERE position = 5", "place 5", "missing"),
        ("DELETE FROM journal WHERE position = 9", "checkpoint 10", "missing"),
        (
            "INSERT INTO journal (position, at, event, envelope, recipient, code, actor, entry, leaf) "
            "VALUES (10, :at, 'test.noted', '', '', '', '', :other, :leaf)",
            "place 10",
            "without a checkpoint",
        ),
        ("UPDATE checkpoints SET root = :leaf WHERE size = 4", "checkpoint 4", "root"),
        ("UPDATE checkpoints SET peaks = :leaf WHERE size = 8 OR size = 10", "checkpoint 10", "peaks"),
        ("UPDATE checkpoints SET size = 7 WHERE size = 8", "checkpoint 7", "root"),
        ("DELETE FROM checkpoints WHERE size = 10", "place 8", "without a checkpoint"),
    ],
)
def test_tampering_is_found(ledger: SqlLedger, database: Database, change: str, where: str, what: str) -> None:
    write(ledger)
    other = Entry(NOW, "test.noted", detail="forged").canonical()
    values = {
        "other": other,
        "leaf": leaf_hash(other),
        "noise": b"\xff",
        "noise_leaf": leaf_hash(b"\xff"),
        "at": 1_795_309_323_456_000,
    }
    tamper(database, change, **values)
    found = damages(ledger)
    assert any(one.where.startswith(where) and what in one.detail for one in found), found


def test_an_entry_without_a_place_is_checked_too(ledger: SqlLedger, database: Database) -> None:
    note(ledger, "young")
    tamper(database, "UPDATE journal SET actor = 'somebody'")
    assert [one.detail for one in damages(ledger)] == ["column actor differs from the entry"]


def test_a_swapped_order_is_found(ledger: SqlLedger, database: Database) -> None:
    write(ledger)
    tamper(
        database,
        "UPDATE journal SET position = 99 WHERE position = 2",
        "UPDATE journal SET position = 2 WHERE position = 6",
        "UPDATE journal SET position = 6 WHERE position = 99",
    )
    late = "its stamp is not later than that of the place before"
    assert damages(ledger) == [
        Damage("entry 4", late),
        Damage("checkpoint 4", "the root does not fit the entries before it"),
        Damage("entry 3", late),
    ]


def test_a_log_that_was_cut_off_is_found_with_a_root_from_outside(ledger: SqlLedger, database: Database) -> None:
    write(ledger)
    newest = ledger.views.checkpoint()
    assert newest is not None
    tamper(database, "DELETE FROM journal WHERE position >= 8", "DELETE FROM checkpoints WHERE size > 8")
    assert damages(ledger) == []  # nothing inside can tell
    assert damages(ledger, {newest.size: newest.root}) == [
        Damage("known root at 10", "the journal ends at 8: entries are missing")
    ]


def test_a_log_that_was_rewritten_is_found_with_a_root_from_outside(ledger: SqlLedger) -> None:
    write(ledger)
    [found] = damages(ledger, {8: "AB" * 32})
    assert found.where == "known root at 8"


def test_of_many_damages_the_first_are_told_and_all_are_counted(ledger: SqlLedger, database: Database) -> None:
    write(ledger, DAMAGES + 50, 1000)
    tamper(database, "UPDATE journal SET actor = 'somebody'")
    found = ledger.views.verify()
    assert len(found.damages) == DAMAGES
    assert found.damage_count == DAMAGES + 50
    assert not found.sound
