"""The deliveries of one document that somebody has chosen on a page, by their numbers.

    rows = chosen_deliveries(views, digest, {104832, 104833})     # or None for all

Raises Refusal EDX606 where none is chosen, EDX418 for more than one act may have, and what the views raise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from edxml_router.core.delivery.values import Delivery
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Refusal
from edxml_router.ports.views import Views

MOST_CHOSEN: Final = 10_000


def chosen_deliveries(views: Views, digest: str, numbers: Collection[int] | None) -> Sequence[Delivery]:
    """Only those of this document, whatever numbers a form has."""
    rows = [one for one in views.deliveries_of([digest]) if numbers is None or one.id in numbers]
    if not rows:
        raise Refusal("EDX606", where=digest[:64], detail=Detail("no recipient is chosen"))
    if len(rows) > MOST_CHOSEN:
        raise Refusal("EDX418", where="number", detail=Detail("more than {most} deliveries", most=MOST_CHOSEN))
    return rows
