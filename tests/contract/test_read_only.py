"""Databases that are only read: of a server, and files that a running node has open."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import text

from edxml_router.core.problems import Setback
from edxml_router.store.database.engine import reading
from edxml_router.store.read_only import OpenedViews, open_views, read_place
from tests.cli.conftest import call, rows
from tests.contract.databases import Database, add, delivery, envelope


def opened(database: Database) -> OpenedViews:
    return open_views(read_place(database.url.replace("postgresql+psycopg://", "postgresql://")))


def test_a_database_of_postgresql_is_asked_in_transactions_that_only_read(postgresql_database: Database) -> None:
    add(postgresql_database.ledger(), delivery(1))
    url = postgresql_database.url.replace("postgresql+psycopg://", "postgresql://")
    document = envelope(1).document_id
    [row] = rows(call("trace", document, "--database", url, "--json"))
    assert [one["recipient"] for one in row["deliveries"]] == ["H53.01"]
    assert len(rows(call("journal", "query", "--database", url, "--json"))) == 2
    assert rows(call("journal", "verify", "--database", url, "--json"))[0]["sound"]
    away = call("journal", "query", "--database", url.rpartition("/")[0] + "/nosuch")
    assert (away.exit_code, away.stderr[:6]) == (75, "EDX602")
    assert "/nosuch" in away.stderr.splitlines()[1]


def test_nothing_can_be_written(database: Database) -> None:
    add(database.ledger(), delivery(1))
    with closing(opened(database)) as views:
        for change in ("DELETE FROM deliveries", "CREATE TABLE t (x INTEGER)"):
            with pytest.raises(Setback), reading(views.engine) as connection:
                connection.execute(text(change))
        assert len(views.list_deliveries()) == 1


def test_what_a_writer_commits_meanwhile_is_seen_and_it_is_not_kept_from_it(database: Database) -> None:
    ledger = database.ledger()
    add(ledger, delivery(1))
    with closing(opened(database)) as views, reading(views.engine) as connection:
        assert len(connection.execute(text("SELECT id FROM deliveries")).all()) == 1
        add(ledger, delivery(2))
        assert len(views.list_deliveries()) == 2
