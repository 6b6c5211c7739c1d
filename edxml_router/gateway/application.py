"""The application: a desk, and the routers that talk to it.

Each router brings its own way to know its callers; what they have in common is how failures are answered and that
every answer says how the office stands with its rate.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Route

from edxml_router import __version__
from edxml_router.gateway import problem_answers
from edxml_router.gateway.desk import Desk
from edxml_router.gateway.national import router as national
from edxml_router.gateway.native.openapi import SHAPES, extended
from edxml_router.gateway.native.router import native
from edxml_router.gateway.provincial import lgsp, wso2
from edxml_router.gateway.rates import Rate, Rates
from edxml_router.gateway.server import Application, Message, Receive, Send
from edxml_router.shapes.reference.schema import schemas


def build(desk: Desk) -> FastAPI:
    """The application of a gateway."""
    application = FastAPI(
        title="edxml-router",
        version=__version__,
        summary="Electronic documents between agencies (edXML, QCVN 102:2016)",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    application.state.desk = desk
    application.state.rates = Rates()
    problem_answers.install(application)
    application.include_router(native)
    for settings, router in (
        (desk.gateway.national, national.router),
        (desk.gateway.provincial, lgsp.router),
        (desk.gateway.wso2, wso2.router),
    ):
        if settings is not None:
            application.include_router(router(settings.path))
    console = Pages(desk)
    application.router.routes.append(Route("/console", console, include_in_schema=False))
    application.mount("/console", console)
    application.add_middleware(RateHeaders)
    plain = application.openapi
    application.openapi = lambda: extended(plain(), schemas(SHAPES))  # type: ignore[method-assign]
    return application


class Pages:
    """The console, whose libraries are loaded when somebody asks for a page and the settings have them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._console: Application | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._console is None:
            if self._desk.settings.console is None:
                await Response("", 404)(scope, receive, send)
                return
            from edxml_router.console.application import Console  # noqa: PLC0415  # a node without it need not load it

            self._console = Console(self._desk)
        await self._console(scope, receive, send)


class RateHeaders:
    """Every answer to a known office says how often it may ask (draft-ietf-httpapi-ratelimit-headers-11)."""

    def __init__(self, app: Application) -> None:
        self._application = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def telling(message: Message) -> None:
            rate: Any = scope.get("state", {}).get("rate")
            if message["type"] == "http.response.start" and isinstance(rate, Rate):
                message["headers"] = [*message.get("headers", ()), *rate.headers()]
            await send(message)

        await self._application(scope, receive, telling)
