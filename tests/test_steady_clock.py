"""The node's clock when the machine's jumps: on a machine whose clocks the tests set, and on a real node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import State
from edxml_router.demo.letters import Post
from edxml_router.demo.tree import NodePlan, Tree
from edxml_router.stages.acceptance.submission import Submission
from edxml_router.stages.outcomes import inquiring
from edxml_router.store.clocks import steady_clock
from edxml_router.store.clocks.steady_clock import FILE, PATIENCE, ClockStep, Machine, SteadyClock
from edxml_router.wiring.clocks import note_clock
from edxml_router.wiring.composition import RunningNode, open_worker

TODAY = datetime(2026, 11, 27, 8, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
JUMPS = [2 * DAY, -2 * DAY, 400 * DAY, -400 * DAY, timedelta(hours=7), -timedelta(hours=7)]


class Set(Machine):
    """A machine whose wall clock is set by hand."""

    def __init__(self, now: datetime = TODAY, boot: str = "first") -> None:
        self.boot = boot
        self._wall, self._count = now - datetime.fromtimestamp(0, UTC), timedelta(hours=1)

    def wall(self) -> timedelta:
        return self._wall

    def since_start(self) -> timedelta:
        return self._count

    def wait(self, time: timedelta) -> None:
        self._wall, self._count = self._wall + time, self._count + time

    def jump(self, step: timedelta) -> None:
        self._wall += step


def begun(folder: Path, machine: Machine, newest: datetime | None = None) -> SteadyClock:
    clock = SteadyClock(folder / FILE, machine)
    clock.start(newest)
    assert clock.watch() is None
    return clock


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_time_goes_on_as_if_nothing_had_jumped(tmp_path: Path, jump: timedelta) -> None:
    machine = Set()
    clock, other = begun(tmp_path, machine), begun(tmp_path, machine)
    machine.jump(jump)
    machine.wait(MINUTE)
    assert clock.now() == other.now() == TODAY + MINUTE
    told = clock.watch()
    assert told is not None and told.finding is not None and told.finding.code == "EDX805"
    assert other.watch() is None  # once for the node
    assert SteadyClock(tmp_path / FILE, machine).now() == TODAY + jump + MINUTE  # compared with nothing
    machine.jump(-jump)
    assert other.doubt() is None
    assert [clock.watch(), other.watch()] == [ClockStep(None), None]
    assert clock.now() == TODAY + MINUTE


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_jump_while_the_node_was_stopped_is_one_too(tmp_path: Path, jump: timedelta) -> None:
    machine = Set()
    begun(tmp_path, machine)
    machine.jump(jump)
    clock = SteadyClock(tmp_path / FILE, machine)
    clock.start(TODAY)
    assert clock.now() == TODAY
    assert clock.doubt() is not None


def test_small_steps_are_followed_however_many(tmp_path: Path) -> None:
    machine = Set()
    clock = begun(tmp_path, machine)
    for _ in range(10):
        machine.jump(4 * MINUTE)
        assert clock.watch() is None
    assert clock.now() == begun(tmp_path, machine).now() == TODAY + 40 * MINUTE


def test_a_step_is_told_by_the_count(tmp_path: Path) -> None:
    """Whatever time goes by; and a jump that is doubted moves the node's time only when it is believed."""
    machine = Set()
    clock = begun(tmp_path, machine)
    seen = [clock.ahead()]
    for step in (timedelta(seconds=3), timedelta(), -timedelta(seconds=4), DAY):
        machine.wait(7 * DAY)
        machine.jump(step)
        seen.append(clock.ahead())
        clock.watch()
    assert seen == [timedelta(), timedelta(seconds=3), timedelta(), -timedelta(seconds=4), timedelta()]
    clock.accept()
    assert clock.ahead() == DAY


def test_steps_that_are_not_worth_it_are_not_written(tmp_path: Path) -> None:
    machine = Set()
    clock = begun(tmp_path, machine)
    written = (tmp_path / FILE).stat().st_mtime_ns
    for _ in range(10):
        machine.jump(timedelta(microseconds=7))  # between reading one clock and the other
        clock.now()
        assert clock.watch() is None
    assert (tmp_path / FILE).stat().st_mtime_ns == written
    machine.jump(timedelta(seconds=2))
    assert clock.watch() is None
    assert (tmp_path / FILE).stat().st_mtime_ns != written


