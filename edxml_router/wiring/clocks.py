"""The clock of a node: what it is compared with, and what becomes of pauses when it has gone back.

    compare_clock(ledger)            # when the ledger is opened
    clock_of(node).watch()           # again and again; what it says is for note_clock
"""

from __future__ import annotations

from datetime import timedelta

from edxml_router.core.delivery.journal import Entry
from edxml_router.stages.node import Node
from edxml_router.store import pauses, steady_clock
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.steady_clock import Change, SteadyClock


def compare_clock(ledger: SqlLedger) -> SteadyClock:
    """The clock of a ledger, told what it is to be compared with. Raises Setback."""
    clock = ledger.clock
    assert isinstance(clock, SteadyClock)  # noqa: S101  # this module made it
    clock.start(pauses.newest_entry(ledger))
    return clock


def clock_of(node: Node) -> SteadyClock:
    """The clock that the node goes by, for who keeps its mark."""
    clock = ledger_of(node).clock
    assert isinstance(clock, SteadyClock)  # noqa: S101  # this module made it
    return clock


def note_clock(node: Node, change: Change, actor: str) -> None:
    """Journal it; where the node's time has gone back, nothing waits for longer than the longest pause."""
    finding, now = change.finding, node.now()
    if finding is not None:
        entry = Entry(now, "clock.doubtful", actor=actor, code=finding.code, detail=finding.detail)
    else:
        entry = Entry(now, "clock.believed", actor=actor, detail=f"{change.step.total_seconds():+.0f} s")
    with node.ledger.book() as book:
        book.note([entry])
    if change.step < timedelta():
        shorten_pauses(node)


def shorten_pauses(node: Node) -> None:
    """Make due what is further ahead than any pause of the settings. Raises Setback."""
    timing = node.rules.timing
    longest = max(timing.lease, timing.retry_ceiling, timing.receipt_timeout, timing.inquiry_interval)
    pauses.shorten(ledger_of(node), longest + steady_clock.TOLERANCE)


def ledger_of(node: Node) -> SqlLedger:
    """The node's ledger as what it is: :mod:`edxml_router.wiring.node` made it so."""
    assert isinstance(node.ledger, SqlLedger)  # noqa: S101  # this module made it
    return node.ledger
