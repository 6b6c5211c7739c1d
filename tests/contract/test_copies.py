"""A copy of a node's database and bodies: the same from both databases, told from a changed one, and put back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.copies import restoring
from edxml_router.store.copies.making import Backup, make_copy
from edxml_router.store.copies.manifest import changed_files, read_manifest
from edxml_router.store.epochs import identity
from edxml_router.store.epochs.identity import Claimant, recognise_database
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.tables import ALL
from tests.contract.databases import NOW, Database, delivery, digest_of, envelope

CLAIM = Claimant("h53", (), (Route.link("g22"), Route.office("vp")), "edxml-router/h53")
LARGE = b"<edXML/>".ljust(70_000)


def accept(ledger: SqlLedger, folder: Path, number: int, body: bytes) -> None:
    digest = digest_of(body)
    BodyStore(ledger.engine, folder, reserve_bytes=0).stage({digest: MemoryBody(body)})
    with ledger.book() as book:
        book.envelopes.add([envelope(number, digest=digest, size=len(body))])
        book.bodies.add({digest: MemoryBody(body)})
        book.deliveries.add([delivery(number, digest=digest)])


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    return tmp_path / "data" / "bodies"


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    return {
        table.name: sorted(tuple(row) for row in database.rows(f"SELECT * FROM {table.name}"))  # noqa: S608  # ours
        for table in ALL
    }


@pytest.fixture
def copied(database: Database, bodies: Path, tmp_path: Path) -> Backup:
    ledger = database.ledger()
    recognise_database(ledger, tmp_path / "data", CLAIM)
    accept(ledger, bodies, 1, LARGE)
    accept(ledger, bodies, 2, b"<edXML>2</edXML>")
    number_entries(ledger)
    return make_copy(ledger, bodies, tmp_path / "copy", NOW)


def test_a_copy_holds_every_row_and_body(copied: Backup, database: Database) -> None:
    assert copied.sound
    copy = Database(f"sqlite:///{copied.folder / 'journal.db'}", database.clock)
    expected, found = rows_of(database), rows_of(copy)
    assert [row[:-1] for row in found.pop("identity")] == [row[:-1] for row in expected.pop("identity")]
    if not database.is_sqlite:  # which numbers rows by sequences
        expected.pop("numbers"), found.pop("numbers")
    assert found == expected
    assert len(found["journal"]) == 4
    held = copied.manifest
    assert (held.entries, held.size, held.bodies, held.node, held.missing) == (4, 4, 1, "h53", ())
    assert read_manifest(copied.folder) == held
    subprocess.run(["sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=copied.folder, check=True)


@pytest.mark.parametrize("into", ["sqlite_source", "postgresql_source"])
def test_it_is_put_back_into_either_database(
    copied: Backup, database: Database, into: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    expected, newest = rows_of(database), database.rows("SELECT max(id) FROM deliveries")[0][0]
    source: Iterator[Database] = request.getfixturevalue(into)
    place = next(source)
    ledger = place.ledger()
    recognise_database(ledger, tmp_path / "new", CLAIM)  # as `init` leaves it
    restoring.restore_database(copied.folder / "journal.db", ledger.engine, tmp_path)
    found = rows_of(place)
    for name in ("identity", "numbers"):
        expected.pop(name), found.pop(name)
    assert found == expected
    assert restoring.restore_bodies(copied.folder, tmp_path / "new" / "bodies") == 1
    digest = digest_of(LARGE)
    assert BodyStore(ledger.engine, tmp_path / "new" / "bodies").read([digest]) == {digest: LARGE}
    begun = recognise_database(ledger, tmp_path / "new", CLAIM)
    assert begun is not None
    assert identity.log_ended(ledger.engine, CLAIM.log) == NOW
    assert identity.log_ended(ledger.engine, "edxml-router/h53/2") is None
    accept(ledger, tmp_path / "new" / "bodies", 3, b"<edXML>3</edXML>")
    assert place.rows("SELECT max(id) FROM deliveries")[0][0] > newest + 1000  # none of the numbers is given again
    with pytest.raises(Refusal) as caught:
        restoring.restore_database(copied.folder / "journal.db", ledger.engine, tmp_path)
    assert caught.value.code == "EDX679"
    place.finish()


def test_what_has_changed_in_a_copy_is_named(copied: Backup) -> None:
    folder = copied.folder
    for name in ("journal.db", "manifest.json", f"bodies/{digest_of(LARGE)[:2]}/{digest_of(LARGE)[2:]}"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        assert [(one.code, one.where) for one in changed_files(folder)] == [("EDX678", str(folder / name))]
        (folder / name).unlink()
        assert [one.where for one in changed_files(folder)] == [str(folder / name)]
        (folder / name).write_bytes(whole)
    assert list(changed_files(folder)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", "{"),
        ("manifest.json", "[]"),
        ("manifest.json", json.dumps({"form": "edxml-router copy 7", "made_at": "", "missing": []})),
        ("manifest.json", json.dumps({"form": "edxml-router copy 1", "missing": 7})),
        ("SHA256SUMS", "nothing of the kind"),
        ("SHA256SUMS", f"{'0' * 64}  ../manifest.json"),
    ],
)
def test_what_is_no_copy_is_said_to_be_none(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / name).write_text(text)
    with pytest.raises(Refusal) as caught:
        list(changed_files(tmp_path)) if name == "SHA256SUMS" else read_manifest(tmp_path)
    assert (caught.value.code, caught.value.finding.where) == ("EDX677", str(tmp_path / name))


def test_a_lost_mark_alone_ends_no_log(sqlite_database: Database, tmp_path: Path) -> None:
    ledger = sqlite_database.ledger()
    recognise_database(ledger, tmp_path, CLAIM)
    (tmp_path / identity.FILE).unlink()
    assert recognise_database(ledger, tmp_path, CLAIM) is not None
    assert identity.log_ended(ledger.engine, CLAIM.log) is None


def test_a_body_that_was_let_go_since_the_snapshot_is_not_missing(
    sqlite_database: Database, bodies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = sqlite_database.ledger()
    recognise_database(ledger, tmp_path, CLAIM)
    accept(ledger, bodies, 1, LARGE)
    digest = digest_of(LARGE)

    original = make_copy.__globals__["verification"].verify

    def verify(engine: object) -> object:
        found = original(engine)
        sqlite_database.run("DELETE FROM bodies")
        (bodies / digest[:2] / digest[2:]).unlink()
        return found

    monkeypatch.setattr("edxml_router.store.copies.making.verification.verify", verify)
    made = make_copy(ledger, bodies, tmp_path / "copy", NOW)
    assert (made.manifest.missing, made.manifest.bodies) == ((), 0)
