"""The settings of the protocols of the national axis and of the provinces, at the gateway. A part of
:mod:`edxml_router.config.settings`, with the same conventions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edxml_router.config.peers import UnsignedSettings
from edxml_router.config.values import About, Count, Duration, File, Name, SettingsTable

Prefix = Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~-]+)+$", max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class NationalSettings(SettingsTable):
    """The protocol of the national axis's SDK: an office's software gets this node's address, its system id and its
    secret in the place of the axis's. Without this section it is not spoken."""

    path: Annotated[
        Prefix, About("Where its calls begin: /vxp/sendEdoc and so on. A change takes a restart.")
    ] = "/vxp"
    window: Annotated[
        Duration,
        About(
            "How far a call's time stamp may be from the node's clock (EDX423). The SDK dates a client object once, "
            "so software that keeps one for long needs more. A call that comes twice does nothing twice."
        ),
    ] = timedelta(hours=1)
    clock: Annotated[
        Literal["either", "vietnam", "machine"],
        About(
            "What clock those time stamps, which name no zone, are of: Vietnam's, or one that shows the time of this "
            '"machine".'
        ),
    ] = "either"
    listed: Annotated[
        Count,
        Field(le=10_000),
        About("Most transfers in one list. What an office has not taken yet comes before what it has."),
    ] = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvincialSettings(SettingsTable):
    """The form that provincial integration platforms (LGSP) give the same calls: a log-in, then bearer tokens. Offices
    use the system id and the secret that they have for [gateway.national]."""

    path: Annotated[Prefix, About("Where its calls begin: /lgsp/v1/sendEdoc and so on. A change takes a restart.")] = (
        "/lgsp"
    )
    session: Annotated[Duration, About("How long a log-in counts.")] = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wso2Settings(SettingsTable):
    """The form of the platforms on WSO2: OAuth2 client credentials, with the system id and the secret of the office."""

    path: Annotated[
        Prefix, About("Where its calls begin; the token is got at …/token below it. A change takes a restart.")
    ] = "/truclienthong/v1.0.0"
    session: Annotated[Duration, About("How long a token counts.")] = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisSettings(SettingsTable):
    """The national axis above this node, or whatever speaks its SDK's protocol: what no office or child here serves
    goes there, and what lies there for this node's system is fetched. It takes the place of [parent]."""

    url: Annotated[str, Field(pattern=r"^https?://"), About("Where its calls begin.", '"https://truc.example.vn/vxp"')]
    system_id: Annotated[
        str,
        Field(min_length=1, max_length=100, pattern=r"^[!-~]+$"),
        About("This node's system id there.", '"000.00.00.H53"'),
    ]
    secret_file: Annotated[File, About("File with the secret shared with it (mode 0600).", '"axis.secret"')]
    name: Annotated[Name, About("Its name among this node's peers.")] = "axis"
    ca: Annotated[
        File | None, About("Certificates of its authority (PEM); without it those of this machine.", '"axis-ca.pem"')
    ] = None
    interval: Annotated[Duration, About("How often it is asked for mail and for the states of what was sent.")] = (
        timedelta(seconds=60)
    )
    days: Annotated[
        int, Field(strict=True, ge=1, le=31), About("How many days back its lists are read.")
    ] = 7
    unsigned: Annotated[
        UnsignedSettings | None, About("Exception for unsigned envelopes, which are many there.")
    ] = None
