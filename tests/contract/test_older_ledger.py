"""A ledger that an older version has filled: it is brought up to date, verifies, and answers.

``ledgers/v0012.sql.gz`` is the journal of the commune An Thạnh as the demonstration left it when the schema was at step
0012: letters from above and to above, confirmed, returned and under way, with the persons invented. Entries of that
version held no facts, and nothing was signed.
"""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from edxml_router.core.problems import Refusal
from edxml_router.services.replay.judging import replay
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.database.engine import connect
from edxml_router.store.database.migrate import current, newest, upgrade
from edxml_router.store.journal import verification
from edxml_router.store.views import SqlViews
from edxml_router.wiring.reading import ReadableDatabase

DUMP = Path(__file__).with_name("ledgers") / "v0012.sql.gz"


@pytest.fixture
def older(tmp_path: Path) -> Iterator[Engine]:
    """Brought up to date."""
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(gzip.decompress(DUMP.read_bytes()).decode())
    engine = connect(f"sqlite:///{path}")
    assert current(engine) == "0012"
    upgrade(engine)
    assert current(engine) == newest()
    yield engine
    engine.dispose()


def test_it_verifies(older: Engine) -> None:
    found = verification.verify(older)
    assert (found.size, found.envelopes, found.deliveries, found.bodies) == (108, 15, 16, 15)
    assert (found.damages, found.unnumbered) == ((), 0)
    assert found.uncovered == 80  # what it is made from was not in the tree then, and this is said


@pytest.mark.parametrize(
    ("cheat", "where"),
    [
        ("UPDATE deliveries SET state = 'confirmed' WHERE state = 'returned'",
         "delivery of b5930e17"),
        ("UPDATE journal SET at = at + 1 WHERE id = 5", "entry 5"),
        ("DELETE FROM deliveries WHERE id = (SELECT min(id) FROM deliveries)", "delivery of 9d04b2f8"),
    ],
    ids=["state", "time", "gone"],
)  # fmt: skip
def test_whoever_changes_it_now_is_found(older: Engine, cheat: str, where: str) -> None:
    with older.begin() as connection:
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        assert connection.execute(text(cheat)).rowcount == 1
    [damage] = verification.verify(older).damages
    assert damage.where.startswith(where)


def test_its_documents_are_found_and_told(older: Engine) -> None:
    views = SqlViews(older)
    accepted = views.lines(event="envelope.accepted", limit=100)
    assert len(accepted) == 15
    letters = views.find_envelopes(limit=100)
    assert {one.envelope.digest for one in letters} == {line.entry.envelope for line in accepted}


def test_what_it_decided_cannot_be_judged_by_rules_of_then(older: Engine, tmp_path: Path) -> None:
    views = SqlViews(older)
    asked = ReadableDatabase(views, open_bodies=BodyStore(older, tmp_path / "bodies").open)
    [first, *_] = views.find_envelopes(kind="document")
    with pytest.raises(Refusal, match="EDX629"):
        replay(asked, first.envelope.digest)
