"""A number that an operator has noted names one thing, or nothing any more, and never another."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.values import NewQuarantinedItem
from edxml_router.store.database.engine import connect
from edxml_router.store.epochs import identity
from edxml_router.store.epochs.identity import Claimant, declare_restored, recognise_database
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database, add, delivery

CLAIM = Claimant("tinh")


def keep(ledger: SqlLedger, number: int) -> int:
    """Quarantine something; its number."""
    with ledger.book() as book:
        book.quarantine.keep(
            [NewQuarantinedItem(NOW, "xa", "edx.up.xa", "EDX704", "", "", MemoryBody(b"odd %d" % number))], 10**6
        )
    return max(item.number for item in ledger.views.list_quarantined(limit=100))


def test_numbers_go_on_above_all_that_were_given_before_a_restore(database: Database, tmp_path: Path) -> None:
    """Whatever was given since the back-up; and a second restore of the same back-up repeats none of the first."""
    ledger = database.ledger()
    recognise_database(ledger, tmp_path, CLAIM)
    first, second = add(ledger, delivery(1), delivery(2))
    kept = keep(ledger, 1)
    assert (first.id, second.id, kept) == (1, 2, 1)
    given = {"deliveries": {1, 2}, "aside": {1}}
    for round_ in (1, 2):
        database.clock.at = NOW + timedelta(seconds=round_)
        mark = json.loads((tmp_path / identity.FILE).read_text())
        (tmp_path / identity.FILE).write_text(json.dumps({**mark, "entry": mark["entry"] + 7, "leaf": "ab" * 32}))
        assert recognise_database(ledger, tmp_path, CLAIM) is not None
        after = add(ledger, delivery(10 * round_), delivery(10 * round_ + 1))
        ids = {"deliveries": {one.id for one in after}, "aside": {keep(ledger, 10 * round_)}}
        for name, fresh in ids.items():
            assert min(fresh) > max(given[name])
            given[name] |= fresh
        assert max(one.id for one in after) - min(one.id for one in after) == 1  # one after the other, as ever
        assert max(given["deliveries"]) < 2**53  # a number of JSON


def test_a_back_up_that_is_restored_twice_gives_no_number_twice(sqlite_database: Database, tmp_path: Path) -> None:
    ledger = sqlite_database.ledger()
    recognise_database(ledger, tmp_path, CLAIM)
    add(ledger, delivery(1))
    ledger.close()
    given: list[int] = [1]
    for round_ in (1, 2):
        copy, data = tmp_path / f"copy-{round_}.db", tmp_path / f"machine-{round_}"
        data.mkdir()
        shutil.copy(Path(sqlite_database.url.partition("sqlite:///")[2]), copy)
        sqlite_database.clock.at = NOW + timedelta(minutes=round_)
        restored = SqlLedger(connect(f"sqlite:///{copy}"), sqlite_database.clock)
        assert recognise_database(restored, data, CLAIM) is not None
        given += [one.id for one in add(restored, delivery(2), delivery(3))]
        restored.close()
    assert len(set(given)) == 5


def test_a_clock_that_is_behind_gives_no_number_twice(database: Database) -> None:
    ledger = database.ledger()
    declare_restored(ledger, CLAIM, NOW, "said so")
    [one] = add(ledger, delivery(1))
    database.clock.at = NOW - timedelta(days=3650)
    declare_restored(ledger, CLAIM, NOW, "said so again")
    [other] = add(ledger, delivery(2))
    assert other.id > one.id


@pytest.mark.parametrize("table", ["deliveries", "aside"])
def test_the_number_of_what_has_gone_is_not_given_again(database: Database, table: str) -> None:
    ledger = database.ledger()

    def made(number: int) -> int:
        return add(ledger, delivery(number))[0].id if table == "deliveries" else keep(ledger, number)

    ids = [made(1), made(2)]
    database.run(f"DELETE FROM {table} WHERE id = 2")  # noqa: S608  # ours
    ids += [made(3), made(4)]
    assert ids[2] > 2
    assert len(set(ids)) == 4
