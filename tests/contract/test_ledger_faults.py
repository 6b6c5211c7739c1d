"""What the ledger does when others write too, when it is killed, and when the database fails."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic import command
from sqlalchemy import event as events
from sqlalchemy.engine import make_url

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery, Move, NewQuarantinedItem
from edxml_router.core.problems import Defect, Refusal, Setback
from edxml_router.store import tables
from edxml_router.store.database import migrate, patience
from edxml_router.store.database.engine import connect, probe_tables, reading, writing
from edxml_router.store.database.migrate import upgrade
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import LEASE, NOW, Database, SetClock, add, body, delivery, digest_of, envelope

ROOT = Path(__file__).resolve().parent.parent.parent


# --- with others ---


def test_workers_claim_disjoint_sets(database: Database) -> None:
    made = add(database.ledger(), *(delivery(number) for number in range(1, 121)))
    workers = [database.ledger() for _ in range(4)]
    start = threading.Barrier(len(workers))

    def work(ledger: SqlLedger) -> list[int]:
        start.wait()
        numbers: list[int] = []
        while True:
            with ledger.book() as book:
                claimed = book.deliveries.claim(NOW, NOW + LEASE, 7)
            if not claimed:
                return numbers
            numbers += [one.id for one in claimed]

    with ThreadPoolExecutor(len(workers)) as pool:
        taken = [number for numbers in pool.map(work, workers) for number in numbers]
    assert sorted(taken) == sorted(one.id for one in made)


def test_a_claim_does_not_wait_for_another_worker(postgresql_database: Database) -> None:
    made = add(postgresql_database.ledger(), *(delivery(number) for number in range(1, 5)))
    with postgresql_database.ledger().book() as first:
        mine = first.deliveries.claim(NOW, NOW + LEASE, 2)
        with postgresql_database.ledger().book() as second:
            theirs = second.deliveries.claim(NOW, NOW + LEASE, 10)
    assert {one.id for one in mine} | {one.id for one in theirs} == {one.id for one in made}
    assert len(mine) == len(theirs) == 2


def test_the_same_envelope_at_two_doors_is_accepted_once(database: Database) -> None:
    """By digest and by identity, from eight threads that all bring the same ten envelopes in different orders."""
    doors = [database.ledger() for _ in range(8)]
    start = threading.Barrier(len(doors))

    def accept(door: int) -> set[str]:
        rows = [envelope(number) for number in range(1, 11)]
        if door % 2:
            rows = [envelope(number, digest=digest_of(b"other %d" % number)) for number in range(10, 0, -1)]
        start.wait()
        return _patiently(lambda: _accept(doors[door], rows))

    with ThreadPoolExecutor(len(doors)) as pool:
        inserted = [digest for digests in pool.map(accept, range(len(doors))) for digest in digests]
    assert len(inserted) == len(set(inserted)) == 10
    assert database.count("envelopes") == 10
    assert database.count("journal") == 10


def _accept(ledger: SqlLedger, rows: list[Any]) -> set[str]:
    with ledger.book() as book:
        return book.envelopes.add(rows)


def _patiently(action: Callable[[], set[str]]) -> set[str]:
    """What the pipeline does: after a passing failure the same input comes again."""
    for _ in range(100):
        with contextlib.suppress(Setback):
            return action()
    raise AssertionError("never passed")


def test_of_two_movers_one_wins(database: Database) -> None:
    [made] = add(database.ledger(), delivery())
    movers = [database.ledger() for _ in range(4)]
    start = threading.Barrier(len(movers))

    def work(ledger: SqlLedger) -> int:
        start.wait()
        with ledger.book() as book:
            return len(book.deliveries.move([Move(made, Event.HOLD, State.HELD)]))

    with ThreadPoolExecutor(len(movers)) as pool:
        assert sorted(pool.map(work, movers)) == [0, 0, 0, 1]
    assert database.count("journal", "event = 'delivery.held'") == 1


def test_a_deadlock_is_a_setback_for_one_of_the_two(postgresql_database: Database) -> None:
    one, other = add(postgresql_database.ledger(), delivery(1), delivery(2))
    both_hold = threading.Barrier(2)

    def work(first: Delivery, second: Delivery) -> str:
        try:
            with postgresql_database.ledger().book() as book:
                book.deliveries.move([Move(first, Event.HOLD, State.HELD)])
                both_hold.wait()
                book.deliveries.move([Move(second, Event.HOLD, State.HELD)])
        except Setback as setback:
            return str(setback)
        return "moved"

    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(work, (one, other), (other, one)))
    assert told[1] == "moved"
    assert told[0].startswith("EDX602")
    assert "SQLSTATE 40P01" in told[0]
    assert postgresql_database.count("deliveries", "state = 'held'") == 2
    assert postgresql_database.count("journal", "event = 'delivery.held'") == 2


# --- killed ---

CHILD = """
import sys
sys.path.insert(0, {root!r})
from edxml_router.core.body import MemoryBody
from tests.contract.databases import *
ledger = SqlLedger(connect({url!r}), SetClock())
def accept(book, number):
    book.envelopes.add([envelope(number)])
    book.bodies.add({{envelope(number).digest: MemoryBody(body(number))}})
    book.deliveries.add([delivery(number)])
