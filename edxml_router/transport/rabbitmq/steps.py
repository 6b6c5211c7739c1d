"""The steps of a connection to a broker, one by one, for whoever wants to know at which of them it ends.

    for step in connection_steps(settings): step.name, step.detail, step.finding

Name, line, TLS with the broker's certificate, log-in. Nothing is sent, and no mailbox is touched. Each step is given
``connect_timeout`` (the name as long as the system's resolver takes); the first that fails is the last.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.wording import in_words
from edxml_router.transport.rabbitmq import hub
from edxml_router.transport.rabbitmq.connection import RabbitSettings, connection_finding

_SOON: Final = timedelta(days=14)  # left to the broker's certificate, from when on it is told of
_SHOWN: Final = 3  # addresses


@dataclass(frozen=True, slots=True)
class ConnectionStep:
    """One step: ``name`` is "name", "tcp", "tls" or "login"; ``finding`` is None when it went well."""

    name: str
    detail: str
    finding: Finding | None = None


def connection_steps(settings: RabbitSettings) -> Iterator[ConnectionStep]:
    """The steps up to the first that fails."""
    here = f"{settings.host}:{settings.port}"
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield ConnectionStep("name", settings.host, Finding("EDX701", settings.place, in_words(error)))
        return
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    yield ConnectionStep("name", ", ".join(addresses[:_SHOWN]))
    began = time.monotonic()
    try:
        line = socket.create_connection((settings.host, settings.port), settings.connect_timeout)
    except OSError as error:
        yield ConnectionStep("tcp", here, connection_finding(error, settings))
        return
    with closing(line):
        yield ConnectionStep("tcp", Detail("{place}, {ms} ms", place=here, ms=_milliseconds(began)))
        if settings.tls is not None and (step := _tls(settings, line)) is not None:
            yield step
            if step.finding is not None and step.finding.code == "EDX707":
                return
    began = time.monotonic()
    try:
        hub.depths(settings, ())
    except Setback as setback:
        yield ConnectionStep("login", settings.user, setback.finding)
        return
    told = Detail("user {user}, virtual host {vhost}, {ms} ms", user=settings.user, vhost=settings.vhost,
                  ms=_milliseconds(began))  # fmt: skip
    yield ConnectionStep("login", told)


def _tls(settings: RabbitSettings, line: socket.socket) -> ConnectionStep | None:
    """The handshake, and how long the broker's certificate is still valid."""
    assert settings.tls is not None  # noqa: S101  # asked before
    name = settings.server_name or settings.host
    try:
        with settings.tls().wrap_socket(line, server_hostname=name) as spoken:
            shown, version = spoken.getpeercert() or {}, spoken.version() or ""
    except Refusal as refusal:
        found = refusal.finding
        detail = Detail("{where}: {detail}", where=found.where, detail=found.detail)
        return ConnectionStep("tls", name, Finding("EDX707", settings.place, detail))
    except (OSError, ssl.SSLError) as error:
        return ConnectionStep("tls", name, connection_finding(error, settings))
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    days = (until - datetime.now(UTC)).days
    told = Detail("{version}, certificate of {name} for {days} days more", version=version, name=name, days=days)
    return ConnectionStep("tls", told, Finding("EDX690", name, told) if until - datetime.now(UTC) < _SOON else None)


def _milliseconds(began: float) -> int:
    return round(1000 * (time.monotonic() - began))
