"""Whose database it is, whether it is the one that was left, and whether it is whole."""

from __future__ import annotations

import json
import resource
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from edxml_router.core.body import MemoryBody
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal, Setback
from edxml_router.store import integrity
from edxml_router.store.copies.making import make_copy
from edxml_router.store.database.engine import connect
from edxml_router.store.epochs import identity, renames
from edxml_router.store.epochs.identity import Claimant, recognise_database
from edxml_router.store.epochs.recovery import pending
from edxml_router.store.journal import verification
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database, body, delivery, digest_of, envelope

CLAIM = Claimant("tinh", (), (Route.link("tw"), Route.office("vanthu")))


def add(ledger: SqlLedger, number: int) -> None:
    with ledger.book() as book:
        book.envelopes.add([envelope(number)])
        book.bodies.add({digest_of(body(number)): MemoryBody(body(number))})
        book.deliveries.add([delivery(number)])


def test_a_database_of_another_node_is_refused(database: Database, tmp_path: Path) -> None:
    ledger = database.ledger()
    assert recognise_database(ledger, tmp_path, CLAIM) is None
    with pytest.raises(Refusal) as caught:
        recognise_database(ledger, tmp_path, Claimant("xa"))
    assert (caught.value.code, caught.value.finding.detail) == ("EDX619", "it is the database of tinh, not of xa")
    assert (
        recognise_database(ledger, tmp_path, Claimant("tinh-moi", ("tinh",))) is None
    )  # a rename is an act, and journalled
    assert identity.owner(ledger.engine) == "tinh-moi"
    assert database.count("journal", "event = 'node.renamed'") == 1
    with pytest.raises(Refusal):
        recognise_database(ledger, tmp_path, CLAIM)


def test_a_mark_that_cannot_be_read_for_now_is_no_lost_journal(database: Database, tmp_path: Path) -> None:
    """A worker without a free handle began an epoch at every start of it, and asked everybody for everything."""
    ledger = database.ledger()
    add(ledger, 1)
    recognise_database(ledger, tmp_path, CLAIM)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # the test's own files stay open; no other can be opened
    try:
        with pytest.raises(Setback) as caught:
            recognise_database(ledger, tmp_path, CLAIM)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (caught.value.code, caught.value.finding.where) == ("EDX602", str(tmp_path / identity.FILE))
    (tmp_path / identity.FILE).rename(tmp_path / "kept")
    (tmp_path / identity.FILE).mkdir()
    with pytest.raises(Setback):
        recognise_database(ledger, tmp_path, CLAIM)
    (tmp_path / identity.FILE).rmdir()
    (tmp_path / "kept").rename(tmp_path / identity.FILE)
    assert recognise_database(ledger, tmp_path, CLAIM) is None
    assert len(database.rows("SELECT * FROM epochs")) == 1


def test_a_journal_that_lost_its_newest_entry_begins_an_epoch(database: Database, tmp_path: Path) -> None:
    ledger = database.ledger()
    add(ledger, 1)
    recognise_database(ledger, tmp_path, CLAIM)
    other = tmp_path / "other"  # a second machine on the same database
    other.mkdir()
    shutil.copy(tmp_path / identity.FILE, other)
    add(ledger, 2)
    assert recognise_database(ledger, tmp_path, CLAIM) is None
    assert recognise_database(ledger, other, CLAIM) is None
    mark = json.loads((tmp_path / identity.FILE).read_text())
    mark["entry"], mark["leaf"] = mark["entry"] + 7, "ab" * 32  # what was there when the back-up was made is not enough
    for folder in (tmp_path, other):
        (folder / identity.FILE).write_text(json.dumps(mark))
    restored = recognise_database(ledger, tmp_path, CLAIM)
    assert restored is not None
    assert restored.epoch != mark["epoch"]
    assert [one.party for one in pending(ledger.engine)] == [Route.link("tw"), Route.office("vanthu")]
    assert recognise_database(ledger, tmp_path, CLAIM) is None
    assert recognise_database(ledger, other, CLAIM) is None  # noticed once, whoever looks
    assert len(database.rows("SELECT * FROM epochs")) == 2


def test_another_entry_under_the_number_of_the_newest_is_noticed(database: Database, tmp_path: Path) -> None:
    """The restored journal has grown past the mark before anybody looked."""
    ledger = database.ledger()
    add(ledger, 1)
    recognise_database(ledger, tmp_path, CLAIM)
    mark = json.loads((tmp_path / identity.FILE).read_text())
    (tmp_path / identity.FILE).write_text(json.dumps({**mark, "leaf": "cd" * 32}))
    add(ledger, 2)
    assert recognise_database(ledger, tmp_path, CLAIM) is not None


