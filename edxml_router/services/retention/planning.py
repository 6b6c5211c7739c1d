"""What would go now by the rules of [retention], what stays although its term is over, and why; and when the next goes.

    planned = draw_plan(views, terms, now, progress)
    for document in documents(views, terms, now): …

Nothing is changed. The decision is the one that removes (:mod:`edxml_router.core.retention.judging`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from edxml_router.core.retention.judging import BodyRuling, KeptBody, KeptWords, Reason, body_ruling, words_ruling
from edxml_router.core.retention.terms import RetentionTerms
from edxml_router.ports.retention import Key
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
        self._add(kept, 1, kept.envelope.size)

    def add_words(self, kept: KeptWords) -> None:
        """The texts about one envelope more, in UTF-8."""
        self._add(kept.about, len(kept.words), sum(len(one.words.encode()) for one in kept.words))

    def _add(self, kept: KeptBody, count: int, size: int) -> None:
        self.count += count
        self.size += size
        at = kept.envelope.accepted_at
        self.oldest = at if self.oldest is None else min(at, self.oldest)


@dataclass(slots=True)
class RetentionPlan:
    """``going`` by rule; ``staying`` by the first reason, of what was accepted long enough ago that a term could be
    over. ``kept`` are all bodies that are here, ``removed`` those that were removed on purpose so far: how many, and
    their bytes. ``words_going`` and ``words_staying`` are texts that people wrote. ``next_at``: where nothing would go,
    when the next term ends, if nothing else speaks against it then."""

    kept: tuple[int, int]
    removed: tuple[int, int]
    going: dict[str, PlannedShare] = field(default_factory=dict)
    staying: dict[Reason, PlannedShare] = field(default_factory=dict)
    words_going: dict[str, PlannedShare] = field(default_factory=dict)
    words_staying: dict[Reason, PlannedShare] = field(default_factory=dict)
    empty: bool = False  # no rule lets anything go
    next_at: datetime | None = None

    def soon(self, ruling: BodyRuling) -> None:
        """Something that only waits for the end of its term."""
        if ruling.reasons == (Reason.NOT_YET,) and ruling.due_at is not None:
            self.next_at = ruling.due_at if self.next_at is None else min(self.next_at, ruling.due_at)

    @property
    def words(self) -> PlannedShare:
        """All words that would go."""
        return PlannedShare(*(sum(amounts) for amounts in zip(
            (0, 0), *((one.count, one.size) for one in self.words_going.values()), strict=True)))  # fmt: skip

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
    plan = RetentionPlan(views.bodies_kept(), views.removals(), empty=terms.empty)
    for page in _pages(views, terms, now):
        for one in page:
            if one.ruling.goes:
                plan.going.setdefault(one.ruling.rule.name, PlannedShare()).add(one.kept)
            else:
                plan.staying.setdefault(one.ruling.reasons[0], PlannedShare()).add(one.kept)
                plan.soon(one.ruling)
        progress(len(page))
    _plan_words(views, terms, now, plan)
    if plan.going or plan.words_going:
        plan.next_at = None
    else:
        _look_ahead(views, terms, now, plan)
    return plan


def _plan_words(views: Views, terms: RetentionTerms, now: datetime, plan: RetentionPlan) -> None:
    after, more = "", terms.erasing
    while more:
        kept, after = views.kept_words(after)
        more = bool(after)
        for one in kept:
            ruling = words_ruling(terms, one.about, now)
            if ruling.goes:
                plan.words_going.setdefault(ruling.rule.name, PlannedShare()).add_words(one)
            else:
                plan.words_staying.setdefault(ruling.reasons[0], PlannedShare()).add_words(one)
                plan.soon(ruling)


def _look_ahead(views: Views, terms: RetentionTerms, now: datetime, plan: RetentionPlan) -> None:
    """When the first goes of what no term can be over for yet. What is accepted later is not over sooner than the
    shortest term after that, so it is seldom more than a page that is read."""
    shortest = terms.shortest
    if shortest is None:
        return
    # From the first that was not looked at.
    after: Key | None = (now - shortest, "")
    while after is not None and (plan.next_at is None or after[0] + shortest < plan.next_at):
        kept, after = views.kept_bodies(now, after)
        for one in kept:
            plan.soon(body_ruling(terms, one, now))


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
