"""The transport states of the national axis, computed from those of a delivery; none is stored.

The axis tells ``initial``, ``processing``, ``done`` and ``fail`` of one envelope to one recipient. A recipient's system
sets ``processing`` by fetching it, then ``done`` or ``fail``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from typing import Final

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.message.letter_day import VIETNAM


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


def read_time(text: str) -> datetime | None:
    """A moment in a list of the axis, in the forms that platforms are known to write, Vietnam time; None for others."""
    for form in _TIMES:
        with suppress(ValueError):
            return datetime.strptime(text.strip()[:19], form).replace(tzinfo=VIETNAM)
    return None


_TIMES: Final = ("%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d/%m/%Y %H:%M:%S")