def test_a_file_without_its_mark_was_restored(sqlite_database: Database, tmp_path: Path) -> None:
    ledger = sqlite_database.ledger()
    recognise_database(ledger, tmp_path, CLAIM)
    (tmp_path / identity.FILE).unlink()
    assert recognise_database(ledger, tmp_path, CLAIM) is not None


def test_nothing_open_expires_before_the_answers_come(database: Database, tmp_path: Path) -> None:
    ledger = database.ledger()
    add(ledger, 1)
    recognise_database(ledger, tmp_path, CLAIM)
    database.clock.at = NOW + timedelta(days=30)
    (tmp_path / identity.FILE).write_text(json.dumps({"epoch": "gone", "entry": 1, "leaf": ""}))
    assert recognise_database(ledger, tmp_path, CLAIM) is not None
    with ledger.book() as book:
        assert book.deliveries.expired(database.clock.at, database.clock.at, 10) == []


# --- back-ups ---


def test_a_back_up_is_whole_and_knows_what_it_is(sqlite_database: Database, tmp_path: Path) -> None:
    ledger, bodies = sqlite_database.ledger(), tmp_path / "bodies"
    recognise_database(ledger, tmp_path, CLAIM)
    add(ledger, 1)
    large = "9f" * 32
    with ledger.book() as book:
        book.connection.execute(text("INSERT INTO bodies (digest, size) VALUES (:digest, 70000)"), {"digest": large})
    kept = make_copy(ledger, bodies, tmp_path / "copy", NOW)
    untold = f"body {large}"  # nor was it ever accepted
    assert (kept.sound, kept.manifest.missing, [one.where for one in kept.damages]) == (False, (large,), [untold])
    names = sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert names == ["SHA256SUMS", "bodies", "journal.db", "manifest.json"]
    add(ledger, 2)
    copy = SqlLedger(connect(f"sqlite:///{tmp_path}/copy/journal.db"), sqlite_database.clock)
    with copy.book() as book:
        known = book.deliveries.of([digest_of(body(1)), digest_of(body(2))])
    assert [one.digest for one in known] == [digest_of(body(1))]
    restored = recognise_database(copy, tmp_path / "copy", CLAIM)  # on a machine that has no mark of it
    assert restored is not None
    assert "a back-up of 2026-11-22" in restored.reason
    copy.close()
    with pytest.raises(Refusal) as caught:
        make_copy(ledger, bodies, tmp_path / "copy", NOW)
    assert caught.value.code == "EDX908"


def test_a_back_up_ends_while_others_write(sqlite_database: Database, tmp_path: Path) -> None:
    """SQLite's own online copy begins again with every write of another connection."""
    ledger = sqlite_database.ledger()
    add(ledger, 1)
    with sqlite_database.ledger().book() as busy:
        busy.envelopes.add([envelope(2)])
        assert make_copy(ledger, tmp_path / "bodies", tmp_path / "copy", NOW).sound


# --- damaged pages ---


def test_damaged_pages_are_found(sqlite_database: Database, tmp_path: Path) -> None:
    ledger = sqlite_database.ledger()
    for number in range(1, 60):
        add(ledger, number)
    assert integrity.database_damage(ledger.engine) == ""
    ledger.close()
    path = Path(sqlite_database.url.partition("sqlite:///")[2])
    with closing(connect(sqlite_database.url).raw_connection()) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[attr-defined]
        page = raw.execute("PRAGMA page_size").fetchone()[0]  # type: ignore[attr-defined]
        root = raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'").fetchone()[0]  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[(root - 1) * page : root * page] = bytes(page)
    path.write_bytes(bytes(data))
    assert integrity.database_damage(sqlite_database.ledger().engine) != ""
    with pytest.raises(Setback) as caught:  # the journal itself is whole, but not what follows from it
        verification.verify(sqlite_database.ledger().engine)
    assert caught.value.code == "EDX610"


def test_a_neighbour_that_has_another_name_is_followed_once(database: Database) -> None:
    ledger = database.ledger()
    add(ledger, 1)
    named = {Route.link("tay-ninh"): Route.link("tay-ninh-moi"), Route.office("van-phong-xa"): Route.office("vp")}
    for _ in range(2):
        renames.apply_renames(ledger, named)
        assert [tuple(row) for row in database.rows("SELECT route, origin FROM deliveries")] == [
            (Route.link("tay-ninh-moi"), Route.office("vp"))
        ]
        assert database.count("journal", "event = 'peer.renamed'") == 2
