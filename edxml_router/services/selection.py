"""Select deliveries: by filters, by what can be done to them, by document.

    listed = listing(ledger.views, settings, Filters(link="h53"), limit=100)
    numbers = fit_for(ledger.views, settings, filters, Event.RETRY)
    numbers = failed(ledger.views, settings, ["7/UBND-VP", "104832"])

Nothing here changes anything. Raises Refusal EDX606 for a link or a document that is not there, EDX607 where nothing of
what was named has failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import Event, State, states_before
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import Hindrance
from edxml_router.core.detail import Detail
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.ports.views import Views
from edxml_router.services import auditor
from edxml_router.services.naming import unknown
from edxml_router.services.waiting import hindrances
from edxml_router.wiring.agencies import load_registry

PAGE: Final = 1000  # deliveries in one read
NUMBER_DIGITS: Final = 7  # a longer number may be the beginning of a digest


@dataclass(frozen=True, slots=True)
class Filters:
    """A selection of deliveries; all given conditions must hold. ``link``: a neighbour's or an office's name, or a
    route; ``recipient``: an agency's code; ``older``: accepted longer ago than this."""

    states: tuple[State, ...] = ()
    link: str = ""
    recipient: str = ""
    code: str = ""
    document: str = ""
    older: timedelta | None = None

    def with_code(self, code: str) -> Filters:
        """The same with this problem."""
        return replace(self, code=code)

    def __bool__(self) -> bool:
        return any((self.states, self.link, self.recipient, self.code, self.document, self.older))


@dataclass(frozen=True, slots=True)
class Listing:
    """Deliveries, oldest first, with the DocumentId of each envelope, and what hinders them, if anything."""

    deliveries: Sequence[Delivery]
    documents: Mapping[str, str]
    hindrances: Mapping[int, Hindrance]


def listing(views: Views, settings: Settings, filters: Filters, limit: int) -> Listing:
    """At most ``limit`` of those that match; without states those that are open."""
    found = list(islice(select(views, settings, filters, filters.states), limit))
    documents = views.document_ids(delivery.digest for delivery in found)
    return Listing(found, documents, hindrances(views, found, datetime.now(UTC)))


def fit_for(views: Views, settings: Settings, filters: Filters, event: Event) -> list[int]:
    """The numbers of those that match and whose state allows ``event``."""
    states = [state for state in states_before(event) if not filters.states or state in filters.states]
    return [one.id for one in select(views, settings, filters, states)] if states else []


def failed(views: Views, settings: Settings, things: Sequence[str], recipient: str = "") -> list[int]:
    """The numbers of what can be sent again: a thing is a delivery's number, a DocumentId, or the beginning of an
    envelope's SHA-256; of a document, only what went to ``recipient``."""
    numbers: list[int] = []
    for thing in things:
        if thing.isdecimal() and len(thing) <= NUMBER_DIGITS:
            numbers.append(int(thing))
            continue
        found = fit_for(views, settings, Filters(document=thing, recipient=recipient), Event.RESEND)
        numbers += [int(thing)] if not found and thing.isdecimal() else found
    if not numbers:
        raise Refusal("EDX607", where=", ".join(things)[:200], detail=Detail("nothing of it has failed"))
    return numbers


def select(views: Views, settings: Settings, filters: Filters, states: Sequence[State]) -> Iterator[Delivery]:
    """The deliveries in these states that match, page by page."""
    route = named_route(views, settings, filters.link) if filters.link else None
    recipient = filters.recipient
    if recipient:
        recipient = load_registry(settings).canonical_or_none(recipient) or recipient
    wanted = auditor.find(views, filters.document) if filters.document else ()
    digests = [found.envelope.digest for found in wanted] if filters.document else [""]
    for digest in digests:
        after = 0
        while page := views.list_deliveries(
            digest=digest,
            recipient=recipient,
            route=route,
            code=filters.code,
            states=states,
            accepted_before=datetime.now(UTC) - filters.older if filters.older else None,
            after=after,
            limit=PAGE,
        ):
            yield from page
            after = page[-1].id


def named_route(views: Views, settings: Settings, typed: str) -> Route:
    """The route of a link or an office: one of the configuration, or one from before that still has deliveries."""
    links = [*(child.name for child in settings.children), *([settings.parent.name] if settings.parent else [])]
    routes = {Route.link(name) for name in links} | {Route.office(office.name) for office in settings.offices}
    try:
        meant = [Route(typed)] if ":" in typed else [Route.office(typed), Route.link(typed)]
    except ValueError:
        raise unknown(typed, sorted(route.name for route in routes)) from None
    for route in meant:
        if route in routes:
            return route
    for route in meant:
        if views.list_deliveries(route=route, states=list(State), limit=1):
            return route
    raise unknown(typed, sorted(route.name for route in routes))
