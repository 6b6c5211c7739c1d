"""Send again what has failed, or waits, for one cause, once the cause is gone.

    plan = plan_redrive(views, settings, Filters(code="EDX705", link="tinh"), most=10_000)
    plan.acts          # numbers of deliveries by the act that opens the way: RETRY, RELEASE, RESEND

Nothing is changed here; the acts are those of :mod:`edxml_router.services.operator`. What a halt holds is left to the
halt. Raises Refusal EDX606 for a link or a document that is not there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.halts import HALTED
from edxml_router.core.delivery.lifecycle import FAILED_ENDS, Event, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.ports.views import Views
from edxml_router.services.selection import Filters, select

# What lets a delivery of this state go on.
_ACTS: Final[Mapping[State, Event]] = {
    State.DEFERRED: Event.RETRY,
    State.HELD: Event.RELEASE,
    **dict.fromkeys(sorted(FAILED_ENDS), Event.RESEND),
}


@dataclass(frozen=True, slots=True)
class RedriveEdge:
    """The oldest, or the newest, of what is to be sent again: its number, its document, and since when it stands so."""

    number: int
    document: str
    since: datetime


@dataclass(frozen=True, slots=True)
class RedrivePlan:
    """What would be sent again. ``more``: whether more match than were to be looked at."""

    acts: Mapping[Event, Sequence[int]]
    by_route: Mapping[str, int]
    oldest: RedriveEdge | None
    newest: RedriveEdge | None
    more: bool

    @property
    def count(self) -> int:
        return sum(map(len, self.acts.values()))


def plan_redrive(
    views: Views, settings: Settings, filters: Filters, most: int, *, only: Event | None = None
) -> RedrivePlan:
    """The first ``most`` deliveries that match and wait or have failed, by number; only those for which the act is
    ``only``, if given."""
    states = [
        state
        for state, act in _ACTS.items()
        if (not filters.states or state in filters.states) and only in (None, act)
    ]
    if not states:
        return RedrivePlan({}, {}, None, None, more=False)
    matching = select(views, settings, replace(filters, states=()), states)
    found = [one for one in islice(matching, most + 1) if one.code != HALTED]
    more = len(found) > most
    found = found[:most]
    acts: dict[Event, list[int]] = {}
    for one in found:
        acts.setdefault(_ACTS[one.state], []).append(one.id)
    edges = [found[0], found[-1]] if found else []
    documents = views.document_ids(one.digest for one in edges)

    def edge(one: Delivery) -> RedriveEdge:
        return RedriveEdge(one.id, documents.get(one.digest, ""), one.updated_at)

    by_route = Counter(str(one.route) for one in found)
    first, last = (edge(edges[0]), edge(edges[1])) if edges else (None, None)
    return RedrivePlan(acts, dict(by_route.most_common()), first, last, more)


def require_exactly(plan: RedrivePlan, count: int) -> None:
    """Raises Refusal EDX607 where it is not so many: others came, or went, since it was seen."""
    if plan.count != count or plan.more:
        raise Refusal("EDX607", detail=Detail("{count} match now, not {exactly}", count=plan.count, exactly=count))
