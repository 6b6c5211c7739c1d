"""Whose turn it is with a delivery, and why: what whoever calls about a document wants to hear first.

    turn = turn_of(delivery, hindrance)
    turn.who, turn.why, turn.finding

Pure. Both are texts for people; the finding, where there is one, has the remedy.
"""

from __future__ import annotations

from dataclasses import dataclass

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import Hindrance
from edxml_router.core.detail import Detail
from edxml_router.core.problems import PROBLEMS, Actor, Finding

_WHO = {
    Actor.SENDER: Detail("the sender"),
    Actor.OPERATOR: Detail("this node's operator"),
    Actor.RECIPIENT: Detail("the recipient"),
    Actor.ROUTER: Detail("the makers of this program"),
}
_NOBODY = Detail("nobody")
_NODE = Detail("this node")


@dataclass(frozen=True, slots=True)
class Turn:
    """``why`` may be empty where the state tells everything."""

    who: str
    why: str
    finding: Finding | None = None


def turn_of(delivery: Delivery, hindrance: Hindrance | None = None) -> Turn:
    """Who has to act now."""
    problem = _problem(delivery)
    state = delivery.state
    if state is State.CONFIRMED:
        return Turn(_NOBODY, Detail("the recipient has it"), problem)
    if state in (State.RETURNED, State.EXPIRED, State.CANCELLED):
        who = _WHO.get(problem.problem.actor, _NODE) if problem is not None else _WHO[Actor.SENDER]
        return Turn(who, delivery.detail, problem)
    if state is State.HELD:
        return Turn(_WHO[Actor.OPERATOR], Detail("it is held until somebody releases it"), problem)
    if hindrance is not None and hindrance.silence is not None:
        silence = hindrance.silence
        why = Detail("{route} does not answer since {at:%Y-%m-%d %H:%M:%S}", route=str(delivery.route),
                     at=silence.since.astimezone())  # fmt: skip
        return Turn(_WHO[Actor.OPERATOR], why, silence.finding)
    if hindrance is not None and hindrance.earlier is not None:
        return Turn(_NODE, Detail("delivery {number} of its document goes first", number=hindrance.earlier), problem)
    if state is State.AVAILABLE:
        return Turn(Detail("the office {name}", name=delivery.route.name), Detail("it lies ready and was not taken"),
                    problem)  # fmt: skip
    if delivery.far_accepted or state is State.FORWARDED:
        told = Detail("it was handed over and is not confirmed yet")
        return Turn(Detail("the next node, {name}", name=delivery.route.name), told, problem)
    return Turn(_NODE, Detail("next attempt {at:%Y-%m-%d %H:%M:%S}", at=delivery.due_at.astimezone()), problem)


def _problem(delivery: Delivery) -> Finding | None:
    if delivery.code not in PROBLEMS:
        return None
    return Finding(delivery.code, delivery.recipient, delivery.detail)
