"""A trace is what the entries tell: whoever changes the tables is named, and does not change the story."""

from __future__ import annotations

from typing import Any

import pytest

from edxml_router.core.delivery.journal import Entry, MerkleTree, leaf_hash
from edxml_router.core.delivery.lifecycle import Event
from edxml_router.core.problems import Refusal
from edxml_router.services import auditor
from edxml_router.shapes.history import history_shape
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import Database, add, delivery, envelope
from tests.contract.test_log import tamper
from tests.contract.test_recomputing import CHEATS, FIRST, SECOND, database_columns, move, told

OTHER = "ab" * 32
# Where a row is gone, what no entry tells is not known any more.
UNTOLD = ("attempts", "due_at")

__all__ = ["told"]  # the fixture


def forge(database: Database, *cheats: str) -> None:
    deferred = [] if database.is_sqlite else ["SET CONSTRAINTS ALL DEFERRED"]
    for cheat in cheats:
        tamper(database, *deferred, cheat, first=FIRST, second=SECOND, other=OTHER)


def story(ledger: SqlLedger, document: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What `trace --json` shows, and the differences apart."""
    past = auditor.history(ledger.views, document)
    found = [*past.unfounded]
    shown: list[dict[str, Any]] = []
    for one in past.told:
        found += auditor.differences(one.trace.damages)
        row: Any = history_shape(one.trace, one.paths, one.proofs, one.changes, past.refused, {})
        for each in row["deliveries"]:
            for name in UNTOLD:
                each.pop(name)
        shown.append(row)
    assert {one.code for one in found} <= {"EDX659"}
    return shown, [f"{one.where}: {one.detail}" for one in found]


@pytest.mark.parametrize(("cheat", "said"), [each for each in CHEATS if "INSERT INTO bodies" not in each[0]])
def test_the_story_is_the_true_one_whatever_the_tables_say(
    told: SqlLedger, database: Database, cheat: str, said: str
) -> None:
    digest, number = (SECOND, 2) if SECOND in said else (FIRST, 1)
    honest, nothing = story(told, digest)
    assert (len(honest), nothing) == (1, [])
    forge(database, cheat)
    for document in (digest, envelope(number).document_id):
        shown, found = story(told, document)
        assert shown == honest
        assert any(said in each for each in found) or "no entry of" in said, found
        assert found != []


def test_an_invented_letter_has_no_story(told: SqlLedger, database: Database) -> None:
    columns = ", ".join(name for name in database_columns(database, "envelopes") if name not in ("digest", "identity"))
    forge(database, f"INSERT INTO envelopes (digest, identity, {columns}) SELECT :other, 'x', {columns} FROM envelopes "  # noqa: S608
        "WHERE digest = :first")  # fmt: skip
    named = f"envelope {OTHER}: it is in the table, and no entry tells of its acceptance"
    assert story(told, OTHER) == ([], [named])
    [row], found = story(told, envelope(1).document_id)
    assert (row["envelope"]["digest"], found) == (FIRST, [named])
    with pytest.raises(Refusal) as missing:
        auditor.history(told.views, "cd" * 32)
    assert missing.value.code == "EDX606"


def test_an_invented_recall_is_not_told(told: SqlLedger, database: Database) -> None:
    columns = [name for name in database_columns(database, "envelopes") if name not in ("digest", "identity")]
    forged = {"business": "1", "refers_to": "'[\"H53.31.22,2026/11/22,1/UBND-VP\"]'", "document_id": "'x'"}
    values = ", ".join(forged.get(name, name) for name in columns)
    forge(database, f"INSERT INTO envelopes (digest, identity, {', '.join(columns)}) SELECT :other, 'x', {values} "  # noqa: S608
        "FROM envelopes WHERE digest = :first")  # fmt: skip
    [row], found = story(told, FIRST)
    assert (row["changes"], len(found)) == ([], 1)


def test_a_way_to_one_recipient_is_told_alike(told: SqlLedger, database: Database) -> None:
    forge(database, "UPDATE deliveries SET state = 'returned', route = 'link:khac' WHERE digest = :first")
    past = auditor.history(told.views, FIRST, "H53.01")
    [one] = past.told
    [row] = one.trace.deliveries
    assert (row.state, row.route) == ("confirmed", delivery(1).route)
    assert [each.where for each in auditor.differences(one.trace.damages)] == [f"delivery of {FIRST} to H53.01"] * 2
    assert [hop.node for hop in one.paths["H53.01"]] == ["hoa-thanh", "tay-ninh"]


def test_a_delivery_is_shown_as_it_is_told(told: SqlLedger, database: Database) -> None:
    forge(database, "UPDATE deliveries SET state = 'forwarded', ended_at = NULL, code = 'EDX801' WHERE id = 1")
    shown = told.views.story(1)
    assert shown is not None
    assert (shown.delivery.state, shown.delivery.code, len(shown.damages)) == ("confirmed", "", 3)
    forge(database, "DELETE FROM deliveries WHERE id = 2", "UPDATE deliveries SET recipient = 'H99' WHERE id = 1")
    assert told.views.story(2) is None
    assert told.views.story(1) is None


def test_an_entry_that_was_changed_is_named(told: SqlLedger, database: Database) -> None:
    [line] = [one for one in told.views.lines(envelope=FIRST) if one.entry.event == "delivery.confirmed"]
    forged = line.entry.canonical().replace(b'"tay-ninh"', b'"tay-nin2"')
    tamper(database, "UPDATE journal SET entry = :entry WHERE id = :id", entry=forged, id=line.number)
    _, found = story(told, FIRST)
    assert f"entry {line.number}: the leaf is not the hash of the entry" in found


def test_what_an_earlier_version_wrote_is_told_by_the_tables_and_marked(ledger: SqlLedger, database: Database) -> None:
    add(ledger, delivery(1))
    number_entries(ledger)
    for line in ledger.views.lines():
        bare = Entry(*(getattr(line.entry, name) for name in Entry.__slots__ if name != "facts")).canonical()
        values = {"id": line.number, "entry": bare, "leaf": leaf_hash(bare)}
        tamper(database, "UPDATE journal SET entry = :entry, leaf = :leaf, stamp = NULL WHERE id = :id", **values)
    tree = MerkleTree()
    tree.extend(leaf_hash(line.entry.canonical()) for line in ledger.views.lines())
    tamper(database, "UPDATE checkpoints SET root = :root, peaks = :peaks", root=tree.root(), peaks=tree.peaks())
    [row], found = story(ledger, FIRST)
    assert (row["envelope"]["sender"], row["deliveries"][0]["number"]) == (envelope(1).sender, 1)
    assert (row["table_only"], found) == (["envelope", "H53.01"], [])
    tamper(database, "UPDATE deliveries SET state = 'confirmed'")
    [row], found = story(ledger, FIRST)
    assert (row["deliveries"][0]["state"], len(found)) == ("queued", 1)  # this they did tell
    tamper(database, "DELETE FROM deliveries", "DELETE FROM envelopes WHERE digest = :first", first=FIRST)
    assert story(ledger, FIRST)[0] == []


def test_whatever_happened_is_told_as_the_tables_have_it(told: SqlLedger) -> None:
    """Also what no entry tells."""
    [row] = [one for one in told.views.list_deliveries() if one.recipient == "H53.02"]
    move(told, row, Event.CANCEL, code="EDX803", detail="by hand")
    shown = told.views.trace(FIRST)
    assert shown is not None
    with told.book() as book:
        assert shown.deliveries == sorted(book.deliveries.of([FIRST]), key=lambda one: one.id)
    assert not shown.damages and not shown.untold
