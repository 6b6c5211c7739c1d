"""Links and offices, one row each: when it was last heard of, what waits for it, its certificate, and what is wrong.

    for row in link_rows(settings, ledger, overview, now): row.heard, row.waiting, row.needs

The node keeps no version of its neighbours: none is told on a link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from edxml_router.config import Settings
from edxml_router.core.delivery.halts import Halt, StandingHalt
from edxml_router.core.delivery.journal import operator_actor
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Trouble
from edxml_router.credentials import endings
from edxml_router.services.flow import halts
from edxml_router.services.overview.flow import neighbour_lines
from edxml_router.services.overview.values import Need, Overview
from edxml_router.services.pictures.neighbours import Level, Role
from edxml_router.services.selection import named_route
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.recent import ENTRIES_LOOKED, last_entries
from edxml_router.wiring.stored import StoredNode

HEARD_AMONG = ENTRIES_LOOKED


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One neighbour or office. ``heard``: its last entry among the newest of the journal; ``until``: when its
    certificate ends, None where none is named. ``halts``: those about this way alone that hold its mail."""

    name: str
    role: Role
    route: Route
    heard: datetime | None
    waiting: int
    level: Level
    until: datetime | None
    needs: Sequence[Need]
    halts: Sequence[StandingHalt]


def link_rows(settings: Settings, ledger: SqlLedger, overview: Overview, now: datetime) -> list[LinkRow]:
    """The parent, the children, the offices, and ways from before that still have mail. Raises Setback EDX602."""
    heard, ends = last_entries(ledger.engine), _ends(settings, now)
    standing = halts.standing_halts(ledger.views)
    rows = []
    for line in neighbour_lines(settings, overview, None):
        route = Route.office(line.name) if line.role == "office" else Route.link(line.name)
        rows.append(
            LinkRow(
                line.name,
                line.role,
                route,
                heard.get(line.name),
                line.waiting,
                line.level,
                ends.get(line.name) if route.is_link else None,
                [one for one in overview.needs if one.finding.where in (route, route.name) or one.route == route],
                [one for one in standing if _is_of(one.halt, route)],
            )
        )
    return rows


def halt_way(node: StoredNode, settings: Settings, typed: str, person: str, reason: str) -> StandingHalt:
    """Let everything wait that would go this way, also what comes later. Raises Refusal EDX606, EDX663."""
    return halts.add_halt(node, way_halt(node, settings, typed, person, reason), lambda _: None)


def would_halt(node: StoredNode, settings: Settings, typed: str, person: str, reason: str) -> int:
    """How many deliveries wait already that this would stop."""
    return halts.to_be_stopped(node, way_halt(node, settings, typed, person, reason))


def way_halt(node: StoredNode, settings: Settings, typed: str, person: str, reason: str) -> Halt:
    """The halt that this is. Raises Refusal EDX606 for a way that is not there."""
    route = named_route(node.ledger.views, settings, typed)
    return Halt("", "", route, "", node.now(), operator_actor(person), reason.strip())


def release_way(node: StoredNode, number: int, person: str, reason: str) -> StandingHalt:
    """Let it go on. Raises Refusal EDX606."""
    return halts.release_halt(node, number, person, reason.strip(), lambda _: None)


def _is_of(halt: Halt, route: Route) -> bool:
    return halt.route == route and not (halt.sender or halt.recipient or halt.cause)


def _ends(settings: Settings, now: datetime) -> Mapping[str, datetime]:
    """Of a neighbour with two certificates, while one is renewed, the later end counts."""
    found: dict[str, datetime] = {}
    try:
        for one in endings.neighbours(settings, now):
            if one.kind == "neighbour" and one.until is not None:
                found[one.name] = max(one.until, found.get(one.name, one.until))
    except Trouble:  # a file that cannot be read is told by its own check
        return found
    return found
