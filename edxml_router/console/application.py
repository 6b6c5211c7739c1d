"""The console as an application that the gateway mounts: who asks, what for, whether they may, and the answer.

    console = Console(desk)

A visit is handled in a thread of the desk's; a few at a time, so that e-offices are served meanwhile. Every answer has
headers that let a browser run nothing but our own files, frame nothing, and keep nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import nullcontext
from typing import Any, Final, Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from edxml_router.config import Settings
from edxml_router.console import cookies, forms, routing, shown
from edxml_router.console.visit import BASE, EVERYONE, PageRoute, Visit
from edxml_router.console.whence import address_of
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect, Finding, Refusal, Setback, Trouble
from edxml_router.language.texts import LANGUAGES
from edxml_router.observe import events
from edxml_router.services.gateway.given import StoredNode
from edxml_router.services.people.attempts import Attempts
from edxml_router.services.people.roles import NOBODY, Person
from edxml_router.services.people.signing_in import recognise_person

T = TypeVar("T")

AT_A_TIME: Final = 4  # visits that are handled; half of the desk's threads
WAITING: Final = 64  # visits that may wait
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",  # for browsers that do not know frame-ancestors
    # With no-referrer, a browser would send a form's Origin as "null".
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Host(Protocol):
    """What the console stands on: the gateway's desk."""

    @property
    def settings(self) -> Settings: ...
    @property
    def node(self) -> StoredNode: ...
    async def call(self, function: Callable[..., T], /, *arguments: object, **named: object) -> T: ...


class Console:
    """See the module. Where the settings have no console, there is no page."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._attempts = Attempts()
        self._turns = asyncio.Semaphore(AT_A_TIME)
        self._waiting = 0
        self._uploads = forms.UploadRoom()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return
        for name, value in HEADERS.items():
            answer.headers[name] = value
        answer.headers.setdefault("cache-control", "no-store")
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        place = request.scope["path"].removeprefix(BASE)
        if self._host.settings.console is None:
            return Response("", 404)
        if not place:
            return RedirectResponse(f"{BASE}/", 303)
        if place.startswith("/static/"):
            return _static(place.removeprefix("/static/"))
        try:
            return await self._page(request, place)
        except (Trouble, HTTPException, ClientDisconnect) as error:
            if isinstance(error, ClientDisconnect):
                raise
            finding = error.finding if isinstance(error, Trouble) else Finding("EDX439")
            if isinstance(error, Defect):
                events.defect("console", error)
        except Exception as error:  # noqa: BLE001  # one page never ends the gateway; the log tells where
            events.defect("console", error)
            finding = Finding("EDX699")
        return _trouble(self._visit(request, place, NOBODY, "", {}), finding)

    async def _page(self, request: Request, place: str) -> Response:
        """Raises what the form, the person or the page is refused for."""
        forms.require_text([place, *(part for pair in request.query_params.multi_items() for part in pair)])
        found = routing.find(request.method, place)
        secret = cookies.session_of(request)
        # A page that looks again by itself is nobody at the desk: a session ends although it lies open.
        unasked = request.headers.get("hx-request") == "true"
        person = await self._turn(self._recognised, secret, unasked) or NOBODY
        fields: list[tuple[str, str]] = []
        files: Any = ()
        if found is not None and not routing.may_see(person, found[0]):
            if not person.name:
                return _to_sign_in(unasked=unasked)
            if person.must:
                return RedirectResponse(f"{BASE}/account", 303)
            return _trouble(self._visit(request, place, person, secret, {}), Finding("EDX438", place[:100]))
        if found is None:
            return _trouble(self._visit(request, place, person, secret, {}), Finding("EDX420", place[:100]))
        route, path = found
        visitor = "" if secret else cookies.new_visitor()
        with self._uploads.room(person.name) if route.uploads else nullcontext():
            if request.method == "POST":
                forms.require_same_origin(request)
                fields, files = await forms.form_of(request, self._upload_bytes(route))
                if not cookies.is_form_token(secret, dict(fields).get("token", "")):
                    raise Refusal("EDX439", detail=Detail("its token is not of this session"))
            visit = self._visit(request, place, person, secret or visitor, path, fields, files)
            answer = await self._turn(_handled, route, visit)
        if visitor and route.roles == EVERYONE and "set-cookie" not in answer.headers:
            cookies.set_session(answer, visitor)
        return answer

    def _upload_bytes(self, route: PageRoute) -> int:
        console = self._host.settings.console
        return console.upload_bytes if route.uploads and console is not None else 0

    def _recognised(self, secret: str, unasked: bool) -> Person | None:
        return recognise_person(self._host.node.ledger, self._host.settings, secret, present=not unasked)

    async def _turn(self, function: Callable[..., T], *arguments: object) -> T:
        """In a thread, when it is its turn. Setback EDX626 when too many wait."""
        if self._waiting >= WAITING:
            raise Setback("EDX626", detail=Detail("{count} calls wait", count=WAITING))
        self._waiting += 1
        try:
            async with self._turns:
                return await self._host.call(function, *arguments)
        finally:
            self._waiting -= 1

    def _visit(
        self,
        request: Request,
        place: str,
        person: Person,
        secret: str,
        path: Mapping[str, str],
        fields: list[tuple[str, str]] | None = None,
        files: Any = (),
    ) -> Visit:
        asked, gateway = request.query_params.multi_items(), self._host.settings.gateway
        return Visit(
            person=person,
            language=_language(request),
            node=self._host.node,
            settings=self._host.settings,
            address=address_of(request, gateway.proxies if gateway else ()),
            token=cookies.form_token(secret),
            show=shown.show,
            attempts=self._attempts,
            place=place,
            path=path,
            query=dict(asked),
            form=dict(fields or ()),
            files=files,
            fields=(*asked, *(fields or ())),
        )


def _handled(route: PageRoute, visit: Visit) -> Response:
    """The page's answer; a problem is shown with the person's own navigation around it."""
    try:
        return route.handler(visit)
    except (Refusal, Setback) as trouble:
        return _trouble(visit, trouble.finding)


def _to_sign_in(*, unasked: bool) -> Response:
    """Where only a part of the page was asked for, the script is told to leave the whole of it."""
    place = f"{BASE}/sign-in?note=note.session_ended"
    return Response("", 200, {"hx-redirect": place}) if unasked else RedirectResponse(place, 303)


def _trouble(visit: Visit, finding: Finding) -> Response:
    return visit.render("trouble.html", status=finding.problem.http_status, finding=finding)


def _language(request: Request) -> str:
    """As it was chosen, else as the browser prefers, else Vietnamese."""
    chosen = request.cookies.get(cookies.LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for part in request.headers.get("accept-language", "")[:200].split(","):
        name = part.partition(";")[0].strip().lower().partition("-")[0]
        if name in LANGUAGES:
            return name
    return "vi"


def _static(name: str) -> Response:
    found = shown.static_files().get(name)
    if found is None:
        return Response("", 404)
    return Response(found[0], 200, {"cache-control": "public, max-age=604800, immutable"}, found[1])
