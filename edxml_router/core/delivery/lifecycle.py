"""The life of a delivery (one envelope to one recipient), as one table.

``advance(state, event)`` is a look-up. A cell holds the next state, or :data:`LATE` for a late or repeated notice that
changes nothing; a blank cell is a :class:`~edxml_router.core.problems.Defect`, because it must never be asked for. An
envelope has no state of its own: :func:`outcome` computes one from its deliveries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from edxml_router.core.detail import Detail
from edxml_router.core.problems import Defect


class State(StrEnum):
    """Where a delivery stands. The last four are ends; :attr:`Event.RESEND` opens a failed end again, and
    :attr:`Event.CONFIRM` corrects it."""

    QUEUED = "queued"  # accepted; waits for its next hop
    FORWARDING = "forwarding"  # a worker holds it under a lease
    FORWARDED = "forwarded"  # the next node's broker has it
    DEFERRED = "deferred"  # an attempt failed temporarily; due again later
    HELD = "held"  # an operator or a damaged body stopped it
    AVAILABLE = "available"  # in the recipient's inbox
    CONFIRMED = "confirmed"  # the recipient's system took it
    RETURNED = "returned"  # refused on the way or by the recipient
    EXPIRED = "expired"  # its lifetime ended first
    CANCELLED = "cancelled"  # withdrawn by an operator

    @property
    def word(self) -> Detail:
        """The state's name within a detail."""
        return _WORDS[self]


_WORDS: Final[Mapping[State, Detail]] = {
    State.QUEUED: Detail("queued"),
    State.FORWARDING: Detail("forwarding"),
    State.FORWARDED: Detail("forwarded"),
    State.DEFERRED: Detail("deferred"),
    State.HELD: Detail("held"),
    State.AVAILABLE: Detail("available"),
    State.CONFIRMED: Detail("confirmed"),
    State.RETURNED: Detail("returned"),
    State.EXPIRED: Detail("expired"),
    State.CANCELLED: Detail("cancelled"),
}


