"""How a node stands, as one value: what needs somebody, what waits where and for how long, and what it lives on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from edxml_router.core.delivery.views import Shape
from edxml_router.core.problems import Finding
from edxml_router.services.health.report import CheckResult
from edxml_router.shapes.node import Result, result_of


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that needs somebody.

    ``check`` is the one of doctor that found it. ``since``: when it began; where nobody knows that, ``noticed`` is set
    and it is when it was seen first. ``route``, if it is about one, with how many deliveries are on the way there,
    and when the oldest of them was accepted.
    """

    check: str
    finding: Finding
    since: datetime
    noticed: bool = False
    route: str = ""
    waiting: int = 0
    oldest: datetime | None = None

    @property
    def result(self) -> Result:
        """``failed``, or ``warning`` for what is only worth a look."""
        return result_of(self.finding)


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a node lives on. Sizes in bytes; a time is None where there is none to tell.

    ``expiry``: by kind (``own``, ``neighbour``, ``anchor`` …), when the first certificate or list of it ends;
    ``offsets``: by how many seconds a neighbour's clock is ahead, for those known to differ; ``stamped``: when the
    journal was last stamped, by authority, None for never.
    """

    free: int | None = None
    size: int | None = None
    reserve: int | None = None
    expiry: Mapping[str, datetime] = field(default_factory=dict)
    clock_doubtful: bool | None = None
    offsets: Mapping[str, float] = field(default_factory=dict)
    stamped: Mapping[str, datetime | None] = field(default_factory=dict)
    entries: int | None = None  # of the journal, under its newest checkpoint


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, as it was at ``at``. ``needs``: the gravest first. ``piles`` is None where the database did not
    answer, and ``unread`` then says why; what is empty and what is unknown are never the same."""

    node: str
    at: datetime
    needs: Sequence[Need]
    piles: Sequence[Shape] | None
    vitals: Vitals
    checks: Sequence[CheckResult]
    unread: Finding | None = None
    silent: frozenset[str] = frozenset()  # the routes whose mailboxes do not answer

    @property
    def first(self) -> Need | None:
        """What the one sentence is about; None: nothing needs anybody."""
        return self.needs[0] if self.needs else None

    @property
    def broken(self) -> int:
        """How many things are more than worth a look."""
        return sum(one.result == "failed" for one in self.needs)

    @property
    def waiting(self) -> int | None:
        """Deliveries without an end, on every route."""
        return None if self.piles is None else sum(pile.total for pile in self.piles)
