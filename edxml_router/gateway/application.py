"""The application: a desk, and the routers that talk to it.

Each router brings its own way to know its callers; what they have in common is how failures are answered and that
every answer says how the office stands with its rate.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

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
    application.add_middleware(RateHeaders)
    plain = application.openapi
    application.openapi = lambda: extended(plain(), schemas(SHAPES))  # type: ignore[method-assign]
    return application


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
