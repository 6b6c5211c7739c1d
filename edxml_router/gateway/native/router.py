"""The router of the native interface."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from edxml_router.gateway.native.envelopes import envelopes
from edxml_router.gateway.native.health import health

native: Final = APIRouter(prefix="/v1")
for each in (envelopes, health):
    native.include_router(each)
