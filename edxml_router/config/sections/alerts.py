"""Who is told what by mail or by a call: an operator of what needs them, an office of letters that came for it. Parts
of :mod:`edxml_router.config.settings`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from edxml_router.config.mistake import REMARK, WRONG, Mistake
from edxml_router.config.peers import OfficeSettings
from edxml_router.config.values import About, Duration, File, MailAddress, SettingsTable
from edxml_router.core.detail import Detail

_DAYTIME: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_SERVER: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_MOST_PORT: Final = 65535


def _read_daytime(value: Any) -> time:
    match = _DAYTIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(Detail('a time of day is written like "07:30"'))
    return time(int(match[1]), int(match[2]))


def _read_server(value: Any) -> str:
    match = _SERVER.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 0 < int(match[2]) <= _MOST_PORT:
        raise ValueError(Detail('a mail server is written like "mail.example.vn:465"'))
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(SettingsTable):
    """The mail server that takes this node's messages (SMTP). Without it none are sent."""

    server: Annotated[str, BeforeValidator(_read_server), About("Host and port.", '"mail.tayninh.gov.vn:465"')]
    security: Annotated[
        Literal["tls", "starttls", "none"],
        About(
            '"tls" from the first byte (port 465), "starttls" (587), or "none": in the clear, for this machine only.'
        ),
    ] = "tls"
    sender: Annotated[MailAddress, About("Address in From.", '"edxml@tayninh.gov.vn"')]
    user: Annotated[str | None, Field(min_length=1, max_length=320), About("Name for the login.", '"edxml"')] = None
    password_file: Annotated[File | None, About("File with its password (mode 0600).", '"mail.password"')] = None
    ca: Annotated[
        File | None, About("Authorities of the server's certificate besides the machine's (PEM).", '"mail-ca.pem"')
    ] = None

    @property
    def place(self) -> tuple[str, int]:
        """Host and port to connect to."""
        host, _, port = self.server.rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings(SettingsTable):
    """Whoever must know is told what needs them, without Prometheus: once, in one message for all of it."""

    mail: Annotated[
        tuple[MailAddress, ...], Field(max_length=20), About("Addresses of operators.", '["truc@tayninh.gov.vn"]')
    ] = ()
    webhook: Annotated[
        str | None,
        About(
            "Address that is called with the same (JSON, signed by webhooks.keys).", '"https://chat.example.vn/hook"'
        ),
    ] = None
    interval: Annotated[
        Duration,
        Field(ge=timedelta(seconds=10)),
        About("Between two looks. What two looks in a row have seen is told."),
    ] = timedelta(minutes=5)
    remind: Annotated[
        Duration, Field(ge=timedelta(minutes=10)), About("What is broken and stays so is told again after this time.")
    ] = timedelta(days=1)
    overdue: Annotated[
        time | None,
        BeforeValidator(_read_daytime),
        About(
            "Time of day, in Vietnam, for a list of what is not taken although it was due (article 8 of Decree "
            "30/2020); without it there is none.",
            '"07:30"',
        ),
    ] = None
    language: Annotated[Literal["vi", "en"], About('Of all messages: "vi" or "en".')] = "vi"


def check_alerts(
    alerts: AlertSettings, mail: MailSettings | None, offices: Sequence[OfficeSettings]
) -> Iterator[Mistake]:
    """Addresses without a server to send to them, a login by halves or in the clear."""
    wanting = [("alerts", "mail")] if alerts.mail else []
    wanting += [("offices", number, "email") for number, office in enumerate(offices) if office.email]  # type: ignore[misc]
    if mail is None:
        for place in wanting:
            yield Mistake(WRONG, place, Detail("addresses need a mail server: [mail]"), (("mail",),))
    elif (mail.user is None) != (mail.password_file is None):
        yield Mistake(WRONG, ("mail",), Detail("mail.user and mail.password_file belong together"))
    elif mail.security == "none" and mail.user is not None:
        yield Mistake(WRONG, ("mail", "security"), Detail("mail.security: no password is sent in the clear"))
    elif mail.security == "none" and mail.place[0] not in ("localhost", "127.0.0.1", "::1"):
        yield Mistake(
            REMARK, ("mail", "security"), Detail("mail.security: what is told goes through the net unencrypted")
        )
    if alerts.webhook is not None and urlsplit(alerts.webhook).scheme not in ("http", "https"):
        yield Mistake(WRONG, ("alerts", "webhook"), Detail("alerts.webhook: not an address of http or https"))
    if alerts.overdue is not None and not (alerts.mail or alerts.webhook):
        yield Mistake(
            REMARK, ("alerts", "overdue"), Detail("alerts.overdue: nobody is told (alerts.mail, alerts.webhook)")
        )
