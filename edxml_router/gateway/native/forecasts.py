"""The verdict before the bytes: what would become of an envelope that is announced."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from edxml_router.core.message.envelope import Business
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AtDesk, Sender
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.bodies import read_json
from edxml_router.gateway.native.openapi import answer, json_body, problems
from edxml_router.services.gateway.forecast import AnnouncedFile, Announcement, forecast
from edxml_router.shapes.gateway.answers import ForecastShape, forecast_shape

forecasts = APIRouter(tags=["envelopes"])


class FileToCome(BaseModel):
    """An attachment."""

    name: str = Field(max_length=1000)
    size: int = Field(ge=0, le=2**50)


class EnvelopeToCome(BaseModel):
    """What is to be sent. ``size``: bytes of the envelope; ``day``: of the letter."""

    sender: str = Field(max_length=100)
    recipients: list[str] = Field(min_length=1, max_length=10_000)
    size: int = Field(ge=0, le=2**50)
    attachments: list[FileToCome] = Field(default=[], max_length=10_000)
    digest: str = Field(default="", pattern="^([0-9a-f]{64})?$")
    day: str = Field(default="", max_length=10)
    business: Business = Business.NEW


EXAMPLE: Final = {
    "sender": "H53",
    "recipients": ["H01.151"],
    "size": 54_000_000,
    "attachments": [{"name": "ban-do.zip", "size": 40_000_000}],
    "digest": examples.DIGEST,
    "day": "2026/03/02",
}


@forecasts.post(
    "/forecasts",
    responses={
        200: answer(
            ForecastShape,
            "What would become of it.",
            {
                "possible": True,
                "known": False,
                "problem": None,
                "recipients": [{"recipient": "H01.151", "problem": None, "state": None}],
            },
        ),
        **problems(),
    },
    openapi_extra=json_body(EnvelopeToCome, EXAMPLE),
    response_class=Response,
)
async def foretell(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Ask what would become of an envelope before its bytes are sent.

    The sender, each recipient, and the sizes are judged as they will be; the signature is not. With `digest` it also
    tells whether the envelope was accepted before, and how each delivery stands.
    """
    asked = await read_json(request, EnvelopeToCome)
    files = [AnnouncedFile(one.name, one.size) for one in asked.attachments]
    told = Announcement(asked.sender, asked.recipients, asked.size, files, asked.digest, asked.day, asked.business)
    found = await desk.call(forecast, desk.node, caller.office, told)
    return json_answer(forecast_shape(found.finding, found.recipients, found.states, known=found.known))
