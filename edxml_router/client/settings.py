"""How the clients connect."""

from __future__ import annotations

import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from edxml_router.client.calls import GatewayCall, form

_CONNECT, _READ = 10.0, 60.0  # seconds


class HttpSettings(NamedTuple):
    """Where the gateway is, and by what the office is known there."""

    url: str
    token: str | None
    certificate: tuple[Path, Path] | None
    authorities: Path | None
    language: str


def http_options(settings: HttpSettings) -> dict[str, Any]:
    """What httpx's clients are made with."""
    context = ssl.create_default_context()
    if settings.authorities is not None:
        context.load_verify_locations(settings.authorities)
    if settings.certificate is not None:
        context.load_cert_chain(*settings.certificate)
    headers = {"accept-language": settings.language}
    if settings.token is not None:
        headers["authorization"] = f"Bearer {settings.token}"
    return {
        "base_url": settings.url.rstrip("/"),
        "headers": headers,
        "verify": context,
        "timeout": httpx.Timeout(_READ, connect=_CONNECT),
    }


def request_options(call: GatewayCall, opened: ExitStack, usual: httpx.Timeout) -> dict[str, Any]:
    """What httpx makes a call with, but for its content. Files are open as long as ``opened`` is."""
    parts = form(call, opened)
    return {
        "params": dict(call.params),
        "headers": dict(call.headers),
        "json": None if parts else call.json,
        "files": parts,
        "timeout": httpx.Timeout(usual.connect, read=(usual.read or 0) + call.wait),
    }
