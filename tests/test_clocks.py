"""Neighbours whose clocks differ: nothing ends or is refused by it, and both operators are told. Each node has a clock
of its own here; the province's is set wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edxml_router import pipeline
from edxml_router.core.body import MemoryBody
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.link.skew import REMINDER_INTERVAL, Skew, Skews
from edxml_router.core.link.wire import Receipt, ReceiptOutcome
from edxml_router.core.problems import Finding, Refusal
from edxml_router.services import operator
from edxml_router.stages import clocks
from edxml_router.stages.acceptance.submission import Candidate, Submission
from edxml_router.stages.offices import inbox
from edxml_router.stages.rules import Rules
from edxml_router.store.clocks.neighbour_clocks import FILE, KeptSkews
from tests.clocks import Moved
from tests.contract.hubs import until
from tests.test_pipeline import Nodes, letter, nodes

__all__ = ["nodes"]  # the fixture

NATION, PROVINCE = "quoc-gia", "tay-ninh"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
# Before the letters' certificates were issued, after they have ended, local time written as UTC, a date mistyped.
WRONG = [-9000 * DAY, -400 * DAY, -7 * HOUR, 7 * HOUR, 40 * DAY, 9000 * DAY]


def set_wrong(nodes: Nodes, step: timedelta) -> Moved:
    nodes[PROVINCE].node.clock = clock = Moved()
    clock.at = nodes.clock.at + step
    return clock


def turns(nodes: Nodes, names: tuple[str, ...] = (NATION, PROVINCE)) -> list[tuple[str, Finding | None]]:
    """As workers do; the alarms about clocks, each with its node."""
    alarms = []
    for _ in range(6):
        for name in names:
            alarms += [(name, finding) for _, finding in nodes.step(name).clocks]
            clocks.keep_asking(nodes[name].node)
    return alarms


def told(nodes: Nodes, name: str) -> str:
    """What the node's operator sees of the neighbour's clock."""
    peer = {NATION: PROVINCE, PROVINCE: NATION}[name]
    skew = nodes[name].node.skews.of(peer)
    return skew.finding(peer).detail if skew else ""


@pytest.mark.parametrize("step", WRONG, ids=str)
def test_a_childs_wrong_clock_ends_nothing_and_is_named_at_both_ends(nodes: Nodes, step: timedelta) -> None:
    clock = set_wrong(nodes, step)
    answer = nodes.send(NATION, letter(nodes))
    turns(nodes)
    for name in (NATION, PROVINCE):
        pipeline.expire(nodes[name].node)
    until(lambda: turns(nodes) == [] and told(nodes, NATION) and told(nodes, PROVINCE))
    assert nodes.states(NATION, answer.digest)["H53"] not in ENDS
    for name, ahead in ((NATION, step), (PROVINCE, -step)):
        peer = {NATION: PROVINCE, PROVINCE: NATION}[name]
        expected = f"the clock of {peer} is " if ahead > timedelta() else "this node's clock is "
        assert told(nodes, name).startswith(expected + str(abs(step))), name
    # Put right, it takes what waited, and both hear that it is over.
    clock.at = nodes.clock.at

    def taken() -> bool:
        nodes.clock.at += HOUR
        clock.at += HOUR
        turns(nodes)
        return nodes.states(PROVINCE, answer.digest) == {"H53": State.AVAILABLE}

    until(taken)
    assert [told(nodes, name) for name in (NATION, PROVINCE)] == ["", ""]


@pytest.mark.parametrize("ahead", [NATION, PROVINCE])
def test_the_lifetime_is_what_was_left_whosever_clock_is_wrong(nodes: Nodes, ahead: str) -> None:
    lifetime = nodes[NATION].node.rules.delivery.lifetime
    set_wrong(nodes, timedelta())
    clocks_of = {name: nodes[name].node.clock for name in (NATION, PROVINCE)}
    wrong = clocks_of[ahead]
    assert isinstance(wrong, Moved)
    wrong.at += 20 * DAY
    answer = nodes.send(NATION, letter(nodes))
    for clock in clocks_of.values():
        assert isinstance(clock, Moved)
        clock.at += 3 * DAY
    turns(nodes)
    [there] = nodes.deliveries(PROVINCE, answer.digest).values()
    assert there.expires_at - clocks_of[PROVINCE].now() == lifetime - 3 * DAY
    assert told(nodes, NATION) and told(nodes, PROVINCE)


def test_a_letter_that_waited_is_no_wrong_clock(nodes: Nodes) -> None:
    set_wrong(nodes, timedelta())
    nodes.send(NATION, letter(nodes))
    nodes.step(NATION)
    clock = nodes[PROVINCE].node.clock
    assert isinstance(clock, Moved)
    for each in (clock, nodes.clock):
        each.at += 3 * DAY
    assert turns(nodes, (PROVINCE, NATION)) == []
    assert [told(nodes, name) for name in (NATION, PROVINCE)] == ["", ""]


def test_what_has_ended_while_a_letter_waited_is_refused_for_itself(nodes: Nodes) -> None:
    rules = nodes[NATION].node.rules
    nodes[NATION].node.rules = replace(rules, delivery=replace(rules.delivery, lifetime=10000 * DAY))
    answer = nodes.send(NATION, letter(nodes))
    nodes.step(NATION)
    nodes.clock.at += 9000 * DAY  # both clocks are right, and the signer's certificate has ended
    handled = nodes.step(PROVINCE)
    assert [one.finding.code for one in handled.answers if one.finding] == ["EDX806"]  # so far it cannot be told
    for _ in range(3):
        assert turns(nodes) == []
        nodes.clock.at += HOUR
    [here] = nodes.deliveries(NATION, answer.digest).values()
    assert (here.state, here.code) == (State.RETURNED, "EDX309")


def test_an_office_of_the_node_with_the_wrong_clock_is_not_blamed(nodes: Nodes) -> None:
    set_wrong(nodes, -9000 * DAY)
    nodes.send(NATION, letter(nodes))
    turns(nodes)
    answer = nodes.send(PROVINCE, letter(nodes, ["G22"], sender="H53"))
    assert answer.finding is not None
    assert (answer.passing, answer.finding.code, answer.finding.where) == (True, "EDX806", NATION)
    assert answer.finding.detail.startswith("EDX309 by this node's clock, not by that of quoc-gia")


def test_expired_by_a_neighbours_clock_is_sent_there_again(nodes: Nodes) -> None:
    clock = set_wrong(nodes, timedelta())
    answer = nodes.send(NATION, letter(nodes))
    turns(nodes)
    clock.at += 60 * DAY
    pipeline.expire(nodes[PROVINCE].node)
    assert nodes.states(PROVINCE, answer.digest) == {"H53": State.EXPIRED}
    clock.at -= 60 * DAY
    turns(nodes)
    [here] = nodes.deliveries(NATION, answer.digest).values()
    assert (here.state, here.generation, here.code) == (State.QUEUED, 1, "EDX802")
    assert here.detail.startswith("expired at tay-ninh, where it had until")
    nodes.clock.at += HOUR
    clock.at += HOUR
    turns(nodes)
    [there] = nodes.deliveries(PROVINCE, answer.digest).values()
    assert (there.state, there.generation) == (State.AVAILABLE, 1)
    inbox.confirm(nodes[PROVINCE].node, f"vanthu-{PROVINCE}", [there.name])
    turns(nodes)
    assert nodes.states(NATION, answer.digest) == {"H53": State.CONFIRMED}
    notes = nodes[NATION].node.ledger.views.notices(f"office:vanthu-{NATION}")
    assert [one.receipt.outcome for one in notes] == [ReceiptOutcome.CONFIRMED]


def test_once_the_lifetime_is_over_here_the_neighbours_word_counts(nodes: Nodes) -> None:
    answer = nodes.send(NATION, letter(nodes))
    turns(nodes)
    nodes.clock.at += nodes[NATION].node.rules.delivery.lifetime
    pipeline.expire(nodes[PROVINCE].node)
    turns(nodes)
    assert nodes.states(NATION, answer.digest) == {"H53": State.EXPIRED}


def test_nothing_was_confirmed_before_it_was_sent(nodes: Nodes) -> None:
    clock = set_wrong(nodes, timedelta())
    before = nodes.clock.now()
    answer = nodes.send(NATION, letter(nodes))
    turns(nodes)
    clock.at -= 9000 * DAY
    [there] = nodes.deliveries(PROVINCE, answer.digest).values()
    inbox.confirm(nodes[PROVINCE].node, f"vanthu-{PROVINCE}", [there.name])
    turns(nodes)
    [here] = nodes.deliveries(NATION, answer.digest).values()
    assert here.state is State.CONFIRMED and here.ended_at is not None
    assert before - MINUTE <= here.ended_at <= nodes.clock.now()


def test_a_resend_further_on_is_part_of_the_same_delivery(nodes: Nodes) -> None:
    """The operator of the province sends again what came back; the nation hears of its end at once."""
    node, there = nodes[NATION].node, nodes[PROVINCE].node
    answer = nodes.send(NATION, letter(nodes))
    turns(nodes)
    now = nodes.clock.now()
    told = [(PROVINCE, Receipt(answer.digest, "H53", 1, ReceiptOutcome.CONFIRMED, now))]
    told += [(PROVINCE, Receipt(answer.digest, "H53", 0, ReceiptOutcome.RETURNED, now, "EDX801"))]
    [move] = pipeline.settle(node, told)  # both at once: the later one is how it stands
    assert (move.after, move.generation) == (State.CONFIRMED, 1)
    assert there.name == PROVINCE


def test_an_earlier_generation_settles_nothing(nodes: Nodes) -> None:
    node = nodes[NATION].node
    answer = nodes.send(NATION, letter(nodes))
    turns(nodes)
    [there] = nodes.deliveries(PROVINCE, answer.digest).values()
    inbox.refuse(nodes[PROVINCE].node, f"vanthu-{PROVINCE}", [there.name], "nhầm")
    turns(nodes)
    [here] = nodes.deliveries(NATION, answer.digest).values()
    assert operator.resend(node, [here.id], "operator:lan", "") == [None]
    late = Receipt(answer.digest, "H53", 0, ReceiptOutcome.RETURNED, nodes.clock.now(), "EDX801")
    assert pipeline.settle(node, [(PROVINCE, late)]) == []


# --- what is known of a clock ---


def test_only_the_future_proves_a_difference_and_only_the_present_ends_it() -> None:
    skews = Skews()
    assert not skews.dated("xa", NOW - 9 * DAY, NOW)
    assert not skews.dated("xa", NOW + 4 * MINUTE, NOW)
    assert skews.dated("xa", NOW + DAY, NOW)
    assert not skews.dated("xa", NOW + HOUR, NOW + MINUTE)  # waited on the way
    assert not skews.dated("xa", NOW - 9 * DAY, NOW + MINUTE)
    assert not skews.dated("xa", NOW, NOW, by_itself=False)
    assert skews.of("xa") == Skew(DAY, NOW)
    assert skews.dated("xa", NOW + 2 * DAY, NOW)
    assert skews.dated(
        "xa", NOW + REMINDER_INTERVAL + HOUR, NOW + REMINDER_INTERVAL
    )  # put right by half: told again after a while
    assert skews.of("xa") == Skew(HOUR, NOW + REMINDER_INTERVAL)
    assert skews.dated("xa", NOW, NOW + MINUTE)
    assert skews.all() == {}


def test_the_neighbour_sees_what_we_cannot() -> None:
    skews = Skews()
    assert not skews.said("xa", timedelta(), NOW)
    assert skews.said("xa", DAY, NOW)
    assert not skews.said("xa", DAY, NOW + MINUTE)
    assert skews.of("xa") == Skew(-DAY, NOW)
    assert skews.said("xa", timedelta(), NOW)
    assert not skews.said("xa", timedelta(), NOW)
    assert skews.dated("xa", datetime.max.replace(tzinfo=UTC), NOW)
    skew = skews.of("xa")
    assert skew is not None and NOW + skew.ahead > NOW  # a calendar holds it
    assert not skews.said("xa", timedelta(), NOW)  # that is not what it can see


def test_processes_of_a_machine_know_the_same(tmp_path: Path) -> None:
    one, other = KeptSkews(tmp_path / FILE), KeptSkews(tmp_path / FILE)
    assert one.dated("xa", NOW + DAY, NOW)
    assert other.of("xa") == Skew(DAY, NOW)
    assert not other.dated("xa", NOW + DAY, NOW)  # told once for the machine
    assert other.dated("xa", NOW, NOW)
    assert one.all() == {}


DAMAGED = [b"", b"[]", b'{"xa": 1}', b'{"xa": ["y", 2]}', b'{"xa": [1, 99999999999999]}', b"\xff"]


@pytest.mark.parametrize("found", DAMAGED)
def test_a_damaged_file_is_as_none(tmp_path: Path, found: bytes) -> None:
    (tmp_path / FILE).write_bytes(found)
    skews = KeptSkews(tmp_path / FILE)
    assert skews.all() == {}
    assert skews.said("xa", DAY, NOW)
    assert KeptSkews(tmp_path / FILE).all() == {"xa": Skew(-DAY, NOW)}


def test_without_a_folder_a_process_knows_what_it_knows(tmp_path: Path) -> None:
    skews = KeptSkews(tmp_path / "missing" / FILE)
    assert skews.dated("xa", NOW + DAY, NOW)
    assert skews.of("xa") == Skew(DAY, NOW)


def test_a_letter_is_judged_again_by_a_few_clocks_only(nodes: Nodes) -> None:
    """Every neighbour may say what it likes of our clock, and a letter that is refused costs its judging for each."""
    node, times = nodes[NATION].node, list[datetime]()
    for number in range(20):
        node.skews.said(f"xa-{number}", DAY, node.now())

    def judge(_rules: Rules, _here: str, submission: Submission, at: datetime) -> Candidate:
        times.append(at)
        return Candidate(submission, "0", trouble=Refusal("EDX309"))

    item = clocks.careful(node, judge, node.now())(Submission(MemoryBody(b"<"), "vanthu", "cli"))
    assert item.trouble is not None
    assert (item.trouble.code, len(times)) == ("EDX309", 1 + clocks.CLOCKS_MAX)
