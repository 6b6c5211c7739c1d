"""The ways on which somebody is told: a mail server, and a call.

    with opened_mail(settings) as server: …
    post_alert(settings, body, now)

Raises Setback EDX718 and EDX719, Refusal EDX902 and EDX903 for files of passwords and keys.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.config.text import bare_address
from edxml_router.core.delivery.webhook import signed_call
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Setback
from edxml_router.credentials.ed25519_keys import load_ed25519_key
from edxml_router.credentials.setting_files import secret
from edxml_router.transport.mailing import MailServer
from edxml_router.transport.posting import WebhookCaller

MAIL: Final = "mail"
WEBHOOK: Final = "webhook"
_DONE: Final = range(200, 300)


def opened_mail(settings: Settings) -> MailServer:
    """The connection, to be opened by a block."""
    mail = settings.mail
    if mail is None:
        raise ValueError("no mail server is set")
    password = secret(mail.password_file, "mail.password_file")
    login = (mail.user, password) if mail.user is not None and password is not None else None
    return MailServer(mail.place, mail.security, login, mail.ca)


def post_alert(settings: Settings, body: bytes, now: datetime) -> None:
    """Call alerts.webhook with this; signed where webhooks.keys has keys."""
    url = settings.alerts.webhook or ""
    keys = [load_ed25519_key(path) for path in settings.webhooks.keys]
    headers = signed_call(f"alerts.{secrets.token_hex(8)}", body, keys, now)
    try:
        status = asyncio.run(_post(settings, url, {name: text for name, text in headers.items() if text}, body))
    except Setback as setback:  # of an office's webhook: here it is another's turn
        raise Setback("EDX719", where=bare_address(url), detail=setback.finding.detail) from setback
    if status not in _DONE:
        raise Setback("EDX719", where=bare_address(url), detail=Detail("it answered {status}", status=status))


async def _post(settings: Settings, url: str, headers: dict[str, str], body: bytes) -> int:
    caller = WebhookCaller(settings.webhooks.networks, settings.webhooks.ca)
    try:
        return await caller.post(url, headers, body)
    finally:
        await caller.close()
