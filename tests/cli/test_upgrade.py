"""From the database of an older release to this one, and back: rehearsed with a ledger that one has really filled.

There is no earlier release yet; ``tests/contract/ledgers/v0012.sql.gz`` is of the oldest version that ran anywhere
(tests/contract/test_older_ledger.py). The way back is the way from any newer version to this one.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edxml_router.store.database.migrate import newest
from tests.cli.conftest import OneNode

DUMP = Path(__file__).parents[1] / "contract" / "ledgers" / "v0012.sql.gz"


@pytest.fixture
def older(node: OneNode) -> OneNode:
    """The node as the older version left it: its configuration, and its database."""
    text = node.config.read_text(encoding="utf-8").replace('name = "h53"', 'name = "an-thanh"', 1)
    node.config.write_text(text, encoding="utf-8")
    for file in (node.folder / "data").iterdir():
        if file.is_file():
            file.unlink()
    with closing(sqlite3.connect(database(node))) as made:
        made.executescript(gzip.decompress(DUMP.read_bytes()).decode())
    return node


def database(node: OneNode) -> Path:
    return node.folder / "data" / "journal.db"


def schema(node: OneNode) -> str:
    with closing(sqlite3.connect(database(node))) as made:
        [(found,)] = made.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(found)


def test_an_older_node_goes_on_with_all_it_had(older: OneNode) -> None:
    before = older.call("queue", "list")
    assert (before.exit_code, before.stderr[:6]) == (75, "EDX602")
    assert f"schema 0012, needed {newest()}; run `edxml-router init`" in before.stderr
    assert older.call("init", older.folder, "--name", "an-thanh").exit_code == 0
    assert schema(older) == newest()
    assert len(older.rows("journal", "query", "--event", "envelope.accepted")) == 15
    older.send("H53-1", ["G22"])
    older.work()
    assert older.call("journal", "verify").exit_code == 0
    assert len(older.rows("journal", "query", "--event", "envelope.accepted")) == 16


def test_the_way_back_is_the_copy_from_before(node: OneNode, tmp_path: Path) -> None:
    node.send("H53-1", ["G22"])
    kept = tmp_path / "kept"
    assert node.call("backup", kept).exit_code == 0  # before the newer version is installed
    with closing(sqlite3.connect(database(node))) as made:  # which has changed the database, and is taken away again
        made.execute("UPDATE alembic_version SET version_num = '9999'")
        made.execute("ALTER TABLE deliveries ADD COLUMN something TEXT NOT NULL DEFAULT ''")
        made.commit()
    changed = database(node).read_bytes()
    said = {"en": "A newer version of the program has changed this database", "vi": "Phiên bản mới hơn"}
    for language, words in said.items():
        for command in (["serve"], ["init", node.folder, "--name", "h53"]):
            refused = node.call("--lang", language, *command)
            assert (refused.exit_code, refused.stderr.startswith(f"EDX926 {words}")) == (78, True), refused.output
            assert "9999" in refused.stderr
            assert "edxml-router restore" in refused.stderr
    assert (schema(node), database(node).read_bytes()) == ("9999", changed)
    database(node).rename(tmp_path / "aside.db")
    assert node.call("restore", kept).exit_code == 0
    assert node.call("journal", "verify").exit_code == 0
    assert len(node.rows("journal", "query", "--event", "envelope.accepted")) == 1


def test_a_command_that_a_newer_database_defeats_says_that_it_is_one(node: OneNode) -> None:
    with closing(sqlite3.connect(database(node))) as made:
        made.execute("UPDATE alembic_version SET version_num = '9999'")
        made.execute("ALTER TABLE deliveries RENAME TO others")
        made.commit()
    refused = node.call("queue", "list")
    assert (refused.exit_code, refused.stderr[:6]) == (78, "EDX926"), refused.output
