"""Taking from many mailboxes in turn: urgent ones first, and nobody waits behind another's flood.

    turns = Turns()
    arrivals = turns.take(intakes, limit)

Every neighbour has an intake of its own, so the one that has thousands of messages waiting gets no more of a batch than
what the others leave. What is left over goes to who has more; a share is always kept for what is not urgent. A batch
is in memory as a whole, so it ends as well when it holds MOUTHFUL bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from edxml_router.core.delivery import shares
from edxml_router.ports.transport import Arrival
from edxml_router.transport import topology

TAKE_BYTES_MAX: Final = 32 * 1024 * 1024  # bytes after which no more is taken at once


def weight(arrivals: Sequence[Arrival]) -> int:
    """Their bytes."""
    return sum(len(arrival.message.body) for arrival in arrivals)


class Intake(Protocol):
    """One mailbox, consumed."""

    mailbox: str

    def take(self, into: list[Arrival], limit: int, most: int) -> None:
        """Add what is there to ``into``, until that holds ``limit`` messages, or ``most`` bytes with the last one."""


class Turns:
    """Remembers whose turn is next, for when there are more mailboxes than a batch has places."""

    def __init__(self) -> None:
        self._urgent, self._ordinary = _Round(), _Round()

    def take(self, intakes: Sequence[Intake], limit: int) -> list[Arrival]:
        """Up to ``limit`` messages, of MOUTHFUL bytes and at most two messages more."""
        urgent = [intake for intake in intakes if topology.is_urgent(intake.mailbox)]
        ordinary = [intake for intake in intakes if not topology.is_urgent(intake.mailbox)]
        places = limit - shares.for_ordinary(limit) if ordinary else limit
        room = TAKE_BYTES_MAX - shares.for_ordinary(TAKE_BYTES_MAX) if ordinary else TAKE_BYTES_MAX
        arrivals: list[Arrival] = []
        self._urgent.take(urgent, arrivals, places, room)
        cut = len(arrivals) >= places or weight(arrivals) >= room
        self._ordinary.take(
            ordinary, arrivals, limit, max(TAKE_BYTES_MAX, weight(arrivals) + 1)
        )  # one of them at least
        if cut:
            self._urgent.take(urgent, arrivals, limit, TAKE_BYTES_MAX)
        return arrivals


class _Round:
    def __init__(self) -> None:
        self._next = 0

    def take(self, intakes: Sequence[Intake], into: list[Arrival], limit: int, most: int) -> None:
        first = self._next % len(intakes) if intakes else 0
        waiting = [*intakes[first:], *intakes[:first]]
        asked, held = 0, weight(into)
        while waiting and len(into) < limit and held < most:
            places, room = max(1, (limit - len(into)) // len(waiting)), max(1, (most - held) // len(waiting))
            more = []
            for intake in waiting:
                goal, full, before = min(limit, len(into) + places), min(most, held + room), len(into)
                intake.take(into, goal, full)
                asked, held = asked + 1, held + weight(into[before:])
                if len(into) == goal or held >= full:  # it gave all that it was asked for, and may have more
                    more.append(intake)
                if len(into) == limit or held >= most:
                    break
            waiting = more
        self._next = first + min(asked, len(intakes))
