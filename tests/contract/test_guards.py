"""Whether the triggers that keep the journal as it is are there and in force, on both databases."""

from __future__ import annotations

from edxml_router.store.database.guards import missing_guards
from tests.contract.databases import Database


def test_a_trigger_that_is_gone_or_switched_off_is_named(database: Database) -> None:
    engine = database.ledger().engine
    assert missing_guards(engine) == []
    if database.is_sqlite:
        database.run("DROP TRIGGER journal_kept")
        assert missing_guards(engine) == ["journal_kept"]
        return
    database.run("ALTER TABLE journal DISABLE TRIGGER journal_kept")
    try:
        assert missing_guards(engine) == ["journal_kept"]
    finally:
        database.run("ALTER TABLE journal ENABLE TRIGGER journal_kept")
