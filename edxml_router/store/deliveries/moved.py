"""The mail of agencies that have moved (:class:`edxml_router.ports.ledger.MovedMail`), found in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, literal, or_, select, text

from edxml_router.core.delivery.handing_back import HANDED_BACK
from edxml_router.core.link.route import FROM_OFFICES, Route
from edxml_router.store.database.part import Part
from edxml_router.store.deliveries.table import OPEN, deliveries

# The first words for the index. Handed back, a delivery is queued with that code, and with none once it is sent again.
_PLACED: Final = text(f"{OPEN} AND (state = 'available' OR (state = 'queued' AND code = '{HANDED_BACK}'))")
_PLACES: Final = select(deliveries.c.recipient, deliveries.c.route).where(_PLACED).distinct()
_AT: Final = (
    select(deliveries.c.id)
    .where(
        _PLACED, deliveries.c.recipient == bindparam("recipient"), deliveries.c.route == bindparam("route")
    )
    .order_by(deliveries.c.id)
    .limit(bindparam("most"))
)
_FOUND: Final = (
    select(literal(1))
    .where(
        deliveries.c.recipient == bindparam("recipient"),
        or_(deliveries.c.route.like(FROM_OFFICES), deliveries.c.far_accepted, deliveries.c.code == HANDED_BACK),
    )
    .limit(1)
)


class SqlMovedMail(Part):
    """``book.moved``: see :class:`edxml_router.ports.ledger.MovedMail`."""

    def places(self) -> Sequence[tuple[str, Route]]:
        return [(row.recipient, row.route) for row in self._execute(_PLACES)]

    def placed(self, recipient: str, route: Route, limit: int) -> Sequence[int]:
        values = {"recipient": recipient, "route": route, "most": limit}
        return list(self._execute(_AT, values).scalars())

    def found_before(self, recipient: str) -> bool:
        return self._execute(_FOUND, {"recipient": recipient}).first() is not None
