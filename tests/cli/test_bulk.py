"""Many deliveries at once: numbers equal rows, what was shown is what is acted upon, and nothing is done twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edxml_router.config import Settings, load
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.problems import PROBLEMS, Refusal
from edxml_router.services import operator
from edxml_router.services.bulk import jobs, running
from edxml_router.services.bulk.running import JobRunner
from edxml_router.services.bulk.wishes import Wish, choice_of, read_wish
from edxml_router.services.people.roles import OPERATOR, Person
from edxml_router.store.bulk import choosing
from edxml_router.store.bulk import jobs as kept
from edxml_router.store.bulk.jobs import JobState
from edxml_router.wiring.opening import ledger_of, node_of
from edxml_router.wiring.own_ledger import OwnLedger
from tests.cli.conftest import OneNode
from tests.scenarios.world import until

PERSON = "van-hanh"


@dataclass
class Desk:
    node: OneNode
    settings: Settings

    @contextmanager
    def ledger(self) -> Iterator[OwnLedger]:
        with ledger_of(self.settings) as ledger:
            yield ledger

    def prepare(self, act: Event, reason: str = "thử lại", **conditions: str) -> jobs.Prepared:
        with self.ledger() as ledger:
            return jobs.prepare(ledger, self.settings, Wish(**conditions), act, PERSON, reason, datetime.now(UTC))

    def begin(self, number: int, now: datetime | None = None) -> None:
        with self.ledger() as ledger:
            jobs.begin(ledger, self.settings, number, Person(PERSON, frozenset({OPERATOR})), now or datetime.now(UTC))

    def run(self, ending: Callable[[], bool] = lambda: False) -> bool:
        with node_of(self.settings) as node:
            return running.run_next_job(node, ending)

    def job(self, number: int) -> kept.BulkJob:
        with self.ledger() as ledger:
            return jobs.standing_job(ledger, number)

    def states(self) -> dict[int, str]:
        with closing(sqlite3.connect(self.node.folder / "data" / "journal.db")) as database:
            return dict(database.execute("SELECT id, state FROM deliveries ORDER BY id").fetchall())

    def sql(self, statement: str) -> None:
        with closing(sqlite3.connect(self.node.folder / "data" / "journal.db")) as database, database:
            database.execute(statement)

    def entries(self, event: str) -> list[Any]:
        return self.node.rows("journal", "query", "--event", event)


@pytest.fixture
def desk(node: OneNode) -> Desk:
    """Four letters to the child that is never there, two of them to an office as well."""
    for number, to in enumerate((["H53.01"], ["H53.01", "G22"], ["H53.01"], ["H53.01", "G22"]), 1):
        node.send(f"H53-{number}", to)
    return Desk(node, load(node.config))


def test_the_number_of_a_group_is_that_of_its_rows(desk: Desk) -> None:
    desk.sql("UPDATE deliveries SET code = 'EDX702', state = 'deferred' WHERE id IN (1, 2)")
    ended = "UPDATE deliveries SET code = '{}', state = '{}', ended_at = {} WHERE id = {}"
    desk.sql(ended.format("EDX801", "returned", _micro(timedelta(days=2)), 4))
    desk.sql(ended.format("EDX804", "expired", _micro(timedelta(days=40)), 5))
    now = datetime.now(UTC)
    with desk.ledger() as ledger:

        def found(wish: Wish) -> tuple[int, list[int]]:
            choice = choice_of(wish, desk.settings, ledger.views, now)
            rows = [one.id for one in choosing.chosen_page(ledger.engine, choice, 0, 100)]
            assert rows == choosing.chosen_numbers(ledger.engine, choice, 100)
            return choosing.chosen_count(ledger.engine, choice), rows

        every = choosing.cause_groups(ledger.engine, choice_of(Wish(), desk.settings, ledger.views, now), 100)
        assert {(one.code, str(one.route), str(one.state)): one.count for one in every}[
            "EDX702", "link:h53-01", "deferred"
        ] == 2
        for group in every:
            wish = Wish(link=str(group.route), code=group.code or "none", state=str(group.state))
            assert read_wish(dict(part.split("=") for part in wish.query.replace("%3A", ":").split("&"))) == wish
            count, rows = found(wish)
            assert count == len(rows) == group.count
        assert sum(group.count for group in every) == found(Wish())[0] == 5  # all but what expired long ago
        assert found(Wish(days="60"))[0] == 6
        assert found(Wish(state="open"))[0] == 4
        assert found(Wish(code="edx702", link="h53-01"))[1] == [1, 2]
        assert found(Wish(recipient="000.00.00.G22"))[0] + found(Wish(recipient="H53.01"))[0] == 5
        assert found(Wish(document="H53-2"))[0] == 2
        assert (found(Wish(older="1h"))[0], found(Wish(newer="1h"))[0]) == (0, 5)
        assert found(Wish(state="confirmed"))[0] == 0


def _micro(ago: timedelta) -> int:
    return int((datetime.now(UTC) - ago).timestamp() * 1_000_000)


def test_what_was_shown_is_what_is_acted_upon_even_if_more_arrive(desk: Desk) -> None:
    prepared = desk.prepare(Event.HOLD, "chờ kiểm tra", link="h53-01")
    assert (prepared.job.total, prepared.impossible, prepared.job.state) == (4, {}, JobState.PREPARED)
    before = desk.states()
    desk.node.send("H53-5", ["H53.01"])  # it matches, too
    assert not desk.run()  # nobody has begun it
    desk.begin(prepared.job.id)
    assert desk.run()
    job = desk.job(prepared.job.id)
    assert (job.state, job.total, job.done, job.failed) == (JobState.DONE, 4, 4, 0)
    held = [number for number, state in desk.states().items() if state == "held"]
    assert len(held) == 4
    assert set(held) < set(before)
    entries = desk.entries("delivery.held")
    assert {entry["actor"] for entry in entries} == {f"person:{PERSON}"}
    assert "chờ kiểm tra" in str(entries[0]) or f"job {job.id}" in str(entries[0])
    assert not desk.run()


def test_a_delivery_that_cannot_be_dealt_with_stops_no_job(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = desk.prepare(Event.HOLD, state="queued")
    numbers = [number for number, state in desk.states().items() if state == "queued"]
    assert len(numbers) > 1
    plain = operator.perform

    def perform(node: Any, event: Event, batch: Any, *others: Any) -> Any:
        if numbers[0] in batch:
            raise KeyError("a mistake of ours")
        return plain(node, event, batch, *others)

    monkeypatch.setattr(operator, "perform", perform)
    desk.begin(prepared.job.id)
    assert desk.run()
    job = desk.job(prepared.job.id)
    assert (job.state, job.done, job.failed) == (JobState.DONE, len(numbers) - 1, 1)
    assert desk.states()[numbers[0]] == "queued"


def test_what_has_changed_meanwhile_is_left_alone_and_counted(desk: Desk) -> None:
    prepared = desk.prepare(Event.HOLD, "x", link="h53-01")
    first = min(number for number, state in desk.states().items() if state == "queued")
    assert desk.node.call("queue", "cancel", str(first), "--reason", "x").exit_code == 0
    desk.begin(prepared.job.id)
    desk.run()
    job = desk.job(prepared.job.id)
    assert (job.done, job.failed, desk.states()[first]) == (3, 1, "cancelled")


def test_what_is_not_possible_is_told_before(desk: Desk) -> None:
    desk.node.work()  # what is for the link has left
    desk.node.send("H53-5", ["H53.01"])
    prepared = desk.prepare(Event.HOLD, "x")
    assert (prepared.job.total, sorted(prepared.impossible.values())) == (1, [2, 4])
    assert {one.code for one in prepared.impossible} == {"EDX607"}


def test_a_job_that_was_broken_off_goes_on_and_does_nothing_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 1)
    prepared = desk.prepare(Event.HOLD, "x", link="h53-01")
    desk.begin(prepared.job.id)
    looks = iter((False, False, True))
    assert not desk.run(lambda: next(looks))  # the process is told to end
    assert (desk.job(prepared.job.id).place, desk.job(prepared.job.id).state) == (2, JobState.BEGUN)

    step, calls = kept.step_job, []

    def crash(*arguments: Any) -> bool:
        calls.append(step(*arguments))
        raise SystemExit("the process dies before the commit")

    monkeypatch.setattr(kept, "step_job", crash)
    with pytest.raises(SystemExit):
        desk.run()
    monkeypatch.setattr(kept, "step_job", step)
    assert calls == [True]
    assert list(desk.states().values()).count("held") == desk.job(prepared.job.id).place == 2

    assert not desk.run()  # whoever died may live still
    assert not desk.job(prepared.job.id).broken_off(datetime.now(UTC))
    assert desk.job(prepared.job.id).broken_off(datetime.now(UTC) + timedelta(minutes=2))
    desk.sql("UPDATE bulk_jobs SET beat_at = beat_at - 61000000")
    assert desk.run()
    job = desk.job(prepared.job.id)
    assert (job.state, job.done, job.failed) == (JobState.DONE, 4, 0)
    assert len(desk.entries("delivery.held")) == 4


def test_a_job_can_be_stopped_and_one_runs_at_a_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "BATCH", 1)
    first, second = desk.prepare(Event.HOLD, "x", link="h53-01"), desk.prepare(Event.HOLD, "x", link="vpcp")
    desk.begin(first.job.id)
    desk.begin(second.job.id)
    seen: list[bool] = []

    def stop_after_one() -> bool:
        seen.append(desk.run() if len(seen) == 1 else False)  # nobody else has a turn meanwhile
        if len(seen) == 3:
            with desk.ledger() as ledger:
                jobs.stop(ledger, first.job.id, PERSON, datetime.now(UTC))
        return False

    assert desk.run(stop_after_one)
    assert not any(seen)
    job = desk.job(first.job.id)
    assert (job.state, job.done) == (JobState.STOPPED, 2)
    assert list(desk.states().values()).count("held") == 2  # the batch in hand was undone
    assert desk.run()
    assert desk.job(second.job.id).state is JobState.DONE
    with desk.ledger() as ledger, pytest.raises(Refusal) as refused:
        jobs.stop(ledger, first.job.id, PERSON, datetime.now(UTC))
    assert refused.value.code == "EDX811"
    with desk.ledger() as ledger:
        assert [one.id for one in kept.latest_jobs(ledger.engine, 10)] == [second.job.id, first.job.id]


def test_a_wish_is_refused_that_nobody_could_mean(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(act: Event = Event.HOLD, reason: str = "x", **conditions: str) -> str:
        with pytest.raises(Refusal) as caught:
            desk.prepare(act, reason, **conditions)
        return caught.value.code

    for wrong in ({"older": "soon"}, {"older": "999999d"}, {"state": "lost"}, {"code": "EDX000"}, {"days": "0"},
                  {"days": "99999"}, {"newer": "1"}, {"days": "x"}):  # fmt: skip
        assert refused(**wrong) == "EDX809"
    assert refused(Event.CONFIRM) == refused(reason=" ") == "EDX809"
    assert refused(link="nowhere") == "EDX606"
    monkeypatch.setattr(jobs, "MOST", 3)
    assert refused() == "EDX810"
    monkeypatch.setattr(jobs, "MOST", 6)
    assert desk.prepare(Event.HOLD).job.total == 6
    assert {PROBLEMS[code].remedy["vi"] != "" for code in ("EDX809", "EDX810", "EDX811")} == {True}


def test_what_nobody_begins_is_forgotten(desk: Desk) -> None:
    old, now = desk.prepare(Event.HOLD, "x"), datetime.now(UTC)
    with pytest.raises(Refusal) as refused:
        desk.begin(old.job.id, now + timedelta(hours=2))
    assert refused.value.code == "EDX811"
    with desk.ledger() as ledger:
        jobs.prepare(ledger, desk.settings, Wish(), Event.HOLD, PERSON, "x", now + timedelta(hours=2))
        forgotten = jobs.standing_job(ledger, old.job.id)  # its number is not given again
        assert (forgotten.state, kept.job_numbers(ledger.engine, old.job.id)) == (JobState.STOPPED, [])
    with pytest.raises(Refusal):
        desk.begin(999)


def test_the_runner_does_what_is_begun_and_ends(desk: Desk) -> None:
    with node_of(desk.settings) as node:
        runner = JobRunner(lambda: node)
        runner.start()
        try:
            prepared = desk.prepare(Event.CANCEL, "gửi nhầm", state=str(State.QUEUED))
            desk.begin(prepared.job.id)
            until(lambda: desk.job(prepared.job.id).state is JobState.DONE, "that the job is done")
        finally:
            runner.close()
    assert set(desk.states().values()) == {"cancelled"}
    again = desk.prepare(Event.RESEND, "nhầm lẫn", state="cancelled")
    assert again.job.total == 6