"""
IN_THE_MIDDLE = """
with ledger.book() as book:
    accept(book, 1)
    book.journal.write()
    print("in the middle", flush=True)
    sys.stdin.read()
"""
IN_A_LOOP = """
for number in range(1, 100_000):
    with ledger.book() as book:
        accept(book, number)
    print(number, flush=True)
"""


def _child(database: Database, program: str) -> subprocess.Popen[str]:
    script = CHILD.format(root=str(ROOT), url=database.url) + program
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _kill(child: subprocess.Popen[str]) -> list[str]:
    os.kill(child.pid, signal.SIGKILL)
    output, _ = child.communicate()
    return output.splitlines()


def test_killed_in_the_middle_nothing_is_there(database: Database) -> None:
    child = _child(database, IN_THE_MIDDLE)
    assert child.stdout is not None
    assert child.stdout.readline() == "in the middle\n"
    _kill(child)
    for table in ("envelopes", "bodies", "deliveries", "journal"):
        assert database.count(table) == 0
    add(database.ledger(), delivery())  # no lock is left behind


def test_killed_at_any_time_what_was_reported_is_there_and_whole(database: Database) -> None:
    child = _child(database, IN_A_LOOP)
    assert child.stdout is not None
    reported = [child.stdout.readline().strip() for _ in range(50)]
    reported += [line for line in _kill(child) if line]
    numbers = {int(line) for line in reported}
    for table in ("envelopes", "bodies", "deliveries"):
        digests = {row[0] for row in database.rows(f"SELECT digest FROM {table}")}  # noqa: S608  # ours
        assert digests >= {digest_of(body(number)) for number in numbers}
        assert len(digests) <= len(numbers) + 1  # committed, and killed before saying so
    envelopes = database.count("envelopes")
    assert database.count("bodies") == database.count("deliveries") == envelopes
    assert database.count("journal") == 2 * envelopes


# --- full, locked, away ---


@contextlib.contextmanager
def _pages(ledger: SqlLedger, limit: int) -> Iterator[None]:
    """SQLite's own limit on the size of the file, which fails exactly like a full disk."""

    def restrict(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit}")

    events.listen(ledger.engine, "checkout", restrict)
    yield
    limit = 1_000_000  # the disk was enlarged