class Event(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"  # a worker takes it (again, when a lease ran out)
    HAND_OVER = "hand-over"  # the transport confirmed that the next hop's queue has it
    ACCEPT = "accept"  # the next node has committed it, and has to send it from now on
    DEFER = "defer"  # not now
    OFFER = "offer"  # put into the recipient's inbox
    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"  # an operator wants the next attempt now; or the next node does not know it
    CONFIRM = "confirm"
    RETURN = "return"
    EXPIRE = "expire"
    CANCEL = "cancel"
    RESEND = "resend"


class LateNotice:
    """The cell for a late or repeated notice: journalled, changes nothing."""

    def __repr__(self) -> str:
        return "LATE"


LATE: Final = LateNotice()

# Three of the ends say that the recipient will not get it. That was decided by time, an operator or a node on the way,
# and none of these can know of a confirmation that is still in a mailbox further on. That the recipient has it is a
# fact, and corrects them.
ENDS: Final = frozenset({State.CONFIRMED, State.RETURNED, State.EXPIRED, State.CANCELLED})
FAILED_ENDS: Final = frozenset({State.RETURNED, State.EXPIRED, State.CANCELLED})

# The three notices that end a delivery from any open state: an answer may overtake our own record of having sent it
# (after a crash between the two).
_NOTICES: Final[Mapping[Event, State | LateNotice]] = {
    Event.CONFIRM: State.CONFIRMED,
    Event.RETURN: State.RETURNED,
    Event.EXPIRE: State.EXPIRED,
}
_LATE_NOTICES: Final[Mapping[Event, State | LateNotice]] = {
    Event.ACCEPT: LATE,
    Event.CONFIRM: LATE,
    Event.RETURN: LATE,
    Event.EXPIRE: LATE,
    Event.CANCEL: LATE,
    # A worker reports about a delivery that a notice has ended during its lease:
    Event.HAND_OVER: LATE,
    Event.DEFER: LATE,
    Event.OFFER: LATE,
}

_FAILED: Final[Mapping[Event, State | LateNotice]] = {
    **_LATE_NOTICES,
    Event.CONFIRM: State.CONFIRMED,
    Event.RESEND: State.QUEUED,
}

TABLE: Final[Mapping[State, Mapping[Event, State | LateNotice]]] = {
    State.QUEUED: {
        **_NOTICES,
        Event.CLAIM: State.FORWARDING,
        Event.ACCEPT: State.FORWARDED,
        Event.HOLD: State.HELD,
        Event.RETRY: State.QUEUED,
        Event.CANCEL: State.CANCELLED,
        # A lease ended, the delivery was released or retried, and the first holder reports late:
        Event.HAND_OVER: LATE,
        Event.DEFER: LATE,
        Event.OFFER: LATE,
    },
    State.FORWARDING: {
        **_NOTICES,
        Event.CLAIM: State.FORWARDING,
        Event.HAND_OVER: State.FORWARDED,
        Event.ACCEPT: State.FORWARDED,
        Event.DEFER: State.DEFERRED,
        Event.OFFER: State.AVAILABLE,
        Event.HOLD: State.HELD,
        Event.RETRY: State.QUEUED,
        Event.CANCEL: State.CANCELLED,
    },
    State.FORWARDED: {  # only asked about: its body waits in the next node's mailbox, or is there
        **_NOTICES,
        Event.ACCEPT: State.FORWARDED,
        Event.HAND_OVER: LATE,
        Event.DEFER: LATE,
        Event.OFFER: LATE,
        Event.RETRY: State.QUEUED,
        # The next node reports a cancellation there. An operator here can neither stop nor hold what has left.
        Event.CANCEL: State.CANCELLED,
    },
    State.DEFERRED: {
        **_NOTICES,
        Event.CLAIM: State.FORWARDING,
        Event.ACCEPT: State.FORWARDED,
        Event.HAND_OVER: LATE,
        Event.DEFER: LATE,
        Event.OFFER: LATE,
        Event.HOLD: State.HELD,
        Event.RETRY: State.QUEUED,
        Event.CANCEL: State.CANCELLED,
    },
    State.HELD: {
        **_NOTICES,
        Event.ACCEPT: LATE,
        Event.HAND_OVER: LATE,
        Event.DEFER: LATE,
        Event.OFFER: LATE,
        Event.HOLD: LATE,
        Event.RELEASE: State.QUEUED,
        Event.CANCEL: State.CANCELLED,
    },
    State.AVAILABLE: {
        **_NOTICES,
        Event.ACCEPT: LATE,
        Event.OFFER: LATE,
        Event.HAND_OVER: LATE,
        Event.DEFER: LATE,
        Event.CANCEL: State.CANCELLED,
        Event.RETRY: State.QUEUED,
    },
    State.CONFIRMED: _LATE_NOTICES,
    State.RETURNED: _FAILED,
    State.EXPIRED: _FAILED,
    State.CANCELLED: _FAILED,
}


def advance(state: State, event: Event) -> State | LateNotice:
    """The state after ``event``, or :data:`LATE` when the event changes nothing.

    Raises Defect (EDX699) for a blank cell. Operators' commands check :func:`allowed` first and answer EDX607.
    """
    following = TABLE[state].get(event)
    if following is None:
        raise Defect(Detail("no transition from {state} on {event}", state=state, event=event))
    return following


def allowed(state: State, event: Event) -> bool:
    """Whether ``event`` would change ``state``."""
    return isinstance(TABLE[state].get(event), State)


def states_before(event: Event) -> tuple[State, ...]:
    """The states that ``event`` leads out of, in the table's order."""
    return tuple(state for state in State if allowed(state, event))


# Of an envelope, by its deliveries: one is not at its end, all arrived, none, some; there are none here.
OUTCOMES: Final = ("open", "confirmed", "failed", "mixed", "empty")


def outcome(states: Iterable[State]) -> str:
    """The state of an envelope, computed from its deliveries: one of :data:`OUTCOMES`."""
    seen = set(states)
    if not seen:
        return "empty"
    if seen - ENDS:
        return "open"
    if seen == {State.CONFIRMED}:
        return "confirmed"
    return "mixed" if State.CONFIRMED in seen else "failed"


def back_off(attempts: int, first: timedelta, ceiling: timedelta, chance: float) -> timedelta:
    """How long to wait after failed attempt number ``attempts`` (1, 2, …): exponential with full jitter.

    ``chance`` in [0, 1) comes from the caller. The wait lies between half and all of ``first`` doubled
    ``attempts - 1`` times, capped by ``ceiling``: jitter keeps neighbours from returning in one wave.
    """
    full: timedelta = min(first * 2 ** min(attempts - 1, 20), ceiling)
    return full * (0.5 + 0.5 * chance)
