"""Time stamps in the database: kept as they came, found again, thinned."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from edxml_router.core.proof.witness import KeptTimeStamp
from edxml_router.store.ledger import SqlLedger
from tests.contract.databases import NOW
from tests.contract.test_proofs import write

ONE, OTHER = "http://tsa.example.vn/", "http://stamps.example.vn/"
HOUR = timedelta(hours=1)


def stamp(size: int, authority: str = ONE, age: timedelta = timedelta()) -> KeptTimeStamp:
    return KeptTimeStamp(size, authority, NOW - age, NOW - age, b"note %d" % size, b"\x30\x00\xff")


def keep(ledger: SqlLedger, *stamps: KeptTimeStamp) -> None:
    with ledger.book() as book:
        for one in stamps:
            book.witnesses.keep_time_stamp(one)


def test_stamps_are_kept_and_found(ledger: SqlLedger) -> None:
    views = ledger.views
    assert (views.time_stamps(), views.last_time_stamp(ONE), views.first_time_stamps(1)) == ([], None, [])
    keep(ledger, stamp(5), stamp(9), stamp(9, OTHER, HOUR), stamp(20, OTHER))
    assert views.last_time_stamp(ONE) == stamp(9)
    assert views.last_time_stamp(OTHER) == stamp(20, OTHER)
    # Of two over one checkpoint the earlier comes first.
    assert views.first_time_stamps(6) == [stamp(9, OTHER, HOUR), stamp(9), stamp(20, OTHER)]
    assert views.first_time_stamps(6, 1) == [stamp(9, OTHER, HOUR)]
    assert views.first_time_stamps(21) == []
    everything = views.time_stamps()
    assert [(one.size, one.authority) for one in everything] == [(20, OTHER), (9, ONE), (9, OTHER), (5, ONE)]
    assert [*views.time_stamps(None, 2), *views.time_stamps((9, ONE), 2)] == everything


def test_the_first_stamp_over_a_checkpoint_stays(ledger: SqlLedger) -> None:
    keep(ledger, stamp(5))
    keep(ledger, replace(stamp(5), token=b"another", at=NOW + HOUR))
    assert ledger.views.time_stamps() == [stamp(5)]


def test_it_is_known_since_when_nothing_is_stamped(ledger: SqlLedger) -> None:
    assert ledger.views.unstamped_since(0) is None
    write(ledger, 10, 4)
    times = [found.at for size in (4, 8, 10) if (found := ledger.views.checkpoint(size))]
    assert [ledger.views.unstamped_since(size) for size in (0, 4, 9, 10)] == [*times, None]


def test_old_stamps_are_thinned(ledger: SqlLedger) -> None:
    def aged(*hours: float) -> list[KeptTimeStamp]:
        return [stamp(1000 - int(10 * each), ONE, each * HOUR) for each in hours]

    recent, days, weeks = aged(0, 0.2, 0.4, 23), aged(30, 30.2, 35.2), aged(61.2, 65.2, 90.2)
    keep(ledger, *recent, *days, *weeks)
    with ledger.book() as book:
        book.witnesses.thin(NOW, 60 * HOUR)
    kept = [one.size for one in ledger.views.time_stamps()]
    assert set(kept) >= {one.size for one in recent}
    assert len(kept) < len((*recent, *days, *weeks))
    assert kept[-1] == weeks[-1].size
