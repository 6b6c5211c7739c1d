"""Choose deliveries by what they have in common: how many, which, and by which cause and way.

    cause_groups(engine, choice, 200); chosen_count(engine, choice)
    chosen_page(engine, choice, after, 100); chosen_numbers(engine, choice, 50_000)

One condition for all of them, so that a number and the rows that it counts are the same ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Engine, Select, Subquery, func, select, text, union_all

from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.store.database.engine import reading
from edxml_router.store.deliveries.table import OPEN, deliveries, delivery_rows
from edxml_router.store.envelopes.table import envelopes


@dataclass(frozen=True, slots=True)
class Choice:
    """Conditions that must all hold. ``states``: at least one; of those that failed, only what ended from
    ``ended_since`` on. ``code``: of the last problem, empty for those without any, None for all."""

    states: tuple[State, ...]
    ended_since: datetime
    route: Route | None = None
    code: str | None = None
    recipient: str = ""
    accepted_before: datetime | None = None
    accepted_since: datetime | None = None
    digests: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class CauseGroup:
    """Those of one cause, way and state: how many, and when the envelope of the first was accepted."""

    code: str
    route: Route
    state: State
    count: int
    since: datetime


def cause_groups(engine: Engine, choice: Choice, limit: int) -> list[CauseGroup]:
    """The largest groups, at most so many. Raises Setback EDX602."""
    chosen = _chosen(choice)
    columns = (deliveries.c.code, deliveries.c.route, deliveries.c.state)
    groups = (
        select(*columns, func.count().label("count"), func.min(deliveries.c.id).label("first"))
        .where(deliveries.c.id.in_(select(chosen.c.id)))
        .group_by(*columns)
        .order_by(func.count().desc(), func.min(deliveries.c.id))
        .limit(limit)
        .subquery()
    )
    query = (
        select(groups.c.code, groups.c.route, groups.c.state, groups.c.count, envelopes.c.accepted_at)
        .join(deliveries, deliveries.c.id == groups.c.first)
        .join(envelopes, envelopes.c.digest == deliveries.c.digest)
        .order_by(groups.c.count.desc(), groups.c.first)
    )
    with reading(engine) as connection:
        return [CauseGroup(*row) for row in connection.execute(query)]


def chosen_count(engine: Engine, choice: Choice) -> int:
    """How many there are."""
    with reading(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(_chosen(choice))).scalar_one())


def chosen_numbers(engine: Engine, choice: Choice, limit: int) -> list[int]:
    """Their numbers, the oldest first, at most so many."""
    chosen = _chosen(choice)
    with reading(engine) as connection:
        return list(connection.execute(select(chosen.c.id).order_by(chosen.c.id).limit(limit)).scalars())


def chosen_page(engine: Engine, choice: Choice, after: int, limit: int) -> Sequence[Delivery]:
    """Those with numbers above ``after``, the oldest first, at most so many."""
    chosen = _chosen(choice)
    keys = select(chosen.c.id).where(chosen.c.id > after).order_by(chosen.c.id).limit(limit)
    with reading(engine) as connection:
        found = connection.execute(select(deliveries).where(deliveries.c.id.in_(keys)).order_by(deliveries.c.id))
        return delivery_rows(found)


MOST_LOOKED: Final = 1_000_000  # of the newest deliveries, among which those that failed are looked for
_NEWEST: Final = select(func.coalesce(func.max(deliveries.c.id), 0)).scalar_subquery()


def _chosen(choice: Choice) -> Subquery:
    """The numbers. What is open has an index, and those that are confirmed are not read for it; what failed has none
    (each delivery pays for an index at every step), and is looked for among the newest, whose numbers are the
    highest."""
    parts: list[Select[Any]] = []
    for ended in (False, True):
        states = [state for state in choice.states if (state in ENDS) == ended and state is not State.CONFIRMED]
        if states:
            query = select(deliveries.c.id).where(deliveries.c.state.in_(states), *_conditions(choice))
            if ended:
                query = query.where(deliveries.c.ended_at >= choice.ended_since)
                query = query.where(deliveries.c.id > _NEWEST - MOST_LOOKED)
            else:
                query = query.where(text(OPEN))  # a literal, for the index
            if choice.accepted_before or choice.accepted_since:
                query = query.join(envelopes, envelopes.c.digest == deliveries.c.digest)
            parts.append(query)
    if not parts:
        parts.append(select(deliveries.c.id).where(text("1 = 0")))
    return (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()


def _conditions(choice: Choice) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if choice.route is not None:
        found.append(deliveries.c.route == choice.route)
    if choice.code is not None:
        found.append(deliveries.c.code == choice.code)
    if choice.recipient:
        found.append(deliveries.c.recipient == choice.recipient)
    if choice.digests is not None:
        found.append(deliveries.c.digest.in_(sorted(choice.digests)))
    if choice.accepted_before is not None:
        found.append(envelopes.c.accepted_at <= choice.accepted_before)
    if choice.accepted_since is not None:
        found.append(envelopes.c.accepted_at > choice.accepted_since)
    return found
