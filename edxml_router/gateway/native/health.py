"""Whether the gateway lives, and whether it could accept something now. Without credentials, so it tells no more."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AtDesk
from edxml_router.gateway.native.openapi import answer, problem
from edxml_router.services.gateway import readiness
from edxml_router.shapes.gateway.answers import ReadyShape

health = APIRouter(tags=["health"])


@health.get("/health", responses={200: answer(ReadyShape, "It lives.", {"ready": None})}, response_class=Response)
async def lives() -> Response:
    """Whether the gateway answers at all."""
    return json_answer({"ready": None})


@health.get(
    "/ready",
    responses={
        200: answer(ReadyShape, "It takes what comes.", {"ready": True}),
        503: problem("EDX601", "EDX602", "EDX626", "EDX664"),
    },
    response_class=Response,
)
async def ready(desk: AtDesk) -> Response:
    """Whether an envelope that is handed in now could be accepted: the database answers, and the disk has room."""
    await desk.call(readiness.require_ready, desk.node)
    return json_answer({"ready": True})