def test_after_a_start_of_the_machine_only_a_time_before_the_newest_entry_is_doubtful(tmp_path: Path) -> None:
    begun(tmp_path, Set())
    assert begun(tmp_path, Set(TODAY + 12 * DAY, "second"), TODAY).doubt() is None  # off over the holidays
    machine = Set(datetime(2000, 1, 1, tzinfo=UTC), "third")
    clock = SteadyClock(tmp_path / FILE, machine)
    clock.start(TODAY)
    assert clock.now() == TODAY
    told = clock.watch()
    assert told is not None and told.finding is not None
    machine.jump(TODAY + 12 * DAY - datetime(2000, 1, 1, tzinfo=UTC))  # the time server answers
    assert (clock.watch(), clock.now()) == (ClockStep(None), TODAY + 12 * DAY)


def test_what_stands_for_a_day_or_what_an_operator_says_is_believed(tmp_path: Path) -> None:
    machine = Set()
    clock, other = begun(tmp_path, machine), begun(tmp_path, machine)
    machine.jump(2 * DAY)
    clock.watch()
    assert other.accept() == 2 * DAY
    assert clock.now() == other.now() == TODAY + 2 * DAY
    machine.jump(-2 * DAY)
    clock.watch()
    machine.wait(PATIENCE - MINUTE)
    assert clock.watch() is None
    assert clock.now() == TODAY + 2 * DAY + PATIENCE - MINUTE
    machine.wait(MINUTE)
    assert clock.watch() == ClockStep(None, -2 * DAY)
    assert clock.now() == other.now() == TODAY + PATIENCE


@pytest.mark.parametrize("found", [b"", b"[]", b'{"boot": "first", "began": "x"}', b'{"boot": "first"}', b"\xff"])
def test_a_damaged_mark_is_as_none(tmp_path: Path, found: bytes) -> None:
    (tmp_path / FILE).write_bytes(found)
    assert begun(tmp_path, Set()).now() == TODAY


def test_a_folder_that_cannot_be_written_keeps_nothing_from_going_on(tmp_path: Path) -> None:
    machine = Set()
    clock = begun(tmp_path / "missing", machine)
    machine.jump(2 * DAY)
    assert (clock.watch(), clock.now()) == (None, TODAY)
    assert clock.doubt() is not None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Set:
    machine = Set(datetime.now(UTC))
    monkeypatch.setattr(steady_clock, "Machine", lambda: machine)
    return machine


@pytest.fixture
def node(tmp_path: Path, machine: Set) -> Iterator[tuple[RunningNode, bytes]]:
    assert machine.boot
    plans = (
        NodePlan("quoc-gia", "Nút quốc gia", ("G22",)),
        NodePlan("tay-ninh", "Nút tỉnh", ("H53",), "quoc-gia", ("H53",)),
    )
    with Tree(tmp_path / "tree", plans) as tree, open_worker(tree.settings("quoc-gia")) as opened:
        opened.declare()
        opened.watch_clock()
        yield opened, Post(tree.pki).document("G22", ["H53"], number=1, subject="V/v thử nghiệm")


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_nothing_ends_and_nothing_waits_by_a_clock_that_has_jumped(
    node: tuple[RunningNode, bytes], machine: Set, jump: timedelta
) -> None:
    (opened, data), here = node, node[0].node
    before = here.now()
    [answer] = pipeline.accept(here, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    machine.jump(jump)
    change = opened.watch_clock()
    assert change is not None and change.finding is not None
    assert pipeline.expire(here) == ()
    pipeline.forward(here)
    with here.ledger.book() as book:
        [delivery] = book.deliveries.of([answer.digest])
    assert delivery.state is State.FORWARDED
    assert inquiring.inquire(here) == 0
    assert before <= delivery.due_at <= before + here.rules.delivery.receipt_timeout
    machine.jump(-jump)
    opened.watch_clock()
    machine.wait(here.rules.delivery.receipt_timeout)
    assert inquiring.inquire(here) == 1
    entries = here.ledger.views.lines(event="clock.")
    assert [line.entry.event for line in entries] == ["clock.doubtful", "clock.believed"]


def test_what_a_clock_that_was_ahead_has_left_is_due_when_it_is_put_right(
    node: tuple[RunningNode, bytes], machine: Set
) -> None:
    data, here = node[1], node[0].node
    machine.jump(2 * DAY)
    here.clock.accept()  # somebody believed it
    [answer] = pipeline.accept(here, [Submission(MemoryBody(data), "vanthu-quoc-gia", "cli")])
    pipeline.forward(here)
    machine.jump(-2 * DAY)
    assert inquiring.inquire(here) == 0
    note_clock(here, ClockStep(None, here.clock.accept()), "operator:lan")
    assert inquiring.inquire(here) == 1
    with here.ledger.book() as book:
        [delivery] = book.deliveries.of([answer.digest])
    assert delivery.state is State.FORWARDED
