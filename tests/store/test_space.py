"""A file of SQLite gives room back, a little at a time; an older one after it was written anew once."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from edxml_router.core.problems import Refusal, Setback
from edxml_router.store.database import space
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import upgrade


def filled(path: Path) -> None:
    """Some forty bodies, of which nearly all are removed."""
    engine = connect(f"sqlite:///{path}")
    upgrade(engine)
    with engine.begin() as connection:
        for number in range(40):
            connection.exec_driver_sql("INSERT INTO bodies VALUES (?, 1, ?)", (str(number), bytes(50_000)))
        connection.exec_driver_sql("DELETE FROM bodies WHERE digest <> '7'")
    engine.dispose()


def test_a_new_file_gives_back_what_is_free_but_a_tenth(tmp_path: Path) -> None:
    filled(tmp_path / "journal.db")
    engine = connect(f"sqlite:///{tmp_path / 'journal.db'}")
    before = space.file_space(engine)
    assert before is not None
    assert before.gradual
    assert before.free > 1_900_000
    steps = []
    while given := space.give_back(engine, 100):
        steps.append(given)
    assert len(steps) > 3
    assert max(steps) <= 100 * 4096
    after = space.file_space(engine)
    assert after is not None
    assert after.size == before.size - sum(steps)
    assert after.free <= after.size // space.SPARED + 4096
    engine.dispose()
    assert (tmp_path / "journal.db").stat().st_size == after.size  # in the file, not only by the database's word


def test_an_older_file_stays_as_it_is_until_it_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    sqlite3.connect(path).executescript("PRAGMA auto_vacuum = NONE; CREATE TABLE older (x)")
    filled(path)
    engine = connect(f"sqlite:///{path}")
    before = space.file_space(engine)
    assert before is not None
    assert not before.gradual
    assert space.give_back(engine, 100) == 0
    size, after = space.compact(engine)
    assert size == before.size
    assert after < size - before.free + 100 * 4096
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO bodies VALUES ('new', 1, ?)", (bytes(900_000),))
        connection.exec_driver_sql("DELETE FROM bodies")
    assert space.give_back(engine, 100) == 100 * 4096
    engine.dispose()


def test_where_there_is_no_room_for_another_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "journal.db")
    engine = connect(f"sqlite:///{tmp_path / 'journal.db'}")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6, 4096))  # type: ignore[attr-defined]
    with pytest.raises(Setback, match="EDX601"):
        space.compact(engine)
    engine.dispose()


def test_a_server_does_it_by_itself() -> None:
    engine = connect("postgresql://nobody@localhost:1/none")
    assert space.file_space(engine) is None
    assert space.give_back(engine, 100) == 0
    with pytest.raises(Refusal, match="EDX673"):
        space.compact(engine)
