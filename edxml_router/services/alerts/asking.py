"""What an operator asks about alerts: whether they arrive.

for way, finding in try_alerts(settings, now): …
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from edxml_router.config import Settings
from edxml_router.config.text import bare_address
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal, Trouble
from edxml_router.language.catalogues import told
from edxml_router.services.alerts.ways import opened_mail, post_alert
from edxml_router.services.alerts.wording import mail_message, typed_body


def try_alerts(settings: Settings, now: datetime) -> Iterator[tuple[str, Finding | None]]:
    """Send a message on every way, and say what came of each. Raises Refusal EDX901 where nobody is to be told."""
    alerts = settings.alerts
    if not alerts.mail and alerts.webhook is None:
        raise Refusal("EDX901", where="alerts", detail=Detail("nobody is told (alerts.mail, alerts.webhook)"))
    words = told(alerts.language, Detail("{node}: this is a trial, nothing has happened", node=settings.node.name))
    if alerts.mail:
        yield ", ".join(alerts.mail), _mailed(settings, words, now)
    if alerts.webhook is not None:
        yield bare_address(alerts.webhook), _called(settings, words, now)


def _mailed(settings: Settings, words: str, now: datetime) -> Finding | None:
    to = settings.alerts.mail
    try:
        with opened_mail(settings) as server:
            found = server.send(mail_message(settings, to, words, words + "\n", now), to)
    except Trouble as trouble:
        return trouble.finding
    return found


def _called(settings: Settings, words: str, now: datetime) -> Finding | None:
    try:
        post_alert(settings, typed_body("node.trial", {"node": settings.node.name, "text": words}, now), now)
    except Trouble as trouble:
        return trouble.finding
    return None
