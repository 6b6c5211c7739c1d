"""Hubs as typed values: a folder, or a broker with everything needed to reach it.

    match settings.hubs["parent"]:
        case LocalHub(path=path): …
        case RabbitHub(host=host): …

The file has one section for both kinds (:class:`~edxml_router.config.peers.HubSettings`), so that a setting of the
wrong kind can be named as such. A section that has passed :mod:`edxml_router.config.checks` becomes one of these, where
nothing is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from edxml_router.config.peers import HubSettings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LocalHub:
    """A folder of this machine. ``max_message_bytes``: None for what such a folder carries."""

    path: Path
    max_message_bytes: int | None = None

    @property
    def place(self) -> str:
        """The hub's name for people."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """This node's certificate for TLS, and the file of its key."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class HubTls:
    """How a broker is recognised: by its authorities, and by revocation lists where there are any."""

    authorities: Path
    lists: tuple[Path, ...] = ()
    client: ClientCertificate | None = None
    server_name: str = ""  # in the broker's certificate, where it is not the host


@dataclass(frozen=True, slots=True)
class RabbitHub:
    """A broker. ``login``: the file of the user's password, or the certificate that says who the user is.
    ``max_message_bytes``: None for the broker's own default."""

    host: str
    port: int
    vhost: str
    user: str
    login: Path | ClientCertificate
    tls: HubTls | None = None
    max_message_bytes: int | None = None

    @property
    def place(self) -> str:
        """The hub's name for people."""
        return f"{self.host}:{self.port}/{self.vhost.strip('/')}".rstrip("/")


Hub = LocalHub | RabbitHub


def understood(written: HubSettings, node: str) -> Hub:
    """The hub that a checked section describes, for the node of this name."""
    if written.kind == "local":
        return LocalHub(_there(written.path), written.max_message_bytes)
    client = ClientCertificate(written.tls_certificate, _there(written.tls_key)) if written.tls_certificate else None
    tls = None
    if written.tls_ca is not None:
        tls = HubTls(written.tls_ca, written.tls_crls, client, written.server_name or "")
    login: Path | ClientCertificate = _there(written.password_file) if written.login == "password" else _there(client)
    return RabbitHub(
        host=_there(written.host),
        port=written.port or (5671 if tls else 5672),
        vhost=written.vhost,
        user=written.user or node,
        login=login,
        tls=tls,
        max_message_bytes=written.max_message_bytes,
    )


def _there(value: T | None) -> T:
    if value is None:
        raise Defect(Detail("a hub that was not checked"), where="config")
    return value
