"""The schema: what the migrations make is what the tables say, and making it can be interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from edxml_router.core.problems import Refusal
from edxml_router.store.database.columns import metadata
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import current, newest, upgrade
from edxml_router.store.tables import ALL
from tests.contract.databases import Database

ROOT = Path(__file__).resolve().parent.parent.parent
APART = unicodedata.normalize("NFD", "12/QĐ-ệ")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    url: str = request.getfixturevalue("postgresql_url")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text("CREATE DATABASE edx_empty"))
        yield make_url(url).set(database="edx_empty").render_as_string(hide_password=False)
        connection.execute(text("DROP DATABASE edx_empty WITH (FORCE)"))
    server.dispose()


def schema(engine: Engine) -> dict[str, Any]:
    """Tables with columns, keys and indexes, as the database itself describes them."""
    look = sqlalchemy.inspect(engine)
    found: dict[str, Any] = {}
    for table in look.get_table_names():
        if table == "alembic_version":
            continue
        found[table] = {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"], str(column["default"]))
                for column in look.get_columns(table)
            ],
            "primary key": look.get_pk_constraint(table)["constrained_columns"],
            "foreign keys": look.get_foreign_keys(table),
            "unique": sorted(look.get_unique_constraints(table), key=str),
        }
    # Partial indexes with their conditions: the inspector does not show those of every database.
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
        else:
            rows = connection.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"))
        found["indexes"] = sorted((name, re.sub(r"\s+", " ", sql or "")) for name, sql in rows if "alembic" not in name)
    return found


def test_the_migrated_schema_is_what_the_tables_say(empty: str, tmp_path: Path, request: Any) -> None:
    engine = connect(empty)
    upgrade(engine)
    migrated = schema(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        else:
            for table in reversed(metadata.sorted_tables):
                connection.execute(text(f"DROP TABLE {table.name}"))
    metadata.create_all(engine)
    assert schema(engine) == migrated
    assert set(migrated) == {*metadata.tables, "indexes"}
    assert {table.name for table in ALL} == set(metadata.tables)
    engine.dispose()


def test_deliveries_have_six_indexes_at_most(database: Database) -> None:
    if database.is_sqlite:  # the table itself is the index by number
        assert database.count("sqlite_master", "type = 'index' AND tbl_name = 'deliveries'") <= 5
    else:
        assert database.count("pg_indexes", "tablename = 'deliveries'") <= 6


@pytest.mark.parametrize("table", ["deliveries", "aside"])
def test_a_table_that_a_migration_made_anew_has_its_triggers(sqlite_database: Database, table: str) -> None:
    """On SQLite they go with the table that had them; and with them that a number is given once."""
    found = {row[0] for row in sqlite_database.rows(f"SELECT name FROM sqlite_master WHERE tbl_name = '{table}'")}  # noqa: S608
    assert {f"{table}_numbered", f"{table}_gone"} <= found


def test_upgrading_is_told_and_repeatable(empty: str) -> None:
    engine = connect(empty)
    assert current(engine) == ""
    assert upgrade(engine) == newest()
    assert upgrade(engine) == newest()
    assert current(engine) == newest()
    engine.dispose()


def test_many_processes_may_upgrade_at_once(empty: str) -> None:
    def work(_: int) -> str:
        engine = connect(empty)
        try:
            return upgrade(engine)
        finally:
            engine.dispose()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(4))) == {newest()}


KILLED = """
import os, signal, sys
sys.path.insert(0, {root!r})
import alembic.op
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import upgrade
made = alembic.op.create_index
def create_index(name, *args, **options):
    made(name, *args, **options)
    if name == "deliveries_open":
        os.kill(os.getpid(), signal.SIGKILL)
alembic.op.create_index = create_index
upgrade(connect({url!r}))
"""


def test_killed_in_the_middle_the_next_start_goes_on(empty: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED.format(root=str(ROOT), url=empty)], check=False)
    assert done.returncode == -signal.SIGKILL
    engine = connect(empty)
    assert current(engine) == ""
    assert sqlalchemy.inspect(engine).get_table_names() == []
    assert upgrade(engine) == newest()
    engine.dispose()


def test_what_is_in_a_database_of_the_first_version_stays(empty: str) -> None:
    engine = connect(empty)
    assert upgrade(engine, "0001") == "0001"
    insert = """
        INSERT INTO aside (at, peer, channel, code, place, detail, digest, size, count, last_at)
        VALUES (1, 'xa', 'cli', 'EDX101', '', '', 'ab', 2, 1, 1)
    """
    with engine.begin() as connection:
        connection.execute(text(insert))
    assert upgrade(engine) == newest() != "0001"
    with engine.begin() as connection:
        assert connection.execute(text("SELECT id, peer, document_id FROM aside")).one() == (1, "xa", "")
        connection.execute(text(insert.replace("EDX101", "EDX102")))
        assert connection.execute(text("SELECT max(id) FROM aside")).scalar_one() == 2
    engine.dispose()


def test_a_database_of_a_newer_version_is_refused(empty: str) -> None:
    engine = connect(empty)
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refusal) as caught:
        upgrade(engine)
    engine.dispose()
    assert caught.value.code == "EDX926"
    assert "9999" in str(caught.value)


def test_the_steps_are_inside_the_wheel(tmp_path: Path) -> None:
    """From a folder that holds nothing else of the project, as installed."""
    package = ROOT / "edxml_router"
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        for path in package.rglob("*.py"):
            archive.write(path, path.relative_to(ROOT))
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(tmp_path / "site")
    program = (
        "from edxml_router.store.database.engine import connect\n"
        "from edxml_router.store.database.migrate import upgrade\n"
        "import edxml_router; print(edxml_router.__file__); print(upgrade(connect('sqlite:///installed.db')))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    place, reached = done.stdout.split()
    assert place.startswith(str(tmp_path))
    assert reached == newest()


def test_documents_of_before_are_found_in_either_encoding(empty: str) -> None:
    engine = connect(empty)
    upgrade(engine, "0002")
    table = sqlalchemy.Table("envelopes", sqlalchemy.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        for number, written in enumerate((APART, "12/UBND")):
            values = {"digest": str(number), "identity": f"H53|0|{written}", "document_id": written}
            connection.execute(table.insert(), {one.name: _anything(one.type) for one in table.columns} | values)
    upgrade(engine)
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT document_id, document_key FROM envelopes ORDER BY digest")).all()
    assert [tuple(row) for row in rows] == [(APART, unicodedata.normalize("NFC", APART)), ("12/UBND", "12/UBND")]
    engine.dispose()


def _anything(kind: Any) -> Any:
    return {"TEXT": "[]", "BOOLEAN": False}.get(str(kind), 0)
