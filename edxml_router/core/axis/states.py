"""The transport states of the national axis, computed from those of a delivery; none is stored.

The axis tells ``initial``, ``processing``, ``done`` and ``fail`` of one envelope to one recipient. A recipient's system
sets ``processing`` by fetching it, then ``done`` or ``fail``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from edxml_router.core.delivery.lifecycle import State


class TransportState(StrEnum):
    """What the axis says of a transfer."""

    INITIAL = "initial"
    PROCESSING = "processing"
    DONE = "done"
    FAIL = "fail"


_ENDED: Final[Mapping[State, TransportState]] = {
    State.CONFIRMED: TransportState.DONE,
    State.RETURNED: TransportState.FAIL,
    State.EXPIRED: TransportState.FAIL,
    State.CANCELLED: TransportState.FAIL,
}


def transport_state(state: State, *, fetched: bool) -> TransportState:
    """What the axis would say. ``fetched``: the recipient's system has taken the bytes, as far as is known here; of
    an envelope that is on its way through other nodes nobody here knows."""
    ended = _ENDED.get(state)
    if ended is not None:
        return ended
    return TransportState.PROCESSING if fetched else TransportState.INITIAL
