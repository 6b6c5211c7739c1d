"""What an open delivery waits for, in words, where its state alone does not tell."""

from __future__ import annotations

from edxml_router.cli.session import Session, local
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery


def reason(session: Session, delivery: Delivery, earlier: int | None = None) -> str:
    """In words, for what was handed over, lies ready, or waits for an ``earlier`` delivery; empty where the state or
    the last problem tells."""
    if earlier is not None:
        return session.say("waits.earlier", number=earlier)
    values = {"route": delivery.route, "at": local(delivery.updated_at), "attempts": delivery.attempts}
    if delivery.state is State.AVAILABLE:
        return session.say("waits.office", **values)
    if delivery.far_accepted and delivery.state not in (*ENDS, State.HELD):
        return session.say("waits.recipient", **values)
    return session.say("waits.link", **values) if delivery.state is State.FORWARDED else ""
