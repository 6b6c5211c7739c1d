"""A visit: one request of one person, as a page sees it, and what the page may answer.

    def now(visit: Visit) -> Response:
        return visit.render("now.html", rows=overview(visit.node))

    ROUTES = (PageRoute("GET", "/now", now, frozenset({OPERATOR})),)

``visit.render`` shows a template, ``visit.redirect`` sends to another page after something was done, ``visit.download``
hands out a file. Troubles that services raise are shown by the console as a page of their own, with the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from edxml_router.config import Settings
from edxml_router.services.gateway.given import StoredNode
from edxml_router.services.people.attempts import Attempts
from edxml_router.services.people.roles import Person

BASE: Final = "/console"
EVERYONE: Final = frozenset({"everyone"})  # also who has not signed in

Show = Callable[["Visit", str, Mapping[str, object]], str]


@dataclass(frozen=True, slots=True)
class HandedFile:
    """A file that came with a form; ``name`` is what the browser says, which is nobody's word."""

    field: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Visit:
    """See the module. ``path``: what stands for ``{…}`` in the route; ``query`` and ``form``: the last value of each
    name, all of them by :meth:`several`; ``token``: what each form carries as ``token``."""

    person: Person
    language: str
    node: StoredNode
    settings: Settings
    address: str
    token: str
    show: Show
    attempts: Attempts
    place: str = "/"  # the path within the console
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[HandedFile] = ()
    fields: Sequence[tuple[str, str]] = ()  # of query and form, as they came

    def several(self, name: str) -> list[str]:
        """All values of a name, of query and form."""
        return [value for key, value in self.fields if key == name]

    def render(self, template: str, /, *, status: int = 200, **values: object) -> Response:
        """A page."""
        return Response(self.show(self, template, values), status, media_type="text/html")

    def redirect(self, place: str, *, note: str = "", **query: str) -> Response:
        """On to a page of the console, which shows the text of the key ``note``."""
        asked = {**query, **({"note": note} if note else {})}
        return RedirectResponse(BASE + place + (f"?{urlencode(asked)}" if asked else ""), 303)

    def download(self, content: bytes | str, name: str, media_type: str) -> Response:
        """A file to be saved, never shown: what strangers wrote must not run as a page of ours."""
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name) or "file"
        told = f"attachment; filename=\"{plain[:120]}\"; filename*=UTF-8''{quote(name[:200], safe='')}"
        return Response(content, 200, {"content-disposition": told}, media_type)


Handler = Callable[[Visit], Response]


class PageRoute(NamedTuple):
    """A page's row of ``ROUTES``: who may ask for it, and whether files may come with its form."""

    method: str  # GET or POST
    path: str  # "/document/{id}", within the console
    handler: Handler
    roles: frozenset[str]
    uploads: bool = False
