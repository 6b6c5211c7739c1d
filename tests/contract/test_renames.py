"""A neighbour or an office under another name: what goes on under it, what stays, and that it is done once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, event

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.link.route import Route
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.store.epochs.identity import Claimant, declare_restored, recognise_database
from edxml_router.store.epochs.recovery import pending
from edxml_router.store.epochs.renames import apply_renames
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW, Database, add, body, delivery, digest_of, envelope

RENAMED = {Route.link("tay-ninh"): Route.link("tay-ninh-moi"), Route.office("van-phong-xa"): Route.office("van-phong")}


def receipt(number: int, outcome: ReceiptOutcome = ReceiptOutcome.UNKNOWN) -> Receipt:
    return Receipt(digest_of(body(number)), "H53.01", 1, outcome, NOW)


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    """Two letters of one office to one neighbour, one of others, and what is to be told to the neighbour."""
    ledger = database.ledger()
    add(ledger, delivery(1), delivery(2))
    add(ledger, delivery(3, route=Route.link("an-giang"), origin=Route.office("khac")), peer="khac")
    with ledger.book() as book:
        book.receipts.add([(Route.link("tay-ninh"), receipt(4)), (Route.link("an-giang"), receipt(5))])
    return ledger


def standing(database: Database) -> list[tuple[str, str, str]]:
    query = "SELECT d.route, d.origin, e.peer FROM deliveries d JOIN envelopes e ON e.digest = d.digest ORDER BY d.id"
    return [tuple(row) for row in database.rows(query)]


def origins(database: Database) -> list[str]:
    return sorted(row[0] for row in database.rows("SELECT origin FROM receipts"))


def test_open_mail_and_receipts_go_on_under_the_new_name(database: Database, ledger: SqlLedger) -> None:
    apply_renames(ledger, RENAMED)
    renamed = (Route.link("tay-ninh-moi"), Route.office("van-phong"), "van-phong")
    assert standing(database) == [renamed, renamed, (Route.link("an-giang"), Route.office("khac"), "khac")]
    assert origins(database) == [Route.link("an-giang"), Route.link("tay-ninh-moi")]
    noted = database.rows("SELECT entry FROM journal WHERE event = 'peer.renamed' ORDER BY id")
    assert ["link:tay-ninh is link:tay-ninh-moi" in Entry.read(bytes(row[0])).detail for row in noted] == [True, False]


def test_a_rename_is_followed_once(database: Database, ledger: SqlLedger) -> None:
    """And what comes later under the old name, from whoever bears it then, stays under it."""
    apply_renames(ledger, RENAMED)
    add(ledger, delivery(6, route=Route.link("tay-ninh"), origin=Route.office("van-phong-xa")), peer="van-phong-xa")
    apply_renames(ledger, RENAMED)
    assert standing(database)[-1] == (Route.link("tay-ninh"), Route.office("van-phong-xa"), "van-phong-xa")
    assert database.count("journal", "event = 'peer.renamed'") == 2
    apply_renames(ledger, {})


def test_two_workers_that_begin_at_once_follow_it_once(database: Database, ledger: SqlLedger) -> None:
    """Mail that came under the old name after the first has committed, from whoever bears it then, is not the second's
    to rename."""
    workers = (ledger, database.ledger())
    begun, reads = Barrier(2), 0

    def held(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        nonlocal reads
        if statement.startswith("SELECT renames.party") and reads < 2:  # both look before either writes
            reads += 1
            begun.wait(30)

    for each in workers:
        event.listen(each.engine, "after_cursor_execute", held)
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(apply_renames, each, RENAMED) for each in workers]:
            done.result()
    assert database.count("journal", "event = 'peer.renamed'") == 2
    assert database.count("renames") == 2
    assert standing(database)[0] == ("link:tay-ninh-moi", "office:van-phong", "van-phong")


def test_a_rename_that_is_taken_back_or_goes_further(database: Database, ledger: SqlLedger) -> None:
    apply_renames(ledger, {Route.link("tay-ninh"): Route.link("b")})
    apply_renames(ledger, {Route.link("b"): Route.link("tay-ninh")})
    assert standing(database)[0][0] == Route.link("tay-ninh")
    # Another end than before.
    apply_renames(ledger, {Route.link("tay-ninh"): Route.link("c"), Route.link("b"): Route.link("c")})
    assert standing(database)[0][0] == Route.link("c")


def test_a_fact_that_was_told_under_both_names_stays_one(database: Database, ledger: SqlLedger) -> None:
    """As when the neighbour has asked under its new name before this node was told of it."""
    with ledger.book() as book:
        book.receipts.add([(Route.link("tay-ninh-moi"), receipt(4))])
        book.receipts.add([(Route.link("tay-ninh"), receipt(4, ReceiptOutcome.EXPIRED))])
    apply_renames(ledger, RENAMED)
    assert origins(database) == [Route.link("an-giang"), Route.link("tay-ninh-moi"), Route.link("tay-ninh-moi")]


@pytest.mark.parametrize("known", [False, True])
def test_who_was_to_be_asked_is_asked_under_the_new_name(database: Database, tmp_path: Path, known: bool) -> None:
    """After a restored back-up; also where the new name had been asked, and had answered, before."""
    ledger, later = database.ledger(), NOW + timedelta(hours=1)
    recognise_database(ledger, tmp_path, Claimant("tinh"))
    if known:
        declare_restored(ledger, Claimant("tinh", (), (Route.link("tay-ninh-moi"),)), later, "before")
        with ledger.book() as book:
            assert book.recoveries.finish(Route.link("tay-ninh-moi"), "", NOW)
    declare_restored(ledger, Claimant("tinh", (), (Route.link("tay-ninh"), Route.office("x"))), NOW, "a back-up")
    apply_renames(ledger, RENAMED)
    asked = [(one.party, one.since) for one in pending(ledger.engine)]
    assert asked == [(Route.link("tay-ninh-moi"), NOW), (Route.office("x"), NOW)]


def test_what_fails_half_way_is_not_remembered_as_done(database: Database, ledger: SqlLedger) -> None:
    """Each rename is one transaction with its entry: a crash leaves it whole, or to be done again."""
    apply_renames(ledger, {Route.link("tay-ninh"): Route.link("b")})
    database.run("DELETE FROM renames")  # as if it had never been committed
    apply_renames(ledger, {Route.link("tay-ninh"): Route.link("b")})
    assert standing(database)[0][0] == Route.link("b")
    assert database.count("renames") == 1
    assert envelope().peer == "van-phong-xa"
