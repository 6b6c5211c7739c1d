"""Proofs from the database: signed checkpoints, and paths that are computed from few of its rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edxml_router.core.delivery.journal import Entry, MerkleTree, leaf_bytes, leaf_hash
from edxml_router.core.problems import Setback
from edxml_router.core.proof.checkpoint import TreeHead, read_checkpoint
from edxml_router.core.proof.note import NoteSigner
from edxml_router.core.proof.paths import inclusion_path, is_consistent, root_by_inclusion, tree_root
from edxml_router.store.database.engine import reading
from edxml_router.store.journal import nodes
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database

SIGNER = NoteSigner("edxml-router/h53", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))


def sign(size: int, root: bytes) -> bytes:
    return SIGNER.sign(TreeHead(SIGNER.name, size, root).text).data


def write(ledger: SqlLedger, count: int, step: int = 10_000) -> None:
    with ledger.book() as book:
        book.journal.note(
            Entry(NOW + timedelta(milliseconds=number), "test.noted", detail=str(number)) for number in range(count)
        )
    while number_entries(ledger, step, sign):
        pass


def roots(ledger: SqlLedger) -> list[bytes]:
    tree = MerkleTree()
    found = [tree.root()]
    for line in ledger.views.lines(limit=100_000):
        tree.add(leaf_hash(leaf_bytes(line.entry.canonical(), line.stamp)))
        found.append(tree.root())
    return found


# --- the note ---


def test_a_checkpoint_is_signed_in_the_transaction_that_numbers(ledger: SqlLedger) -> None:
    write(ledger, 10, 4)
    root = roots(ledger)
    for size in (4, 8, 10):
        kept = ledger.views.checkpoint(size)
        assert kept is not None and kept.note is not None
        head, _ = read_checkpoint(kept.note, (SIGNER.verifier,))
        assert (head.size, head.root, head.root.hex()) == (size, root[size], kept.root)
    assert ledger.views.checkpoint(7) is None
    newest = ledger.views.signed_checkpoint()
    assert newest is not None and newest.size == 10
    assert ledger.views.signed_checkpoint(11) is None


def test_what_was_numbered_without_the_key_is_signed_by_the_next_who_has_it(ledger: SqlLedger) -> None:
    write(ledger, 3)
    with ledger.book() as book:
        book.journal.note([Entry(NOW, "test.noted")])
    assert number_entries(ledger) == 1
    unsigned = ledger.views.checkpoint()
    assert unsigned is not None and unsigned.note is None
    assert number_entries(ledger, sign=sign) == 0
    signed = ledger.views.signed_checkpoint(4)
    assert signed is not None and signed.note == sign(4, bytes.fromhex(unsigned.root))


def test_a_note_is_given_once_and_nothing_else_of_a_checkpoint_changes(ledger: SqlLedger, database: Database) -> None:
    write(ledger, 3)
    for change in ("note = NULL", "note = 'x'", "size = 4", "root = 'x'"):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
            database.run(f"UPDATE checkpoints SET {change}")  # noqa: S608  # ours
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
        database.run("DELETE FROM checkpoints")


def test_verification_finds_a_note_of_something_else_and_a_false_signature(database: Database) -> None:
    ledger = database.ledger()
    write(ledger, 10, 4)
    assert ledger.views.verify(keys=[SIGNER.verifier]).sound
    other = NoteSigner(SIGNER.name, Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
    assert ledger.views.verify(keys=[other.verifier]).sound  # of an earlier key: not verified, and no damage
    _untriggered(database, "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 8) WHERE size = 4")
    note = sign(10, roots(ledger)[10])
    forged = note[:-4] + (b"AA==" if note[-5:-1] != b"AA==" else b"BA==")[:3] + b"\n"
    _untriggered(database, "UPDATE checkpoints SET note = :forged WHERE size = 10", forged=forged)
    found = ledger.views.verify(keys=[SIGNER.verifier])
    assert [str(damage.where) for damage in found.damages] == ["checkpoint 4", "checkpoint 10"]


# --- the tree ---


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_paths_from_the_database_lead_to_its_roots(ledger: SqlLedger, size: int) -> None:
    write(ledger, size, 97)
    root = roots(ledger)
    for place in {0, size // 2, size - 1}:
        entry, path = ledger.views.inclusion(place, size)
        assert root_by_inclusion(leaf_hash(entry), place, size, path) == root[size]
    for old in {1, size // 3 or 1, 256 if size > 256 else size, size}:
        assert is_consistent(old, root[old], size, root[size], ledger.views.consistency(old, size))
        assert ledger.views.root_at(old) == root[old]
    with pytest.raises(ValueError, match="not in a tree"):
        ledger.views.inclusion(size, size)


def test_a_path_is_read_from_few_rows_and_is_the_same_without_the_kept_hashes(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "AT_ONCE", 1)  # so that many calls are needed, as in a database of an older version
    ledger = database.ledger()
    write(ledger, 3000)
    assert database.count("tree_nodes") == 2  # of eleven: the call that found nothing to number kept one, too
    before = ledger.views.inclusion(1234, 2999), ledger.views.consistency(1000, 2999)
    monkeypatch.undo()
    number_entries(ledger)
    assert database.count("tree_nodes") == 3000 // 256
    rows = _rows_read(ledger, 1234, 2999)
    assert (ledger.views.inclusion(1234, 2999), ledger.views.consistency(1000, 2999)) == before
    assert rows <= 256 * 3  # two groups of leaves, and one of hashes


def test_the_second_level_is_kept_too(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "WIDTH", 4)
    monkeypatch.setattr(nodes, "HEIGHT", 2)
    ledger = database.ledger()
    write(ledger, 150, 7)
    assert [
        tuple(row) for row in database.rows("SELECT level, count(*) FROM tree_nodes GROUP BY level ORDER BY 1")
    ] == [
        (1, 37),
        (2, 9),
        (3, 2),
    ]
    root = roots(ledger)
    with reading(ledger.engine) as connection:
        for size in range(1, 151):
            assert tree_root(nodes.StoredTree(connection), size) == root[size]


def test_a_missing_entry_stops_numbering_and_proofs(database: Database) -> None:
    ledger = database.ledger()
    write(ledger, 100)
    _untriggered(database, "DELETE FROM journal WHERE position = 50")
    for ask in (lambda: ledger.views.inclusion(50, 100), lambda: ledger.views.inclusion(49, 100)):
        with pytest.raises(Setback, match="EDX605"):
            ask()
    with ledger.book() as book:
        book.journal.note([Entry(NOW, "test.noted", detail=str(number)) for number in range(200)])
    with pytest.raises(Setback, match="EDX605"):
        number_entries(ledger)


def test_the_hashes_are_never_changed(ledger: SqlLedger, database: Database) -> None:
    write(ledger, 256)
    for change in ("UPDATE tree_nodes SET hash = 'x'", "DELETE FROM tree_nodes"):
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="append-only"):
            database.run(change)


def _untriggered(database: Database, *statements: str, **values: object) -> None:
    """What somebody can do who may get round triggers."""
    if database.is_sqlite:
        names = [row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        database.run(*(f"DROP TRIGGER {name}" for name in names))
    else:
        statements = ("SET LOCAL session_replication_role = replica", *statements)
    database.run(*statements, **values)


def _rows_read(ledger: SqlLedger, place: int, size: int) -> int:
    """How many hashes the computation of a path reads from the database."""
    with reading(ledger.engine) as connection:
        tree = nodes.StoredTree(connection)
        inclusion_path(tree, place, size)
        return sum(map(len, tree._read.values()))
