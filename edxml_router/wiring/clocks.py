"""The clock of a node: what it is compared with, and what happens to pauses when it goes back.

    compare_clock(ledger) # when the ledger is opened node.clock.watch() # periodically; its result goes to note_clock
    """

from __future__ import annotations

from datetime import timedelta

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.link.skew import TOLERANCE
from edxml_router.store.clocks import pauses
from edxml_router.store.clocks.steady_clock import ClockStep, SteadyClock
from edxml_router.wiring.own_ledger import OwnLedger
from edxml_router.wiring.stored import StoredNode


def compare_clock(ledger: OwnLedger) -> SteadyClock:
    """Start the clock of a ledger with what it is to be compared with. Raises Setback."""
    ledger.clock.start(pauses.newest_entry(ledger))
    return ledger.clock


def note_clock(node: StoredNode, change: ClockStep, actor: str) -> None:
    """Journal the step; if the node's time has gone back, nothing waits for longer than the longest pause."""
    finding, now = change.finding, node.now()
    if finding is not None:
        entry = Entry(now, "clock.doubtful", actor=actor, code=finding.code, detail=finding.detail)
    else:
        step = Detail("{step:+.0f} s", step=change.step.total_seconds())
        entry = Entry(now, "clock.believed", actor=actor, detail=step)
    with node.ledger.book() as book:
        book.journal.note([entry])
    if change.step < timedelta():
        shorten_pauses(node)


def shorten_pauses(node: StoredNode) -> None:
    """Make due what is further ahead than any pause of the settings. Raises Setback."""
    timing = node.rules.delivery
    longest = max(timing.lease, timing.retry_ceiling, timing.receipt_timeout, timing.inquiry_interval)
    pauses.shorten(node.ledger, longest + TOLERANCE)
