"""What an open delivery waits for, in words, where its state alone does not tell."""

from __future__ import annotations

from edxml_router.cli.session import Session
from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import Hindrance, Silence


def hindered(session: Session, delivery: Delivery, hindrance: Hindrance | None) -> str:
    """In words, why this node does not move it on; empty where nothing else keeps it."""
    if hindrance is None:
        return ""
    if hindrance.silence is not None:
        return _silence(session, delivery, hindrance.silence)
    return session.say("waits.earlier", number=hindrance.earlier)


def _silence(session: Session, delivery: Delivery, silence: Silence) -> str:
    why = silence.finding
    detail = ": ".join(part for part in (why.where, session.detail(why.detail)) if part)
    at = session.shown(silence.since)
    return f"{why.code} " + session.say("waits.hub", route=delivery.route, at=at, detail=detail)


def waiting_reason(session: Session, delivery: Delivery, hindrance: Hindrance | None = None) -> str:
    """In words, for what was handed over, lies ready, or is hindered; empty where the state or the last problem
    tells."""
    if said := hindered(session, delivery, hindrance):
        return said
    values = {"route": delivery.route, "at": session.shown(delivery.updated_at), "attempts": delivery.attempts}
    if delivery.state is State.AVAILABLE:
        return session.say("waits.office", **values)
    if delivery.far_accepted and delivery.state not in (*ENDS, State.HELD):
        return session.say("waits.recipient", **values)
    return session.say("waits.link", **values) if delivery.state is State.FORWARDED else ""
