"""Deliveries chosen by what they have in common, and the jobs about them, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.moves import change
from edxml_router.store.bulk import choosing, jobs
from edxml_router.store.bulk.choosing import Choice
from edxml_router.store.bulk.jobs import SILENT, JobState
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.recent import last_entries, recent_flow
from tests.contract.databases import NOW, body, delivery, digest_of, envelope

ALL = Choice((State.QUEUED, State.HELD, State.RETURNED), NOW - timedelta(days=7))


def test_counts_rows_and_groups_are_of_the_same_deliveries(ledger: SqlLedger) -> None:
    with ledger.book() as book:
        book.envelopes.add([envelope(number) for number in range(1, 6)])
        book.deliveries.add([delivery(number, "H53.01") for number in range(1, 6)])
        one, two, old = book.deliveries.of([digest_of(body(number)) for number in (1, 2, 3)])
        ended = {"actor": "xa", "code": "EDX801"}
        book.deliveries.move([change(one, Event.RETURN, **ended, ended_at=NOW), change(two, Event.HOLD, actor="lan")])
        book.deliveries.move([change(old, Event.RETURN, **ended, ended_at=NOW - timedelta(days=8))])
    engine = ledger.engine
    numbers = choosing.chosen_numbers(engine, ALL, 100)
    assert choosing.chosen_count(engine, ALL) == len(numbers) == 4
    assert [found.id for found in choosing.chosen_page(engine, ALL, 0, 100)] == numbers
    assert [found.id for found in choosing.chosen_page(engine, ALL, numbers[1], 1)] == [numbers[2]]
    groups = choosing.cause_groups(engine, ALL, 10)
    assert (groups[0].code, groups[0].state, groups[0].count) == ("", State.QUEUED, 2)
    for group in groups:
        own = replace(ALL, states=(group.state,), code=group.code, route=group.route)
        assert choosing.chosen_count(engine, own) == group.count
    assert choosing.chosen_count(engine, replace(ALL, states=(State.CONFIRMED,))) == 0
    assert choosing.chosen_count(engine, replace(ALL, accepted_before=NOW + timedelta(days=1))) == 4
    assert choosing.chosen_count(engine, replace(ALL, digests=(one.digest,), recipient="H53.01")) == 1
    assert recent_flow(engine, NOW).complete
    assert last_entries(engine)


def test_a_job_has_one_runner_and_each_step_is_kept(ledger: SqlLedger) -> None:
    numbers = [5, 2**40, 7]
    with ledger.book() as book:
        number = jobs.add_job(book.connection, Event.HOLD, "lan", "vì sao", "link=so", numbers, NOW)
        other = jobs.add_job(book.connection, Event.RETRY, "lan", "", "", [1], NOW)
        assert jobs.take_job(book.connection, "a", NOW) is None
        assert jobs.begin_job(book.connection, number, "", NOW)
        assert jobs.begin_job(book.connection, other, "", NOW + timedelta(seconds=1))
        assert not jobs.begin_job(book.connection, number, "", NOW)
    assert jobs.job_numbers(ledger.engine, number) == numbers
    with ledger.book() as book:
        taken = jobs.take_job(book.connection, "a", NOW)
        assert taken is not None
        assert (taken.id, taken.place, taken.state) == (number, 0, JobState.BEGUN)
        assert jobs.take_job(book.connection, "b", NOW + SILENT / 2) is None
        assert jobs.step_job(book.connection, number, "a", 2, 1, NOW)
        again = jobs.take_job(book.connection, "b", NOW + 2 * SILENT)
        assert again is not None
        assert (again.id, again.place, again.failed) == (number, 2, 1)
        assert not jobs.step_job(book.connection, number, "a", 1, 1, NOW)  # it is another's now
        jobs.end_job(book.connection, number, "b", NOW)
        assert not jobs.stop_job(book.connection, number, "lan", NOW)
    assert [found.id for found in jobs.latest_jobs(ledger.engine, 10)] == [other, number]
    assert jobs.job_numbers(ledger.engine, number) == []
    assert jobs.any_begun(ledger.engine)
