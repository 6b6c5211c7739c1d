"""Acknowledge what was dealt with and give back what was not: the end of each batch of one kind.

A message that met a fault of this machine (EDX622) comes again after a second, then after twice as long each time, up
to a minute: while a disk is read-only for a night, no message should be read, judged and logged every second. The count
is by message and within this process; a message that another worker takes starts anew there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edxml_router.core.problems import Finding
from edxml_router.ports.transport import Arrival, Transport
from edxml_router.stages.acceptance.submission import Acceptance
from edxml_router.stages.node import Node

FAULT: Final = "EDX622"
FIRST_PAUSE_SECONDS: Final = 1.0  # seconds until what was not dealt with comes again
LONGEST_PAUSE_SECONDS: Final = 60.0
MESSAGES_REMEMBERED: Final = 10_000  # messages; the oldest is forgotten and starts anew


def acknowledge(
    node: Node,
    transport: Transport,
    batch: Sequence[Arrival],
    back: Sequence[Arrival],
    setbacks: Sequence[Finding],
    answers: Sequence[Acceptance],
) -> None:
    """Acknowledge the batch except ``back``, which comes again. A fault of the machine met by one concerns the whole
    batch."""
    returned = {id(arrival) for arrival in back}
    done = [arrival for arrival in batch if id(arrival) not in returned]
    transport.acknowledge(done)
    for arrival in done:
        node.faults.pop(_name(arrival), None)
    if FAULT not in (finding.code for finding in (*setbacks, *(one.finding for one in answers)) if finding):
        transport.give_back(back, FIRST_PAUSE_SECONDS)
        return
    pauses: dict[float, list[Arrival]] = {}
    for arrival in back:
        pauses.setdefault(_pause(node, arrival), []).append(arrival)
    for pause, arrivals in pauses.items():
        transport.give_back(arrivals, pause)


def _pause(node: Node, arrival: Arrival) -> float:
    name = _name(arrival)
    times = node.faults.pop(name, 0)  # the newest stands last
    while len(node.faults) >= MESSAGES_REMEMBERED:
        del node.faults[next(iter(node.faults))]
    node.faults[name] = times + 1
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(times, 30), LONGEST_PAUSE_SECONDS)


def _name(arrival: Arrival) -> tuple[str, str]:
    return arrival.mailbox, arrival.message.id
