"""What would go now by the rules of [retention], what stays although its term is over, and why.

    planned = draw_plan(views, terms, now, progress)
    for document in documents(views, terms, now): …

Nothing is changed. The decision is the one that removes (:mod:`edxml_router.core.retention.judging`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from edxml_router.core.retention.judging import BodyRuling, KeptBody, Reason, body_ruling
from edxml_router.core.retention.terms import RetentionTerms
from edxml_router.ports.views import Views
from edxml_router.stages.node import Node


@dataclass(slots=True)
class PlannedShare:
    """Some of the bodies: how many, their bytes, and when the oldest was accepted."""

    count: int = 0
    size: int = 0
    oldest: datetime | None = None

    def add(self, kept: KeptBody) -> None:
        """One more."""
        self.count += 1
        self.size += kept.envelope.size
        at = kept.envelope.accepted_at
        self.oldest = at if self.oldest is None else min(at, self.oldest)


@dataclass(slots=True)
class RetentionPlan:
    """``going`` by rule; ``staying`` by the first reason, of what was accepted long enough ago that a term could be
    over. ``kept`` are all bodies that are here, ``removed`` those that were removed on purpose so far: how many, and
    their bytes."""

    kept: tuple[int, int]
    removed: tuple[int, int]
    going: dict[str, PlannedShare] = field(default_factory=dict)
    staying: dict[Reason, PlannedShare] = field(default_factory=dict)
    empty: bool = False  # no rule lets anything go

    @property
    def total(self) -> PlannedShare:
        """All that would go."""
        shares = self.going.values()
        oldest = min((one.oldest for one in shares if one.oldest is not None), default=None)
        return PlannedShare(sum(one.count for one in shares), sum(one.size for one in shares), oldest)

    @property
    def younger(self) -> tuple[int, int]:
        """The bodies that no rule can be over for yet: how many, and their bytes."""
        seen = (*self.going.values(), *self.staying.values())
        return (
            max(0, self.kept[0] - sum(one.count for one in seen)),
            max(0, self.kept[1] - sum(one.size for one in seen)),
        )


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """One body, and what is decided about it."""

    kept: KeptBody
    ruling: BodyRuling


def node_plan(node: Node, progress: Callable[[int], None] = lambda _: None) -> RetentionPlan:
    """The plan of a node, by its rules, for now."""
    return draw_plan(node.ledger.views, node.rules.retention, node.now(), progress)


def node_documents(node: Node) -> Iterator[PlannedDocument]:
    """The documents of that plan."""
    return documents(node.ledger.views, node.rules.retention, node.now())


def draw_plan(
    views: Views, terms: RetentionTerms, now: datetime, progress: Callable[[int], None] = lambda _: None
) -> RetentionPlan:
    """Look at everything that could go. ``progress`` gets how many more were looked at. Raises what views raise."""
    plan = RetentionPlan(views.bodies_kept(), views.removals(), empty=terms.shortest is None)
    for page in _pages(views, terms, now):
        for one in page:
            if one.ruling.goes:
                plan.going.setdefault(one.ruling.rule.name, PlannedShare()).add(one.kept)
            else:
                plan.staying.setdefault(one.ruling.reasons[0], PlannedShare()).add(one.kept)
        progress(len(page))
    return plan


def documents(views: Views, terms: RetentionTerms, now: datetime) -> Iterator[PlannedDocument]:
    """Each body that would go, and each that stays for another reason than its term, the oldest first."""
    for page in _pages(views, terms, now):
        for one in page:
            if set(one.ruling.reasons) - {Reason.NOT_YET, Reason.FOR_EVER} or one.ruling.goes:
                yield one


def _pages(views: Views, terms: RetentionTerms, now: datetime) -> Iterator[Sequence[PlannedDocument]]:
    shortest, after = terms.shortest, None
    while shortest is not None:
        kept, after = views.kept_bodies(now - shortest, after)
        yield [PlannedDocument(one, body_ruling(terms, one, now)) for one in kept]
        if after is None:
            return
