"""Values of another kind than their column's, which SQLite takes from whoever writes into the file."""

from __future__ import annotations

import pytest

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.core.retention.values import DOCUMENT_HELD, DOCUMENT_RELEASED, Hold, hold_entry
from edxml_router.store.database.columns import microseconds
from edxml_router.store.integrity import misfits
from edxml_router.store.journal.sequencer import number_entries
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database, add, delivery
from tests.contract.test_log import tamper

STAMP = "INSERT INTO time_stamps VALUES (1, 'http://tsa.vn', {at}, 1, {note}, {token})"


@pytest.fixture
def told(ledger: SqlLedger) -> SqlLedger:
    add(ledger, delivery(1, "H53.01"))
    number_entries(ledger)
    assert ledger.views.verify().sound
    return ledger


MISFITS = [
    (STAMP.format(at=1, note="'text'", token="x'00'"), "time_stamps.note"),
    (STAMP.format(at=1, note="x'00'", token="'text'"), "time_stamps.token"),
    (STAMP.format(at=2**62, note="x'00'", token="x'00'"), "time_stamps.at"),
    (STAMP.format(at="'soon'", note="x'00'", token="x'00'"), "time_stamps.at"),
    ("INSERT INTO cosignatures VALUES (1, x'ff', 1, 'a line')", "cosignatures.peer"),
    ("INSERT INTO cosignatures VALUES (1, 'peer', 1, x'ff')", "cosignatures.line"),
    ("UPDATE checkpoints SET note = 'text'", "checkpoints.note"),
    ("UPDATE checkpoints SET root = 'text'", "checkpoints.root"),
    ("UPDATE checkpoints SET at = -9223372036854775808", "checkpoints.at"),
    ("UPDATE journal SET entry = 'text' WHERE id = 1", "journal.entry"),
    ("UPDATE journal SET at = 1e300 WHERE id = 1", "journal.at"),
    ("UPDATE journal SET event = x'ff' WHERE id = 1", "journal.event"),
    ("UPDATE journal SET position = 'first' WHERE id = 1", "journal.position"),
    ("UPDATE deliveries SET version = 'v' WHERE id = 1", "deliveries.version"),
    ("UPDATE deliveries SET ended_at = 9223372036854775807 WHERE id = 1", "deliveries.ended_at"),
    ("UPDATE bodies SET data = 'text'", "bodies.data"),
]


@pytest.mark.parametrize(("statement", "column"), MISFITS)
def test_a_value_of_another_kind_is_named(told: SqlLedger, database: Database, statement: str, column: str) -> None:
    if not database.is_sqlite:  # it takes none of them
        assert misfits(told.views.engine) == ()
        return
    tamper(database, statement)
    result = told.views.verify()
    assert (result.sound, result.damage_count) == (False, 1)
    assert result.damages[0].where == f"column {column}"
    assert "of another kind" in result.damages[0].detail


UNREADABLE = [
    "UPDATE deliveries SET state = 'nowhere' WHERE id = 1",
    "UPDATE deliveries SET route = 'nowhere:' WHERE id = 1",
    "UPDATE envelopes SET hops = '{' WHERE 1 = 1",
    "UPDATE envelopes SET sender = CAST(x'ff' AS TEXT) WHERE 1 = 1",
]


@pytest.mark.parametrize("statement", UNREADABLE)
def test_what_no_column_can_mean_is_damage_and_no_defect(told: SqlLedger, database: Database, statement: str) -> None:
    if database.is_sqlite or "CAST" not in statement:
        tamper(database, statement)
        assert not told.views.verify().sound


def test_reading_a_stamp_that_is_text_is_a_setback(told: SqlLedger, database: Database) -> None:
    if database.is_sqlite:
        tamper(database, STAMP.format(at=1, note="'text'", token="x'00'"))
        with pytest.raises(Setback) as caught:
            told.views.time_stamps()
        assert caught.value.code == "EDX610"


def hold(ledger: SqlLedger, subject: str) -> None:
    with ledger.book() as book:
        assert book.retention.hold(Hold(subject, NOW, "operator:a", "a dispute"))
        book.journal.note([hold_entry(DOCUMENT_HELD, NOW, subject, "", "operator:a", "a dispute")])


def test_holds_follow_from_the_journal(told: SqlLedger, database: Database) -> None:
    hold(told, "one")
    hold(told, "two")
    with told.book() as book:
        assert book.retention.release("two")
        book.journal.note([hold_entry(DOCUMENT_RELEASED, NOW, "two", "", "operator:a", "over")])
    number_entries(told)
    assert told.views.verify().sound
    for statement, subject, said in (
        ("UPDATE holds SET actor = 'operator:b'", "one", "another person"),
        ("DELETE FROM holds", "one", "not in the table"),
    ):
        tamper(database, statement)
        [damage] = told.views.verify().damages
        assert damage.where == Detail("hold of {subject}", subject=subject)
        assert said in damage.detail
    statement = "INSERT INTO holds (subject, since, actor, reason) VALUES ('two', :at, 'operator:a', 'invented')"
    tamper(database, statement, at=microseconds(NOW))
    assert any("no entry of the journal" in each.detail for each in told.views.verify().damages)
