"""What an open delivery waits for, where its state alone does not tell: computed when it is shown, never stored.

``waits_for(delivery)`` is for programs: ``link:NAME`` or ``office:NAME`` (it is theirs to take), ``recipient`` (the
next node has it, the recipient's system has not confirmed), ``operator`` (held), ``node`` (this one is to make the
next attempt), or None at an end. ``reason(session, delivery)`` says the same to people.
"""

from __future__ import annotations

from edxml_router.cli.session import Session, local
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery


def waits_for(delivery: Delivery) -> str | None:
    """Who or what has to move next; None when the delivery has ended."""
    if delivery.state in ENDS:
        return None
    if delivery.state is State.HELD:
        return "operator"
    if delivery.far_accepted:
        return "recipient"
    return delivery.route if delivery.state in (State.FORWARDED, State.AVAILABLE) else "node"


def reason(session: Session, delivery: Delivery) -> str:
    """In words, for what was handed over or lies ready; empty where the state or the last problem tells."""
    values = {"route": delivery.route, "at": local(delivery.updated_at), "attempts": delivery.attempts}
    if delivery.state is State.AVAILABLE:
        return session.say("waits.office", **values)
    if delivery.far_accepted and delivery.state not in (*ENDS, State.HELD):
        return session.say("waits.recipient", **values)
    return session.say("waits.link", **values) if delivery.state is State.FORWARDED else ""
