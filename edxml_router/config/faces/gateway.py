"""The settings of the HTTP gateway. A part of :mod:`edxml_router.config.settings`, with the same conventions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from edxml_router.config.faces.axis import NationalSettings, ProvincialSettings, Wso2Settings
from edxml_router.config.values import MIB, About, Count, Duration, File, SettingsTable, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings(SettingsTable):
    """The HTTP gateway, through which e-offices connect. Without this section there is none."""

    listen: Annotated[
        tuple[str, ...],
        Field(min_length=1),
        About("Addresses and ports to listen on, IPv4 and IPv6.", '["0.0.0.0:8443", "[::]:8443"]'),
    ]
    certificate: Annotated[
        File | None, About("The gateway's certificate and those above it (PEM).", '"gateway.cert.pem"')
    ] = None
    key: Annotated[File | None, About("Private key of that certificate (PEM, mode 0600).", '"gateway.key.pem"')] = None
    plain: Annotated[
        bool,
        Field(strict=True),
        About("Speak HTTP without TLS, on loopback addresses only: for a proxy on this machine, or a trial."),
    ] = False
    client_anchors: Annotated[
        File | None,
        About(
            "Authorities of the certificates by which offices log in (PEM), those that issue them among them: what a "
            "client sends along is not looked at.",
            '"offices-ca.pem"',
        ),
    ] = None
    proxies: Annotated[
        tuple[str, ...],
        About(
            "Addresses or networks of proxies that end TLS and name the client's certificate in Client-Cert "
            "(RFC 9440) and its address in X-Forwarded-For. From anywhere else these headers count for nothing.",
            '["127.0.0.1", "10.1.0.0/28"]',
        ),
    ] = ()
    connections: Annotated[
        Count, About("Most connections at once, those in their handshake among them; more are closed at once.")
    ] = 5000
    address_connections: Annotated[
        Count,
        About("Most of them from one address (of IPv6, from one /64); a listed proxy may have all.", "200"),
    ] = 1000
    handshake_time: Annotated[Duration, About("A handshake of TLS must be over within this time.")] = timedelta(
        seconds=10
    )
    head_bytes: Annotated[
        Count, Field(ge=4096, le=MIB), About("Longest request line with its header fields, in bytes.")
    ] = 32 * 1024
    head_time: Annotated[Duration, About("A request's head must have come within this time.")] = timedelta(seconds=10)
    body_time: Annotated[Duration, About("A body that sends nothing for so long is given up (EDX627).")] = timedelta(
        seconds=30
    )
    send_time: Annotated[
        Duration, About("An answer that the other side does not read for so long is given up, with its connection.")
    ] = timedelta(seconds=30)
    idle_time: Annotated[Duration, About("How long a connection without a request stays open.")] = timedelta(seconds=75)
    longest_wait: Annotated[Duration, About("Longest time that a request may wait for mail (wait=).")] = timedelta(
        seconds=60
    )
    receiving: Annotated[Count, About("Most envelopes that are received at once; more are put off (EDX626).")] = 256
    sending: Annotated[Count, About("Most letters that are fetched at once; more are put off (EDX626).")] = 256
    requests: Annotated[Count, About("Requests a minute of one office; more are put off (EDX417).")] = 6000
    processes: Annotated[
        int,
        Field(strict=True, ge=0, le=64),
        About("Processes that judge what comes in; 0 means one per processor core."),
    ] = 0
    body_bytes: Annotated[
        Size, About("Of what is received, so much of each envelope is held in memory; the rest goes to disk.")
    ] = 256 * 1024
    digests: Annotated[
        Literal["checked", "required"],
        About(
            "Whether an envelope may come without its SHA-256: in the path (PUT), in Content-Digest, or, where it "
            "comes in parts, in Repr-Digest (RFC 9530). One that comes with it is checked in any case."
        ),
    ] = "checked"
    national: Annotated[NationalSettings | None, About("The national axis's SDK.")] = None
    provincial: Annotated[ProvincialSettings | None, About("The provincial form of its calls.")] = None
    wso2: Annotated[Wso2Settings | None, About("Their form on WSO2.")] = None
