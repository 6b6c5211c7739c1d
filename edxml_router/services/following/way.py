"""A document's way to one recipient: the nodes that took it, when, and how long each part took.

    for step in way(story, delivery): step.place, step.at, step.delay

Each node dates by its own clock; a delay below zero is that of clocks that differ, and shown as what it is. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from edxml_router.core.delivery.lifecycle import ENDS, State
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.link.wire import Hop


@dataclass(frozen=True, slots=True)
class WayStep:
    """A node, or the recipient at the end; ``at`` is None where nobody has told yet. ``state`` stands at the last step
    only: that of the delivery. ``delay``: since the step before; None where either moment is not known."""

    place: str
    at: datetime | None
    delay: timedelta | None = None
    state: State | None = None
    next_hop: str = ""  # of a delivery under way, to whom it goes from there

    @property
    def is_end(self) -> bool:
        return self.state is not None


def way(envelope: EnvelopeRow, delivery: Delivery, paths: Mapping[str, Sequence[Hop]]) -> list[WayStep]:
    """The steps as far as this node knows them, and the recipient as the last."""
    hops = list(envelope.hops)
    told = list(paths.get(delivery.recipient, ()))
    if told and hops and told[0].node == hops[0].node:
        hops = told if len(told) >= len(hops) else hops
    else:
        hops += [one for one in told if one.node not in {each.node for each in hops}]
    steps: list[WayStep] = []
    before: datetime | None = None
    for hop in hops:
        steps.append(WayStep(hop.node, hop.at, None if before is None else hop.at - before))
        before = hop.at
    ended = delivery.ended_at or (delivery.updated_at if delivery.state in ENDS else None)
    delay = ended - before if ended is not None and before is not None else None
    route = "" if delivery.state in ENDS else str(delivery.route)
    return [*steps, WayStep(delivery.recipient, ended, delay, delivery.state, route)]


def whole_time(steps: Sequence[WayStep]) -> timedelta | None:
    """From the first moment that is known to the last; None where there are not two."""
    known = [step.at for step in steps if step.at is not None]
    return known[-1] - known[0] if len(known) > 1 else None
