"""An auditor's own file of SQLite: all that was asked for, whole or not at all, and never over another."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edxml_router.core.problems import Refusal
from edxml_router.services.asking import extract
from edxml_router.services.asking.extract import extracted
from tests.cli.conftest import OneNode


def read(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def test_documents_and_entries_go_into_a_file_for_other_tools(node: OneNode) -> None:
    digest = node.send("H53-1", ["G22", "H53.01"])
    node.send("G22-1", ["H53"], sender="G22", office="vpcp")
    node.work()
    file = node.folder / "november.db"
    written = node.call("documents", "--sender", "H53", "--sqlite", file)
    assert written.exit_code == 0, written.output
    assert "1 rows" in written.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [listed] = node.rows("documents", "--sender", "H53")
    assert read(file, "SELECT digest, position, recipients, recipient_count, outcome, available FROM documents") == [
        (digest, listed["position"], "G22 H53.01", 2, "open", listed["states"].get("available", 0))
    ]
    assert read(file, "SELECT recipient FROM deliveries JOIN documents USING (digest) ORDER BY recipient") == [
        ("G22",), ("H53.01",),
    ]  # fmt: skip
    about = dict(read(file, "SELECT name, value FROM about"))
    assert (about["command"], about["--sender"], about["node"], about["format"]) == ("documents", "H53", "h53", "1")
    [(schema,)] = read(file, "SELECT sql FROM sqlite_master WHERE name = 'documents'")
    assert "-- How many agencies here it is for." in schema

    entries = node.folder / "entries.db"
    assert node.call("journal", "query", "--event", "delivery.", "--sqlite", entries).exit_code == 0
    shown = node.rows("journal", "query", "--event", "delivery.")
    query = 'SELECT number, position, at, event, digest, recipient, "after", actor, detail FROM entries'
    columns = ("number", "position", "at", "event", "digest", "recipient", "after", "actor", "detail")
    assert read(entries, query) == [tuple(row[name] for name in columns) for row in shown]
    told = [row["detail"] for row in node.rows("journal", "query", "--event", "journal.read")]
    assert "documents sender=H53: 1 told" in told
    assert f"journal query event=delivery.: {len(shown)} told" in told
    none = node.folder / "none.db"
    assert node.call("documents", "--kind", "recall", "--sqlite", none).exit_code == 0
    assert read(none, "SELECT count(*) FROM documents") == read(none, "SELECT count(*) FROM deliveries") == [(0,)]
    assert node.call("documents", "--csv", "--sqlite", node.folder / "both.db").exit_code == 2


def test_a_file_that_is_there_is_never_overwritten(node: OneNode) -> None:
    node.send("H53-1", ["G22"])
    file = node.folder / "there.db"
    file.write_bytes(b"somebody else's")
    refused = node.call("documents", "--sqlite", file)
    assert refused.exit_code == 1
    assert "EDX908" in refused.stderr
    assert file.read_bytes() == b"somebody else's"
    assert node.call("documents", "--sqlite", node.folder / "no-such-folder" / "x.db").exit_code == 1


def test_nothing_is_left_of_a_file_that_was_not_completed(tmp_path: Path) -> None:
    file = tmp_path / "extract.db"
    with pytest.raises(KeyError), extracted(file, {}, ("entries",)):
        raise KeyError("the database went away")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Refusal, match="EDX908"), extracted(file, {}, ("entries",)):
        file.write_bytes(b"made meanwhile")
    assert [each.name for each in tmp_path.iterdir()] == [file.name]
    assert file.read_bytes() == b"made meanwhile"


def test_a_file_system_without_further_names_gets_the_file_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(extract.os, "link", refuse)
    with extracted(tmp_path / "extract.db", {"command": "documents"}, ("documents",)):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["extract.db"]
    assert read(tmp_path / "extract.db", "SELECT * FROM about") == [("format", "1"), ("command", "documents")]
