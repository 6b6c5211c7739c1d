"""Try a way out: the next hop to a neighbour, an office or an agency, check by check, each with its cause.

    for check in reach(settings, "tay-ninh"): check.name, check.detail, check.finding

No message is sent. What is known of the other node comes from what it has said before (its clock, its cosignatures) and
from whether anybody takes from its mailbox now. How an agency is reached beyond the next node is told by the last
letter that was confirmed from there. Raises Refusal EDX606 for a name that is neither a neighbour's, an office's nor an
agency's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from edxml_router.config import LocalHub, Settings
from edxml_router.core.agencies.routing import Local, Via
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.services import auditor
from edxml_router.services.flow.draining import require_taking
from edxml_router.services.health.report import PATIENCE
from edxml_router.services.naming import unknown
from edxml_router.services.proof.witnesses import neighbour_logs
from edxml_router.store.clocks import neighbour_clocks
from edxml_router.store.clocks.neighbour_clocks import KeptSkews
from edxml_router.transport.rabbitmq.steps import connection_steps
from edxml_router.wiring import hubs, own_ledger
from edxml_router.wiring.agencies import load_registry
from edxml_router.wiring.composition import routes_by
from edxml_router.wiring.own_ledger import OwnLedger

_HOPS_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class PingCheck:
    """One check of a way; ``finding`` is None when it went well, ``detail`` is shown either way."""

    name: str
    detail: str
    finding: Finding | None = None


def reach(settings: Settings, target: str) -> Iterator[PingCheck]:
    """Every check of the way to ``target``, the nearest first."""
    code, route = _way(settings, target)
    if code:
        registry = load_registry(settings)
        routes = routes_by(settings, registry)
        try:
            route = _next(routes.next_hop(code))
        except Refusal as refusal:
            yield PingCheck("route", code, refusal.finding)
            return
        yield PingCheck("route", routes.explain(code)[-1])
    if route.is_link or route in hubs.outgoing(settings):
        yield from _hop(settings, route)
    else:
        yield PingCheck("office", Detail("office {name} is served here; it fetches its letters", name=route.name))
    try:
        with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
            yield from _known(settings, ledger, route, code)
    except Setback as setback:
        yield PingCheck("database", "", setback.finding)


def _way(settings: Settings, target: str) -> tuple[str, Route]:
    """An agency's code, or nothing and the route of a neighbour or office."""
    neighbours = [*(each.name for each in settings.children), *([settings.parent.name] if settings.parent else [])]
    offices = [office.name for office in settings.offices]
    if target in neighbours:
        return "", Route.link(target)
    if target in offices:
        return "", Route.office(target)
    code = load_registry(settings).canonical_or_none(target)
    if code is None or ("." not in code and not load_registry(settings).get(code)):
        raise unknown(target, sorted([*neighbours, *offices]))
    return code, Route.link("-")


def _next(hop: Local | Via) -> Route:
    return Route.office(hop.office) if isinstance(hop, Local) else Route.link(hop.link)


def _hop(settings: Settings, route: Route) -> Iterator[PingCheck]:
    """The hub over which the next hop is reached, and the mailbox there."""
    way = hubs.outgoing(settings).get(route)
    if way is None:
        yield PingCheck("hub", route.name, Finding("EDX509", detail=route))
        return
    name, *boxes = way
    hub = settings.hubs[name]
    if isinstance(hub, LocalHub):
        yield PingCheck("hub", Detail("{place}, a folder", place=hub.place))
    else:
        last: Finding | None = None
        for step in connection_steps(hubs.rabbit_settings(settings, hub)):
            yield PingCheck(step.name, step.detail, step.finding)
            last = step.finding
        if last is not None and last.code != "EDX690":
            return
    mailboxes = list(dict.fromkeys(boxes))
    try:
        depths = hubs.waiting(settings, hub, mailboxes)
    except Setback as setback:
        yield PingCheck("mailbox", mailboxes[0], setback.finding)
        return
    missing = [each for each in mailboxes if each not in depths]
    if missing:
        told = ", ".join(missing)
        yield PingCheck("mailbox", told, Finding("EDX703", hub.place, told))
        return
    waiting, takers = sum(each.messages for each in depths.values()), sum(each.takers for each in depths.values())
    values = {"mailbox": mailboxes[0], "waiting": waiting, "takers": takers}
    yield PingCheck("mailbox", Detail("{mailbox}: {waiting} messages wait, {takers} take from it", **values))
    if route.is_link and not takers:
        yield PingCheck(
            "taker", route.name, Finding("EDX709", route.name, Detail("nobody takes from {mailbox} now", **values))
        )
    elif route.is_link:
        yield PingCheck("taker", Detail("{name} is connected and takes its mail", name=route.name))


def _known(settings: Settings, ledger: OwnLedger, route: Route, code: str) -> Iterator[PingCheck]:
    """What workers and the other node have said, and by which way an answer came last."""
    views, now = ledger.views, datetime.now(UTC)
    silent = {urgent: views.silences().get((route, urgent)) for urgent in (True, False)}
    for silence in filter(None, silent.values()):
        told = Detail("a worker: no answer since {at:%Y-%m-%d %H:%M}", at=silence.since.astimezone())
        yield PingCheck("workers", told, silence.finding)
        break
    try:
        require_taking(views)
    except Setback as setback:
        yield PingCheck("workers", "", setback.finding)
    if route.is_link:
        skew = KeptSkews(settings.node.data / neighbour_clocks.FILE).all().get(route.name)
        if skew is not None:
            ahead = round(skew.ahead.total_seconds())
            yield PingCheck("clock", Detail("the clock of {name} is ahead by {ahead} s", name=route.name, ahead=ahead))
        else:
            yield PingCheck("clock", Detail("no difference is known"))
        for one in neighbour_logs(settings, views, now) if settings.journal.key is not None else ():
            answered = one.standing.answered_at if one.standing else None
            if one.peer == route.name and answered is not None:
                at = answered.astimezone()
                yield PingCheck("answer", Detail("it answered last at {at:%Y-%m-%d %H:%M}", at=at))
    if not code:
        return
    for found in views.find_envelopes(recipient=code, state=State.CONFIRMED, limit=1):
        digest = found.envelope.digest
        trace = views.trace(digest, code)
        hops = auditor.known_paths(trace).get(code, ()) if trace else ()
        names = " → ".join(dict.fromkeys([settings.node.name, *(hop.node for hop in hops[:_HOPS_SHOWN])]))
        at = found.envelope.accepted_at.astimezone()
        yield PingCheck("way", Detail("{way}: so went the letter of {at:%Y-%m-%d %H:%M}", way=names, at=at))
        return
    yield PingCheck("way", Detail("no letter from here has been confirmed by {code} yet", code=code))
