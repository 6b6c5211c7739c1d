"""How calls to offices' systems are shown, by ``webhook list`` and ``queue list --webhooks``."""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.cli.session import Session
from edxml_router.core.delivery.webhook import Hook
from edxml_router.core.problems import PROBLEMS
from edxml_router.shapes.gateway.answers import webhook_shape


def show_calls(session: Session, found: Sequence[Hook], as_json: bool) -> None:
    """One line for each office and subject, and who must act where a call failed."""
    if as_json:
        for hook in found:
            session.json(webhook_shape(hook))
        return
    rows = []
    for hook in found:
        due = session.say("webhook.ended") if hook.ended else hook.due_at or ""
        trouble = session.detail(f"{hook.code} {hook.detail}".strip())
        who = session.say(f"actor.{PROBLEMS[hook.code].actor}") if hook.code in PROBLEMS else ""
        rows.append((hook.office, str(hook.subject), hook.told.count, hook.attempts, due, who, trouble))
    session.table(
        ("name", "event", "#count", "#attempts", "due", "turn", "problem"), rows, spare=("attempts", "count", "due")
    )
