"""The router of the native interface."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from edxml_router.gateway.native.agencies import agencies
from edxml_router.gateway.native.envelopes import envelopes
from edxml_router.gateway.native.events import events
from edxml_router.gateway.native.forecasts import forecasts
from edxml_router.gateway.native.health import health
from edxml_router.gateway.native.inbox import inbox
from edxml_router.gateway.native.letters.certificates import certificates
from edxml_router.gateway.native.letters.notices import notices
from edxml_router.gateway.native.letters.sent import sent
from edxml_router.gateway.native.letters.writing import letters
from edxml_router.gateway.native.uploads import uploads

native: Final = APIRouter(prefix="/v1")
for each in (envelopes, letters, sent, certificates, notices, uploads, forecasts, inbox, events, agencies, health):
    native.include_router(each)
