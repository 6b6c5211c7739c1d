"""What matches a wish: how many in all, by cause and way, and a page of the rows, with the DocumentId of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.values import Delivery
from edxml_router.services.bulk.wishes import Wish, choice_of
from edxml_router.store.bulk import choosing
from edxml_router.store.bulk.choosing import MOST_LOOKED, CauseGroup
from edxml_router.store.ledger import SqlLedger

MOST_GROUPS: Final = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """``groups``: the largest, ``more_groups`` where there are others; ``ended_since``: of those that failed only what
    ended from then on is in any number here, looked for among the newest ``looked``."""

    count: int
    groups: Sequence[CauseGroup]
    more_groups: bool
    deliveries: Sequence[Delivery]
    documents: Mapping[str, str]
    ended_since: datetime
    looked: int = MOST_LOOKED


def list_matching(ledger: SqlLedger, settings: Settings, wish: Wish, after: int, limit: int, now: datetime) -> Listed:
    """Rows with numbers above ``after``, at most ``limit``. Raises Refusal EDX606, EDX809, Setback EDX602."""
    choice = choice_of(wish, settings, ledger.views, now)
    groups = choosing.cause_groups(ledger.engine, choice, MOST_GROUPS + 1)
    rows = choosing.chosen_page(ledger.engine, choice, after, limit)
    return Listed(
        choosing.chosen_count(ledger.engine, choice),
        groups[:MOST_GROUPS],
        len(groups) > MOST_GROUPS,
        rows,
        ledger.views.document_ids(one.digest for one in rows),
        choice.ended_since,
    )
