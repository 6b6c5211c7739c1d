"""Which deliveries a command is about: the filters that ``queue list`` and the operators' acts share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from edxml_router.cli.naming import problem, unknown
from edxml_router.cli.opening import Age
from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.route import Route
from edxml_router.core.delivery.values import Delivery
from edxml_router.services import auditor
from edxml_router.store.ledger import SqlLedger
from edxml_router.wiring import node as wiring

STATES: Final = [str(state) for state in State]
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which deliveries; all that are given must hold."""

    states: tuple[str, ...] = ()
    link: str = ""
    recipient: str = ""
    code: str = ""
    document: str = ""
    older: timedelta | None = None

    def __bool__(self) -> bool:
        return any((self.states, self.link, self.recipient, self.code, self.document, self.older))


def _code(_context: click.Context, _option: click.Parameter, typed: str | None) -> str | None:
    return problem(typed).code if typed else typed


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The filters, which ``list`` and the acts share; they arrive as one argument ``filters``."""

    def gathered(**given: Any) -> Any:
        names = [field.name for field in fields(Filters)]
        filters = Filters(**{name: value for name in names if (value := given.pop(name))})
        return command(filters=filters, **given)

    gathered.__doc__, gathered.__name__ = command.__doc__, command.__name__
    gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # click's
    for option in reversed(
        (
            click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="In this state."),
            click.option("--link", metavar="NAME", help="On the way to this link or office."),
            click.option("--recipient", metavar="CODE", help="To this agency."),
            click.option("--code", metavar="EDXnnn", callback=_code, help="Whose last problem is this one."),
            click.option("--document", metavar="ID", help="Of this DocumentId, or beginning of a SHA-256."),
            click.option("--older", type=Age(), help="Accepted longer ago than this: 30m, 2h, 5d."),
        )
    ):
        gathered = option(gathered)
    return gathered


def select(ledger: SqlLedger, settings: Settings, filters: Filters, states: Sequence[State]) -> Iterator[Delivery]:
    """The deliveries that match, page by page. Raises Refusal EDX606 for a link or a document that is not there."""
    route = _route(ledger, settings, filters.link) if filters.link else ""
    recipient = filters.recipient
    if recipient:
        recipient = wiring.load_registry(settings).canonical_or_none(recipient) or recipient
    wanted = auditor.find(ledger.views, filters.document) if filters.document else ()
    digests = [found.envelope.digest for found in wanted] if filters.document else [""]
    for digest in digests:
        after = 0
        while page := ledger.views.list_deliveries(digest=digest,
            recipient=recipient,
            route=route,
            code=filters.code,
            states=states,
            accepted_before=datetime.now(UTC) - filters.older if filters.older else None,
            after=after,
            limit=_PAGE,
        ):
            yield from page
            after = page[-1].id


def _route(ledger: SqlLedger, settings: Settings, typed: str) -> Route:
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
        if ledger.views.list_deliveries(route=route, states=list(State), limit=1):
            return route
    raise unknown(typed, sorted(route.name for route in routes))
