"""The calls to offices' systems."""

from __future__ import annotations

from typing import TypedDict

from edxml_router.core.delivery.webhook import Hook, WebhookSubject
from edxml_router.core.problems import Finding
from edxml_router.shapes.form import Instant
from edxml_router.shapes.node import instant_or_none
from edxml_router.shapes.problem import ProblemShape, problem_or_none


class WebhookShape(TypedDict):
    """How the calls to one office about one subject stand."""

    office: str
    subject: WebhookSubject
    url: str
    waiting: int
    attempts: int
    due_at: Instant | None
    ended: bool
    problem: ProblemShape | None


def webhook_shape(hook: Hook) -> WebhookShape:
    return {
        "office": hook.office,
        "subject": hook.subject,
        "url": hook.url,
        "waiting": hook.told.count,
        "attempts": hook.attempts,
        "due_at": instant_or_none(hook.due_at),
        "ended": hook.ended,
        "problem": problem_or_none(Finding(hook.code, hook.url, hook.detail) if hook.code else None),
    }