def test_a_full_disk_is_a_setback_and_passes(sqlite_database: Database) -> None:
    ledger = sqlite_database.ledger()
    add(ledger, delivery(1))
    bodies = {each.digest: each for each in (MemoryBody(body(number, 60_000)) for number in range(100))}
    with _pages(ledger, 200):
        with pytest.raises(Setback) as caught, ledger.book() as book:
            book.envelopes.add([envelope(2)])
            book.bodies.add(bodies)
        assert str(caught.value).startswith("EDX601")
        assert sqlite_database.count("envelopes") == sqlite_database.count("bodies") == 1
        with ledger.book() as book:
            assert len(book.deliveries.claim(NOW, NOW + LEASE, 10)) == 1
    with ledger.book() as book:
        assert book.envelopes.add([envelope(2)]) == {envelope(2).digest}
        book.bodies.add(bodies)
    assert sqlite_database.count("bodies") == 101


def test_every_call_of_a_book_tells_the_setback_itself(sqlite_database: Database) -> None:
    """Not only the end of the block: no exception of a driver reaches the pipeline."""
    ledger = sqlite_database.ledger()
    with _pages(ledger, 1), pytest.raises(Setback), ledger.book() as book:
        with pytest.raises(Setback) as caught:
            book.quarantine.keep(
                [NewQuarantinedItem(NOW, "ke-la", "amqp", "EDX101", "", "", MemoryBody(b"x" * 1_000_000))], 10**9
            )
        assert caught.value.code == "EDX601"
        raise caught.value


def test_a_lock_that_is_held_too_long_is_a_setback(sqlite_database: Database) -> None:
    ledger = sqlite_database.ledger()
    events.listen(ledger.engine, "connect", lambda connection, record: connection.execute("PRAGMA busy_timeout = 0"))
    with sqlite_database.ledger().book() as holder:
        holder.envelopes.add([envelope()])
        with pytest.raises(Setback) as caught, ledger.book():
            pass
        with pytest.raises(Setback) as probed:
            probe_tables(ledger.engine, tables.WRITTEN)
    assert caught.value.finding.detail == "another process holds the lock of the database (SQLITE_BUSY)"
    assert caught.value.code == probed.value.code == "EDX624"
    with ledger.book() as book:
        assert envelope().digest in book.envelopes.known([envelope().digest])


