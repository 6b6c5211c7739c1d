"""What a halt lets wait, waits: also what comes later, on both databases; and released it goes on in its order."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edxml_router import pipeline
from edxml_router.config import Settings
from edxml_router.core.delivery.halts import HALTS_MAX, Halt
from edxml_router.core.delivery.lifecycle import Event, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.problems import Refusal, Setback
from edxml_router.services import office, operator
from edxml_router.services.flow import draining, halts
from edxml_router.wiring.opening import ledger_of, node_of
from tests.contract.databases import Database
from tests.contract.test_services import letters, pki, settings

__all__ = ["pki", "settings"]  # fixtures


def wanted(sender: str = "", recipient: str = "", route: str = "", cause: str = "") -> Halt:
    return Halt(sender, recipient, route, cause, datetime.now(UTC), "operator:lan", "chờ xác minh")


def nobody(_count: int) -> None:
    """There is no bar to advance."""


def hand_in(settings: Settings, pki: Path, *names: str) -> None:
    with node_of(settings) as node:
        assert all(each.answer.accepted for each in office.submit(node, "vp", names, letters(pki, *names)))


def standing(settings: Settings) -> list[Delivery]:
    with ledger_of(settings) as ledger:
        return list(ledger.views.list_deliveries(states=list(State)))


def shown(settings: Settings) -> list[tuple[State, str]]:
    return [(one.state, one.code) for one in standing(settings)]


def events(settings: Settings, event: str) -> list[tuple[str, dict[str, Any]]]:
    with ledger_of(settings) as ledger:
        return [(line.entry.actor, dict(line.entry.facts)) for line in ledger.views.lines(event=event)]


def test_what_waits_and_what_comes_later_is_stopped_and_goes_on_in_order(settings: Settings, pki: Path) -> None:
    hand_in(settings, pki, "1/VP", "2/VP")
    with node_of(settings) as node:
        assert halts.to_be_stopped(node, wanted("H53")) == 2
        done = halts.add_halt(node, wanted("H53"), nobody)
    assert (done.halt.id, done.count, shown(settings)) == (1, 2, [(State.HELD, "EDX661")] * 2)
    hand_in(settings, pki, "3/VP")
    with node_of(settings) as node:
        assert not pipeline.forward(node)
        assert shown(settings) == [(State.HELD, "EDX661")] * 3
        [seen] = halts.standing_halts(node.ledger.views)
        assert (seen.count, seen.halt.conditions) == (3, ("H53", "", "", ""))
        # Released one by one, each would be stopped again at once: whoever tries is told what to do.
        [no] = operator.release(node, [1], "lan", "")
        assert no is not None
        assert (no.code, "halt release 1" in no.detail) == ("EDX607", True)
        assert operator.cancel(node, [2], "lan", "không cần nữa") == [None]
        done = halts.release_halt(node, 1, "hoa", "đã xác minh", nobody)
        assert (done.count, halts.standing_halts(node.ledger.views)) == (2, [])
        assert [move.delivery.id for move in pipeline.forward(node)] == [1, 3]
    assert [one.state for one in standing(settings)] == [State.AVAILABLE, State.CANCELLED, State.AVAILABLE]
    assert events(settings, "halt.added") == [("operator:lan", {"halt": 1, "sender": "H53"})]
    assert events(settings, "halt.released") == [("operator:hoa", {"halt": 1, "sender": "H53"})]
    assert [actor for actor, _ in events(settings, "delivery.released")] == ["operator:hoa"] * 2
    with ledger_of(settings) as ledger:
        assert not ledger.views.verify().damages


@pytest.mark.parametrize(
    ("halt", "stopped"),
    [
        (wanted(recipient="G22"), True),
        (wanted(recipient="H53"), False),
        (wanted(sender="H53.*"), True),
        (wanted(sender="H5.*"), False),
        (wanted(route="office:vpcp"), True),
        (wanted(route="office:vp"), False),
        (wanted(sender="H53", recipient="G22.*", route="office:vpcp"), True),
        (wanted(sender="H53", recipient="G22", cause="EDX705"), False),
    ],
)
def test_all_conditions_must_hold(sqlite_settings: Settings, pki: Path, halt: Halt, stopped: bool) -> None:
    hand_in(sqlite_settings, pki, "1/VP")
    with node_of(sqlite_settings) as node:
        halts.add_halt(node, halt, nobody)
        pipeline.forward(node)
    assert shown(sqlite_settings) == [(State.HELD, "EDX661") if stopped else (State.AVAILABLE, "")]


@pytest.fixture
def sqlite_settings(sqlite_database: Database, pki: Path, tmp_path: Path) -> Settings:
    made: Settings = settings.__wrapped__(sqlite_database, pki, tmp_path)  # type: ignore[attr-defined]  # pytest's
    return made


def test_a_cause_stops_what_has_that_problem(settings: Settings, pki: Path) -> None:
    hand_in(settings, pki, "1/VP", "2/VP")
    with node_of(settings) as node, node.ledger.book() as book:
        [one, _] = book.deliveries.claim(node.now(), node.now(), 10)
        book.deliveries.move([operator.change(one, Event.DEFER, due_at=node.now(), code="EDX705")])
    with node_of(settings) as node:
        assert halts.add_halt(node, wanted(cause="EDX705"), nobody).count == 1
        pipeline.forward(node)
    assert shown(settings) == [(State.HELD, "EDX661"), (State.AVAILABLE, "")]


def test_a_release_that_was_interrupted_goes_on(
    settings: Settings, pki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(settings, pki, "1/VP", "2/VP", "3/VP")
    monkeypatch.setattr(halts, "_BATCH", 2)
    with node_of(settings) as node:
        assert halts.add_halt(node, wanted("H53"), nobody).count == 3

        def killed(count: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            halts.release_halt(node, 1, "lan", "", killed)
        assert [one.state for one in standing(settings)] == [State.QUEUED, State.QUEUED, State.HELD]
        [left] = halts.standing_halts(node.ledger.views)
        assert (left.count, left.halt.released_at is not None) == (1, True)
        pipeline.forward(node)  # it stops nothing any more
        assert halts.release_halt(node, 1, "lan", "", nobody).count == 1
        with pytest.raises(Refusal, match="EDX606"):
            halts.release_halt(node, 1, "lan", "", nobody)
    assert [one.state for one in standing(settings)] == [State.AVAILABLE, State.AVAILABLE, State.QUEUED]
    assert len(events(settings, "halt.released")) == 1


def test_one_of_a_kind_and_not_without_end(settings: Settings) -> None:
    with node_of(settings) as node:
        halts.add_halt(node, wanted("H53"), nobody)
        with pytest.raises(Refusal, match="EDX663"):
            halts.add_halt(node, wanted("H53"), nobody)
        with node.ledger.book() as book:
            for number in range(HALTS_MAX - 1):
                book.halts.add(wanted(cause=f"EDX{number}"))
        with pytest.raises(Refusal, match="EDX663"):
            halts.add_halt(node, wanted(recipient="H53"), nobody)
        with pytest.raises(Refusal, match="EDX606"):
            halts.canonical_pattern(settings, "hộp thư.*")


def test_halts_are_read_once_for_a_batch(
    sqlite_settings: Settings, pki: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_in(sqlite_settings, pki, *(f"{number}/VP" for number in range(1, 9)))
    calls: list[int] = []
    with node_of(sqlite_settings) as node:
        halts.add_halt(node, wanted("G22"), nobody)
        with node.ledger.book() as book:
            kind = type(book.halts)
        read = kind.standing
        monkeypatch.setattr(kind, "standing", lambda self: calls.append(1) or read(self))
        assert len(pipeline.forward(node)) == 8
    assert calls == [1]


def test_a_node_that_is_drained_takes_nothing_and_finishes_what_it_has(settings: Settings, pki: Path) -> None:
    hand_in(settings, pki, "1/VP", "2/VP")
    with node_of(settings) as node:
        assert node.ledger.views.drain() is None
        drain = draining.begin(node, "lan", "thay đĩa")
        assert draining.begin(node, "hoa", "nữa") == drain  # the first stands
        assert operator.hold(node, [2], "lan", "") == [None]
        left = node.ledger.views.under_way()
        assert (left.deliveries, left.waiting, left.answers, left.over) == (1, 1, 0, False)
        [handed] = office.submit(node, "vp", ["3/VP"], letters(pki, "3/VP"))
        assert handed.answer.finding is not None
        assert (handed.answer.passing, handed.answer.finding.code) == (True, "EDX664")
        assert [move.delivery.id for move in pipeline.forward(node)] == [1]
    with node_of(settings) as node:  # a process that begins later
        left = node.ledger.views.under_way()
        assert (left.deliveries, left.waiting, left.answers, left.over) == (0, 1, 1, True)
        with pytest.raises(Setback, match="EDX664"):
            draining.require_taking(node.ledger.views)
        assert draining.resume(node, "hoa", "xong") == drain
        with pytest.raises(Refusal, match="EDX606"):
            draining.resume(node, "hoa", "xong")
    hand_in(settings, pki, "3/VP")
    assert len(standing(settings)) == 3
    assert [events(settings, f"node.{each}") for each in ("drained", "resumed")] == [
        [("operator:lan", {})], [("operator:hoa", {})]
    ]  # fmt: skip
