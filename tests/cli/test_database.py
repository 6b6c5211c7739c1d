"""A database is asked without the node's configuration, keys and hubs: a copy, a back-up, or a running node's own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edxml_router.core.delivery.journal import Entry, leaf_hash
from edxml_router.store.database import migrate
from edxml_router.store.database.columns import microseconds
from edxml_router.store.database.engine import connect
from tests.cli.conftest import OneNode, call, rows, run
from tests.contract.databases import NOW


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Nothing in the folder may be made, changed or removed, nor the mode of a file."""

    def seen() -> dict[str, tuple[bytes, int]]:
        return {path.name: (path.read_bytes(), path.stat().st_mode) for path in folder.iterdir() if path.is_file()}

    before = seen()
    yield
    assert seen() == before


@pytest.fixture
def sent(node: OneNode) -> OneNode:
    """A node that has taken a letter and sent it on."""
    node.send("H53-1", ["H53.01", "G22"])
    node.work()
    return node


def copied(node: OneNode, folder: Path, *ends: str) -> Path:
    """The database's files as ``cp`` copies them, with everybody's right to read."""
    folder.mkdir()
    for end in ("", *ends):
        shutil.copyfile(f"{node.folder / 'data' / 'journal.db'}{end}", folder / f"copy.db{end}")
        (folder / f"copy.db{end}").chmod(0o644)
    return folder / "copy.db"


def asked(database: Path | str) -> tuple[list[dict[str, object]], dict[str, object], dict[str, object]]:
    """What the three commands say, in JSON."""
    results = [
        call(*command, "--database", database, "--json")
        for command in (["journal", "query"], ["journal", "verify"], ["trace", "H53-1"])
    ]
    assert [result.exit_code for result in results] == [0, 0, 0], [result.output for result in results]
    return without_readings(rows(results[0])), rows(results[1])[0], rows(results[2])[0]


def without_readings(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """Each question to the node's own database is an entry itself, behind what it was answered."""
    return [each for each in entries if each["event"] != "journal.read"]


def test_a_backup_is_asked_where_nothing_else_of_the_node_is(sent: OneNode, tmp_path: Path) -> None:
    query, trace = without_readings(sent.rows("journal", "query")), sent.rows("trace", "H53-1")[0]
    expected = query, sent.rows("journal", "verify")[0], trace
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    shutil.rmtree(sent.folder)
    with untouched(kept):
        for typed in (kept / "journal.db", f"sqlite:///{kept / 'journal.db'}", "kept/journal.db",
                      "sqlite:///kept/journal.db"):  # fmt: skip
            assert asked(typed) == expected
    assert len(expected[0]) > 5
    told = call("journal", "verify", "--database", kept / "journal.db")
    assert "The database alone was looked at: 0 large bodies lie in files outside it" in told.stderr
    root = f"{expected[1]['size']}:{expected[1]['root']}"
    assert call("journal", "verify", "--database", kept / "journal.db", "--root", root).exit_code == 0
    wrong = call("journal", "verify", "--database", kept / "journal.db", "--root", f"1:{'0' * 64}")
    assert (wrong.exit_code, wrong.stderr.count("EDX605")) == (70, 1)


def test_a_copy_with_what_was_in_the_log_of_sqlite_is_asked_whole(sent: OneNode, tmp_path: Path) -> None:
    """Copied while the node has it open, with none, one or both of the files beside it."""
    with closing(sqlite3.connect(sent.folder / "data" / "journal.db")) as held:
        held.execute("SELECT count(*) FROM journal").fetchone()
        sent.send("H53-2", ["G22"])  # stands in the log alone
        expected = without_readings(sent.rows("journal", "query"))
        both = copied(sent, tmp_path / "both", "-wal", "-shm")
        log = copied(sent, tmp_path / "log", "-wal")
        alone = copied(sent, tmp_path / "alone")
        own = sent.folder / "data" / "journal.db"
        call("journal", "query", "--database", own)  # the first reader of what was written last leaves a mark beside it
        with untouched(own.parent):
            assert without_readings(rows(call("journal", "query", "--database", own, "--json"))) == expected
    for copy in (both, log):
        with untouched(copy.parent):
            assert without_readings(rows(call("journal", "query", "--database", copy, "--json"))) == expected
    with untouched(alone.parent):
        assert len(rows(call("journal", "query", "--database", alone, "--json"))) < len(expected)
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob("edxml-router-*/journal.db"))  # noqa: S108