def test_a_file_that_is_no_database_is_a_setback(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises(Setback) as caught, SqlLedger(connect(f"sqlite:///{tmp_path}/ledger.db"), SetClock()).book():
        pass
    assert (caught.value.code, caught.value.finding.where) == ("EDX610", "store.url")
    assert caught.value.finding.detail == "the file is not one of SQLite (SQLITE_NOTADB)"


def test_a_server_that_is_away_is_a_setback(postgresql_database: Database) -> None:
    url = make_url(postgresql_database.url)
    for wrong in (url.set(port=1), url.set(database="nowhere"), url.set(password="wrong")):
        with pytest.raises(Setback) as caught, SqlLedger(connect(wrong), SetClock()).book():
            pass
        assert caught.value.code == "EDX602"


def test_a_connection_that_breaks_is_a_setback_and_passes(postgresql_database: Database) -> None:
    ledger = postgresql_database.ledger()
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with pytest.raises(Setback) as caught, ledger.book() as book:
        book.envelopes.add([envelope()])
        postgresql_database.run(others + "pg_backend_pid()")
        book.bodies.add({envelope().digest: MemoryBody(body())})
    assert caught.value.code == "EDX602"
    assert postgresql_database.count("envelopes") == 0
    postgresql_database.run(others + "pg_backend_pid()")  # also the connection that waits in the pool
    with ledger.book() as book:
        assert book.envelopes.add([envelope()]) == {envelope().digest}


@pytest.mark.parametrize(
    ("state", "code"),
    [("53100", "EDX601"), ("58030", "EDX601"), ("53300", "EDX602"), ("40001", "EDX602"), ("57P01", "EDX602"),
     ("25006", "EDX602"), ("22012", "EDX699")],
)  # fmt: skip
def test_what_the_server_says_becomes_a_problem(postgresql_database: Database, state: str, code: str) -> None:
    raised = sqlalchemy.text(f"DO $$ BEGIN RAISE EXCEPTION 'secret' USING ERRCODE = '{state}'; END $$")
    with pytest.raises((Setback, Defect)) as caught, writing(postgresql_database.ledger().engine) as connection:
        connection.execute(raised)
    assert caught.value.code == code
    assert isinstance(caught.value, Defect if code == "EDX699" else Setback)
    assert "secret" not in str(caught.value)


def impatient(database: Database, monkeypatch: pytest.MonkeyPatch) -> SqlLedger:
    monkeypatch.setattr(patience, "GRACE_SECONDS", 0)
    return SqlLedger(connect(database.url, patience=1), SetClock())


def test_a_table_that_another_session_has_locked_is_told_and_passes(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, others = impatient(postgresql_database, monkeypatch), postgresql_database.ledger()
    with writing(others.engine) as forgotten:
        forgotten.execute(sqlalchemy.text("LOCK TABLE deliveries"))
        for work in (lambda: add(ledger, delivery()), lambda: probe_tables(ledger.engine, tables.WRITTEN)):
            with pytest.raises(Setback) as caught:
                work()
            assert caught.value.code == "EDX624"
    assert len(add(ledger, delivery())) == 1
    probe_tables(ledger.engine, tables.WRITTEN)
    ledger.close()


def test_a_server_that_is_frozen_is_told_and_the_next_connection_works(
    postgresql_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel goes on acknowledging, so only the client's own time can end the wait."""
    ledger = impatient(postgresql_database, monkeypatch)
    with pytest.raises(Setback) as caught, writing(ledger.engine) as connection:
        frozen = connection.execute(sqlalchemy.text("SELECT pg_backend_pid()")).scalar_one()
        os.kill(frozen, signal.SIGSTOP)
        try:
            connection.execute(sqlalchemy.text("SELECT 1"))
        finally:
            os.kill(frozen, signal.SIGCONT)
    assert (caught.value.code, caught.value.finding.detail) == ("EDX624", "the server has fallen silent")
    assert len(add(ledger, delivery())) == 1
    ledger.close()


def test_a_migration_takes_the_time_it_needs(postgresql_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = impatient(postgresql_database, monkeypatch)
    monkeypatch.setattr(command, "upgrade", lambda settings, _to: settings.attributes["connection"].execute(
        sqlalchemy.text("SELECT pg_sleep(1.5)")
    ))  # fmt: skip
    migrate.upgrade(ledger.engine)
    ledger.close()


def test_a_mistake_of_ours_is_a_defect(database: Database) -> None:
    with pytest.raises(Defect), reading(database.ledger().engine) as connection:
        connection.execute(sqlalchemy.text("SELECT * FROM nowhere"))


@pytest.mark.parametrize("url", ["", "ledger.db", "mysql://host/db"])
def test_a_url_that_is_not_ours_is_refused(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        connect(url)
    assert caught.value.code == "EDX901"
    assert caught.value.finding.where == "store.url"


def test_postgresql_without_its_driver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Refusal) as caught:
        connect("postgresql://host/db")
    assert caught.value.code == "EDX904"
    assert "edxml-router[postgresql]" in str(caught.value)


# --- settings of the connection, and copies ---


def test_sqlite_commits_durably(sqlite_database: Database) -> None:
    with reading(sqlite_database.ledger().engine) as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_postgresql_commits_durably_whatever_the_role_says(postgresql_database: Database) -> None:
    postgresql_database.run("ALTER ROLE edx SET synchronous_commit = off")
    with reading(postgresql_database.ledger().engine) as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    postgresql_database.run("ALTER ROLE edx RESET synchronous_commit")


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    with database.ledger().book() as book:
        book.envelopes.add([envelope()])
        with reading(database.ledger().engine) as connection:
            assert connection.execute(sqlalchemy.text("SELECT count(*) FROM envelopes")).scalar() == 0


def test_a_new_database_can_be_made_from_its_url(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/new.db")
    upgrade(engine)
    assert len(add(SqlLedger(engine, SetClock()), delivery())) == 1
