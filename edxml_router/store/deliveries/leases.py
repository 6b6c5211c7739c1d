"""Changes to deliveries without a change of state: renewed leases, and what is due now that a hub is back.

Nothing here changes the version: whoever moves a delivery meanwhile overwrites these columns anyway. Raises Setback
like every call of a book.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select, text, update

from edxml_router.core.delivery.entries.facts import delivery_facts
from edxml_router.core.delivery.journal import DELIVERY_REROUTED, Entry
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.delivery.values import Delivery
from edxml_router.core.link.route import Route
from edxml_router.store.database.columns import Instant
from edxml_router.store.deliveries.table import OPEN, deliveries, delivery_rows
from edxml_router.store.journal.book import JournalledPart
from edxml_router.store.receipts.book import receipts

_AT: Final = bindparam("time", type_=Instant)
_ROUTES: Final[Any] = bindparam("routes", expanding=True)
_KEEP: Final = (
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("number"),
        deliveries.c.version == bindparam("old"),
        deliveries.c.state == State.FORWARDING,
    )
    .values(due_at=_AT)
)
_ON_ROUTES: Final = (text(OPEN), deliveries.c.route.in_(_ROUTES))
_DUE_AGAIN: Final = (
    update(deliveries)
    .where(
        *_ON_ROUTES,
        deliveries.c.state.in_((State.DEFERRED, State.FORWARDED, State.AVAILABLE)),  # and its next look
        deliveries.c.code.in_(bindparam("codes", expanding=True)),
        deliveries.c.due_at > _AT,
    )
    .values(due_at=_AT)
)
_UNSENT_AGAIN: Final = (
    update(receipts)
    .where(receipts.c.sent_at.is_(None), receipts.c.origin.in_(_ROUTES), receipts.c.lease_until > _AT)
    .values(lease_until=_AT)
)
_BOUND: Final = select(deliveries).where(
    *_ON_ROUTES, deliveries.c.state.in_((State.QUEUED, State.DEFERRED)), ~deliveries.c.far_accepted
)
_REBIND: Final = (
    update(deliveries).where(deliveries.c.id == bindparam("number")).values(route=bindparam("following"))
)


class Leases(JournalledPart):
    """See :class:`edxml_router.ports.ledger.Deliveries`. ``now`` dates what is routed anew."""

    def keep(self, deliveries: Sequence[Delivery], until: datetime) -> None:
        rows = [
            {"number": one.id, "old": one.version, "time": until} for one in sorted(deliveries, key=lambda one: one.id)
        ]
        if rows:
            self._execute(_KEEP, rows)

    def due_again(self, routes: Collection[Route], codes: Collection[str], now: datetime) -> int:
        values = {"routes": sorted(routes), "codes": sorted(codes), "time": now}
        self._execute(_UNSENT_AGAIN, values)
        count: int = self._execute(_DUE_AGAIN, values).rowcount
        return count

    def rebind(self, routes: Collection[Route], route: Callable[[str], Route | None]) -> int:
        changed = []
        for one in delivery_rows(self._execute(_BOUND, {"routes": sorted(routes)})):
            following = route(one.recipient)
            if following is not None and following != one.route:
                changed.append((one, following))
        if changed:
            self._execute(_REBIND, [{"number": one.id, "following": following} for one, following in changed])
        self._journal.note(_rerouted(one, following, self._now) for one, following in changed)
        return len(changed)


def _rerouted(one: Delivery, following: Route, now: datetime) -> Entry:
    facts = {**delivery_facts(one), "route": following}
    pair = (one.digest, one.recipient)
    return Entry(now, DELIVERY_REROUTED, *pair, one.state, one.state, "node", detail=following, facts=facts)