def test_a_copy_in_a_folder_that_cannot_be_written_to_is_asked(sent: OneNode, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    (kept / "journal.db").chmod(0o444)
    kept.chmod(0o555)
    try:
        asked(kept / "journal.db")
    finally:
        kept.chmod(0o755)


def test_the_mark_of_another_life_keeps_nobody_from_asking(sent: OneNode, tmp_path: Path) -> None:
    """Beside the copy lies the mark of a node that is further on, and the copy is another node's."""
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    sent.send("H53-2", ["G22"])
    shutil.copy(sent.folder / "data" / "journal.mark", kept)
    with untouched(kept):
        assert asked(kept / "journal.db")[1]["sound"]


def test_what_the_database_does_not_hold_is_counted(sent: OneNode, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    with closing(sqlite3.connect(kept / "journal.db")) as database:
        database.execute("UPDATE bodies SET data = NULL")
        database.commit()
    assert asked(kept / "journal.db")[1]["filed_bodies"] == 1
    told = call("journal", "verify", "--database", kept / "journal.db", "--lang", "vi")
    assert "1 thân gói lớn nằm trong các tệp bên ngoài" in told.stderr


def test_an_agency_is_meant_by_any_of_its_codes(sent: OneNode, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    [row] = rows(call("trace", "H53-1", "--recipient", "000.00.00.G22", "--database", kept / "journal.db", "--json"))
    assert [one["recipient"] for one in row["deliveries"]] == ["G22"]


def test_what_was_only_refused_is_told_of_a_copy_too(sent: OneNode, tmp_path: Path) -> None:
    sent.call("send", sent.letter("H53-9", ["G22"], sender="G22"), "--as", "vp")  # not its agency
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    result = call("trace", "H53-9", "--database", kept / "journal.db", "--json")
    assert (result.exit_code, rows(result)[0]["outcome"]) == (1, "refused")
    nothing = call("trace", "H53-77", "--database", kept / "journal.db")
    assert (nothing.exit_code, nothing.stderr[:6]) == (66, "EDX606")


@pytest.mark.parametrize("language", ["en", "vi"])
@pytest.mark.parametrize("command", [["journal", "query"], ["journal", "verify", "--json"], ["trace", "H53-1"]])
def test_what_is_no_database_is_said_to_be_none(command: list[str], language: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("Kính gửi: Ủy ban nhân dân xã", encoding="utf-8")
    (tmp_path / "empty.db").touch()
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t (x)")
    with untouched(tmp_path):
        for name, code, status, (en, vi) in (
            ("none.db", "EDX902", 78, ("no such file", "không có tệp này")),
            (".", "EDX902", 78, ("not a regular file", "không phải tệp thông thường")),
            ("text.db", "EDX610", 75, ("not a file of SQLite", "không phải tệp SQLite")),
            ("empty.db", "EDX610", 75, ("not a file of SQLite", "không phải tệp SQLite")),
            ("other.db", "EDX610", 75, ("there is no journal in it", "trong đó không có nhật ký")),
        ):
            result = call(*command, "--database", name, "--lang", language)
            assert (result.exit_code, result.stderr[:6], result.stdout) == (status, code, ""), result.output
            assert (en if language == "en" else vi) in result.stderr.splitlines()[0]
            assert result.stderr.splitlines()[1].split()[-1] == name


def test_what_is_no_address_is_wrong_usage_and_its_password_not_repeated() -> None:
    for typed, said in (
        ("mysql://u:geheim@h/d", "mysql is not supported"),
        ("postgresql://u:geheim@h:port/d", "not a database URL"),
        ("sqlite://", "it names no file"),
        ("sqlite:///:memory:", "it names no file"),
        ("sqlite:///a.db?mode=rwc", "it names no file"),
        ("", "a path is a text that is not empty"),
    ):
        result = call("journal", "query", "--database", typed)
        assert result.exit_code == 2
        assert said in result.stderr
        assert "geheim" not in result.output
    assert "không hỗ trợ mysql" in call("trace", "x", "--lang", "vi", "--database", "mysql://h/d").stderr


def test_a_damaged_copy_is_told_and_not_interpreted(sent: OneNode, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    data = bytearray((kept / "journal.db").read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    (kept / "journal.db").write_bytes(data)
    with untouched(kept):
        for command in (["journal", "query"], ["journal", "verify"], ["trace", "H53-1"]):
            result = call(*command, "--database", kept / "journal.db")
            assert (result.exit_code, result.stderr[:6]) == (75, "EDX610"), result.output
            assert f"where   {kept / 'journal.db'}\n" in result.stderr
    (kept / "journal.db").write_bytes(data[: len(data) // 2 + 100])
    assert call("journal", "verify", "--database", kept / "journal.db").stderr[:6] == "EDX610"


def test_a_copy_of_a_newer_version_is_asked_and_said_to_be_one(sent: OneNode, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    assert sent.call("backup", kept).exit_code == 0
    with closing(sqlite3.connect(kept / "journal.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.execute("ALTER TABLE deliveries ADD COLUMN something TEXT")
        database.commit()
    asked(kept / "journal.db")
    for language, said in (("en", "of a newer version"), ("vi", "phiên bản mới hơn")):
        told = call("trace", "H53-1", "--database", kept / "journal.db", "--lang", language)
        assert said in told.stderr
        assert told.exit_code == 0
    with closing(sqlite3.connect(kept / "journal.db")) as database:
        database.execute("ALTER TABLE envelopes RENAME COLUMN document_key TO other")
        database.commit()
    result = call("trace", "H53-1", "--database", kept / "journal.db")
    assert (result.exit_code, result.stderr.count("EDX602")) == (75, 1)
    assert f"schema 9999, needed {migrate.newest()}\n" in result.stderr  # nobody is told to upgrade a copy


def test_a_copy_of_an_older_version_is_verified_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    at = NOW.replace(microsecond=456_000)  # its times were to the millisecond
    engine, entry = connect(f"sqlite:///{path}"), Entry(at, "test.noted")
    migrate.upgrade(engine, "0001")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO journal (at, event, envelope, recipient, code, actor, entry, leaf) VALUES (?,?,?,?,?,?,?,?)",
            (microseconds(at), "test.noted", "", "", "", "", entry.canonical(),
             leaf_hash(entry.canonical())),
        )  # fmt: skip
    engine.dispose()
    with untouched(tmp_path):
        verified = call("journal", "verify", "--database", path, "--json")
        assert (verified.exit_code, rows(verified)[0]["unnumbered"]) == (0, 1), verified.output
        assert "of an older version" in verified.stderr
        assert len(rows(call("journal", "query", "--database", path, "--json"))) == 1
        result = call("trace", "H53-1", "--database", path)
    assert (result.exit_code, result.stderr.count("EDX602")) == (75, 1), result.output


def test_a_broken_configuration_keeps_nobody_from_asking(sent: OneNode) -> None:
    text = sent.config.read_text(encoding="utf-8")
    broken = text + '\n[parent]\nname = 7\n[nosuch]\nx = 1\n[delivery]\nlease = "soon"\n'
    broken = broken.replace("[delivery]\n#", "[deliveries]\n#", 1).replace('anchors = "', 'anchors = "/nowhere/')
    sent.config.write_text(broken, encoding="utf-8")
    assert sent.call("queue", "list").exit_code == 78
    assert len(sent.rows("journal", "query")) > 5
    assert sent.rows("journal", "verify")[0]["sound"]
    [row] = sent.rows("trace", "H53-1", "--recipient", "000.00.00.G22")
    assert [one["recipient"] for one in row["deliveries"]] == ["G22"]
    # Where the question needs it, it is said to be wrong; and of nothing else.
    sent.config.write_text(broken.replace("[store]\n", "[store]\nurl = 5\n", 1), encoding="utf-8")
    result = sent.call("journal", "query")
    assert (result.exit_code, result.stderr.count("EDX901")) == (78, 1)
    assert "store.url" in result.stderr


def test_a_real_process_leaves_nothing_beside_the_copy(sent: OneNode, tmp_path: Path) -> None:
    copy = copied(sent, tmp_path / "copy")
    with untouched(copy.parent):
        done = run("journal", "verify", "--database", copy, "--json")
    assert (done.returncode, json.loads(done.stdout)["sound"]) == (0, True), done.stderr
