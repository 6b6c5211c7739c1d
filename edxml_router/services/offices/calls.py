"""What operators ask about the calls to the systems of offices; :mod:`.webhooks` makes them."""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.core.delivery.webhook import Hook
from edxml_router.ports.views import Views


def open_calls(views: Views) -> Sequence[Hook]:
    """Those that are due now or later, and those that an office's system wants no more of: until its makers, or the
    operator, have done something it hears of no mail."""
    return [hook for hook in views.webhooks() if hook.due_at is not None or hook.ended]
