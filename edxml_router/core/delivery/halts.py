"""A halt: what an operator lets wait, by sender, recipient, route or cause, also of what comes later.

It stops what this node has still to send. What the next node may have already, or an office's inbox, is not stopped. A
delivery that a halt has stopped is HELD with the problem :data:`HALTED`, and counts against its lifetime as ever.

A drain is of the whole node, which takes nothing new then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail

HALTED: Final = "EDX661"
HALT_ADDED: Final = "halt.added"
HALT_RELEASED: Final = "halt.released"
NODE_DRAINED: Final = "node.drained"
NODE_RESUMED: Final = "node.resumed"
HALTS_MAX: Final = 100  # standing at one time: each is compared with whatever is to be sent
BELOW: Final = ".*"  # behind a code: that agency and all below it


@dataclass(frozen=True, slots=True)
class Halt:
    """Whatever meets all conditions that are not empty waits; at least one is given. ``sender`` and ``recipient`` are
    canonical codes, with ``.*`` behind them for all at and below; ``route`` is a :class:`Route`; ``cause`` is the code
    of a delivery's last problem."""

    sender: str
    recipient: str
    route: str
    cause: str
    since: datetime
    actor: str
    reason: str
    id: int = 0
    released_at: datetime | None = None  # what it has stopped is being let go

    @property
    def conditions(self) -> tuple[str, str, str, str]:
        return self.sender, self.recipient, self.route, self.cause

    def stops(self, delivery: Delivery, sender: str, route: str) -> bool:
        """Whether it applies to a delivery of this sender that would go over this route now."""
        return (
            _covers(self.sender, sender)
            and _covers(self.recipient, delivery.recipient)
            and self.route in ("", route)
            and self.cause in ("", delivery.code)
        )

    @property
    def told(self) -> Detail:
        """What a delivery that it has stopped says."""
        return Detail("halt {number}", number=self.id)

    def entry(self, event: str, at: datetime, actor: str, reason: str) -> Entry:
        """The journal's entry of the halt, or of its end."""
        facts: dict[str, Any] = {"halt": self.id}
        facts |= {
            name: value
            for name, value in zip(("sender", "recipient", "route", "cause"), self.conditions, strict=True)
            if value
        }
        return Entry(at, event, actor=actor, detail=reason, facts=facts)


@dataclass(frozen=True, slots=True)
class StandingHalt:
    """A halt, and how many deliveries it holds now."""

    halt: Halt
    count: int


@dataclass(frozen=True, slots=True)
class Drain:
    """A node that takes nothing new: since when, by whose word, and why."""

    since: datetime
    actor: str
    reason: str

    def entry(self, event: str, at: datetime, actor: str, reason: str) -> Entry:
        """The journal's entry of its beginning, or of its end."""
        return Entry(at, event, actor=actor, detail=reason)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What a node has still to do by itself: deliveries that could be sent now, and receipts for neighbours. What
    waits for somebody else is not under way: ``waiting`` deliveries are held, put off, or for a mailbox that does not
    answer, and ``answers`` are with the next node, or in an inbox."""

    deliveries: int
    receipts: int
    waiting: int
    answers: int

    @property
    def over(self) -> bool:
        return not (self.deliveries or self.receipts)


def first_that_stops(halts: Sequence[Halt], delivery: Delivery, sender: str, route: str) -> Halt | None:
    """The oldest of these that applies."""
    return next((one for one in halts if one.stops(delivery, sender, route)), None)


def _covers(pattern: str, code: str) -> bool:
    if not pattern.endswith(BELOW):
        return pattern in ("", code)
    whole = pattern.removesuffix(BELOW)
    return code == whole or code.startswith(f"{whole}.")
