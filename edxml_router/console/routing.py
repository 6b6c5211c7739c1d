"""Which page a path is: the ``ROUTES`` of all modules in :mod:`edxml_router.console.pages`, and the navigation.

    found = find(routes(), "POST", "/people/lan/lock")     # the route and what stands for {…}; None
    entries = navigation(person)

A page that is not in the navigation's list is reached by links only. No path is anybody's who is not named.
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Final

from starlette.routing import compile_path

from edxml_router.console import pages
from edxml_router.console.visit import EVERYONE, PageRoute
from edxml_router.services.people.roles import Person

# Path and key of the text, in the order of the navigation; shown to those who may see the page.
NAVIGATION: Final = (
    ("/now", "nav.now"),
    ("/clerk", "nav.clerk"),
    ("/document", "nav.document"),
    ("/failed", "nav.failed"),
    ("/links", "nav.links"),
    ("/agencies", "nav.agencies"),
    ("/evidence", "nav.evidence"),
    ("/reports", "nav.reports"),
    ("/people", "nav.people"),
)


@cache
def routes() -> Sequence[tuple[re.Pattern[str], PageRoute]]:
    """Every route of every page."""
    return [(compile_path(route.path)[0], route) for route in _declared()]


def _declared() -> Iterator[PageRoute]:
    for module in pkgutil.walk_packages(pages.__path__, f"{pages.__name__}."):
        for row in getattr(import_module(module.name), "ROUTES", ()):
            yield PageRoute(*row)


def find(method: str, path: str) -> tuple[PageRoute, Mapping[str, str]] | None:
    """The route of a request."""
    for pattern, route in routes():
        if route.method == ("GET" if method == "HEAD" else method) and (match := pattern.match(path)):
            return route, match.groupdict()
    return None


def may_see(person: Person, route: PageRoute) -> bool:
    """Whether the page is for this person. Who has to choose a password or enrol first sees nothing else."""
    if route.roles == EVERYONE:
        return True
    if person.must and not route.path.startswith("/account"):
        return False
    return not person.roles.isdisjoint(route.roles)


def navigation(person: Person) -> list[tuple[str, str]]:
    """Path and key of each page of the navigation that this person may see."""
    found = {route.path: route for _, route in routes() if route.method == "GET"}
    return [(path, key) for path, key in NAVIGATION if path in found and may_see(person, found[path])]
