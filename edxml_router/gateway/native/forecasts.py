"""The verdict before the bytes: what would become of an envelope that is announced."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Base64Bytes, BaseModel, Field

from edxml_router.core.message.envelope import Business
from edxml_router.gateway.answers import json_answer
from edxml_router.gateway.callers import AtDesk, Sender
from edxml_router.gateway.native import examples
from edxml_router.gateway.native.bodies import read_json
from edxml_router.gateway.native.openapi import answer, json_body, problems
from edxml_router.services.gateway.announcement import AnnouncedFile, Announcement
from edxml_router.services.gateway.forecast import forecast
from edxml_router.shapes.gateway.forecast import ForecastShape, forecast_shape

forecasts = APIRouter(tags=["envelopes"])

_SHA256: Final = "^([0-9a-f]{64})?$"


class FileToCome(BaseModel):
    """An attachment. ``size`` and ``digest`` are of the file itself, not of its base64."""

    name: str = Field(max_length=1000)
    size: int = Field(ge=0, le=2**50)
    content_type: str = Field(default="", max_length=200)
    digest: str = Field(default="", pattern=_SHA256, description="SHA-256, hex.")
    begins: Base64Bytes = Field(
        default=b"", max_length=64, description="Its first bytes, in base64: held against content_type."
    )


class EnvelopeToCome(BaseModel):
    """What is to be sent. ``size``: bytes of the envelope; ``day``: of the letter."""

    sender: str = Field(max_length=100)
    recipients: list[str] = Field(min_length=1, max_length=10_000)
    size: int = Field(ge=0, le=2**50)
    attachments: list[FileToCome] = Field(default=[], max_length=10_000)
    digest: str = Field(default="", pattern=_SHA256, description="SHA-256 of the envelope, hex.")
    day: str = Field(default="", max_length=10)
    business: Business = Business.NEW
    document_id: str = Field(default="", max_length=500)
    subject: str = Field(default="", max_length=4000)
    certificates: str = Field(
        default="", max_length=64 * 1024, description="The signer's certificate and those above it, as PEM."
    )
    signed: bool = Field(default=True, description="False: it will come without a signature.")


EXAMPLE: Final = {
    "sender": "H53",
    "recipients": ["H01.151"],
    "size": 54_000_000,
    "attachments": [
        {
            "name": "ban-do.zip",
            "size": 40_000_000,
            "content_type": "application/zip",
            "digest": examples.DIGEST,
            "begins": "UEsDBA==",
        }
    ],
    "digest": examples.DIGEST,
    "day": "2026/03/02",
    "document_id": "H53,2026/03/02,12/UBND-VP",
    "subject": "V/v kết nối liên thông văn bản điện tử",
}
TOLD: Final[dict[str, Any]] = {
    "possible": True,
    "known": False,
    "submission": None,
    "problem": None,
    "recipients": [
        {"recipient": "H01.151", "agency": "H01.151", "here": True, "successors": [], "problem": None, "state": None}
    ],
    "attachments": [],
    "certificate": None,
    "remarks": [],
}


@forecasts.post(
    "/forecasts",
    responses={200: answer(ForecastShape, "What would become of it.", TOLD), **problems()},
    openapi_extra=json_body(EnvelopeToCome, EXAMPLE),
    response_class=Response,
)
async def foretell(request: Request, caller: Sender, desk: AtDesk) -> Response:
    """Ask what would become of an envelope before its bytes are sent.

    The sender and its right, the sizes and names, each recipient, the signer's certificate where it is given, and
    whether the DocumentId belongs to other bytes are judged as they will be. With `digest` of what was accepted before,
    `submission` is the answer that it would get again: the bytes need not come. It is no promise: it holds for this
    moment and takes what it is told for true; the schema, the signature over the bytes, and quotas are judged when they
    come.
    """
    asked = await read_json(request, EnvelopeToCome)
    files = [AnnouncedFile(one.name, one.size, one.content_type, one.digest, one.begins) for one in asked.attachments]
    told = Announcement(
        asked.sender,
        asked.recipients,
        asked.size,
        files,
        asked.digest,
        asked.day,
        asked.business,
        asked.document_id,
        asked.subject,
        asked.certificates.encode(),
        asked.signed,
    )
    found = await desk.call(forecast, desk.node, caller.office, told)
    return json_answer(
        forecast_shape(found.finding, found.recipients, found.files, found.signer, found.remarks, found.before)
    )
