"""The mailboxes that others empty: those of neighbours and offices.

A neighbour's mailbox where messages wait and nobody takes them is reported with the amount, the age, and what waits
here for lack of room (EDX709): its owner must act, and until then the mail is kept. A mailbox that is emptied but whose
share is full is reported too (EDX614). Offices may empty their mailboxes when they like, so for them only the second is
reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import NamedTuple

from edxml_router.config import Settings
from edxml_router.core.delivery.values import UnansweredMail
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Finding, Setback
from edxml_router.node.sole import served_before
from edxml_router.ports.transport import MailboxDepth
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.store.database import migrate
from edxml_router.store.deliveries import looks
from edxml_router.wiring import hubs, own_ledger

MIB = 1024 * 1024


class MailboxLoad(NamedTuple):
    """For one neighbour or office: what was put into its mailboxes, and what waits here for room there."""

    lying: Sequence[UnansweredMail]
    kept_here: int


def loads(settings: Settings) -> Findings:
    """A detail and a finding for each mailbox with a problem; one detail for all where there is none."""
    ways = hubs.outgoing(settings)
    if not ways or not served_before(settings.node.data):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return  # the check of the database reports that
        with ledger.book() as book:
            lying = book.mailboxes.lying(list(ways))
        kept = looks.wanting(ledger.engine)
    said, found = False, _seen(settings, ways)
    for route, seen in found.items():
        mail = MailboxLoad([each for (where, _), each in lying.items() if where == route], kept.get(route, 0))
        finding = _finding(settings, route, seen or (), mail)
        if finding is not None:
            said = True
            yield route.name, finding
    known = ", ".join(route.name for route, seen in found.items() if seen is not None)
    if known and not said:
        yield Detail("{known}: nobody is absent, no mail waits for room", known=known), None


def _seen(
    settings: Settings, ways: Mapping[Route, tuple[str, str, str]]
) -> Mapping[Route, Sequence[MailboxDepth] | None]:
    """The mailboxes of each route; None where the hub cannot be asked, which its own check reports."""
    found: dict[Route, Sequence[MailboxDepth] | None] = {}
    routes: dict[str, list[Route]] = defaultdict(list)
    for route, (name, _, _) in ways.items():
        routes[name].append(route)
    for name, here in routes.items():
        mailboxes = {mailbox for route in here for mailbox in ways[route][1:]}
        try:
            seen = hubs.waiting(settings, settings.hubs[name], mailboxes)
        except Setback:
            found |= dict.fromkeys(here)
            continue
        found |= {route: [seen[each] for each in dict.fromkeys(ways[route][1:]) if each in seen] for route in here}
    return found


def _finding(settings: Settings, route: Route, seen: Sequence[MailboxDepth], mail: MailboxLoad) -> Finding | None:
    name = route.name
    messages = sum(each.messages for each in seen)
    absent = route.is_link and any(each.messages and not each.takers for each in seen)
    since = min((each.since for each in mail.lying), default=None)
    size = sum(each.size for each in mail.lying) / MIB
    if absent and (since is None or datetime.now(UTC) - since >= settings.delivery.receipt_timeout):
        detail = Detail("{messages} messages wait for {name}", messages=messages, name=name)
        if since is not None:  # otherwise receipts, chunks or inquiries, which are not counted as letters
            detail = Detail(
                "{detail}: {size:.1f} MiB of letters, the oldest since {since:%Y-%m-%d %H:%M}",
                detail=detail,
                size=size,
                since=since.astimezone(),
            )
        if mail.kept_here:
            detail = Detail(
                "{detail}; {kept_here} letters wait here for room there", detail=detail, kept_here=mail.kept_here
            )
        return Finding("EDX709", name, detail)
    if mail.kept_here:
        detail = Detail(
            "{name} has {size:.1f} MiB to take; {kept_here} letters wait here for room there",
            name=name,
            size=size,
            kept_here=mail.kept_here,
        )
        return Finding("EDX614", name, detail)
    return None
