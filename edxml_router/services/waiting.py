"""Why a delivery waits, where its row cannot tell.

    hindrances(views, deliveries, now).get(delivery.id)

Mail that waits for an absent hub, or behind an earlier delivery of its document, is not even leased and so has no
problem of its own: writing one into every row at every turn would be costly, and untrue a moment later. It is computed
on demand from what the workers know of the mailboxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.delivery.views import Hindrance
from edxml_router.ports.views import Views

_TO_SEND: Final = (State.QUEUED, State.DEFERRED, State.FORWARDING)


def hindrances(views: Views, deliveries: Sequence[Delivery], now: datetime) -> Mapping[int, Hindrance]:
    """By number, for those of ``deliveries`` that are hindered."""
    here = [one for one in deliveries if _is_ours(one)]
    if not here:
        return {}
    earlier = views.waits_for([one.id for one in here], now)
    silent = views.silences()
    found: dict[int, Hindrance] = {}
    for one in here:
        silence = silent.get((one.route, one.urgent))
        if one.id in earlier:
            found[one.id] = Hindrance(earlier=earlier[one.id])
        elif silence is not None and (one.state is State.AVAILABLE or one.route.is_link):
            found[one.id] = Hindrance(silence=silence)
    return found


def _is_ours(delivery: Delivery) -> bool:
    """Whether the next step is this node's: to send it, or to lay it into the mailbox of an office."""
    unlaid = delivery.state is State.AVAILABLE and delivery.handed_at is None
    return unlaid or (delivery.state in _TO_SEND and not delivery.far_accepted)
