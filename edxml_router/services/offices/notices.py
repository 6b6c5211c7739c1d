"""Notices to one office, page by page, for those who fetch them: what became of envelopes that it sent.

    page = read_notices(ledger, "vp", 100)
    count = clear_notices(ledger, "vp", page.cursor)          # those, and no newer ones

They are the notices of `edxml-router inbox --notices`, and of the messages to an office of a broker. A cursor has the
epoch: after a restored back-up numbers mean others, and one from before clears nothing. Raises Refusal EDX418 for a
cursor that is none, and Setback of the store.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edxml_router.core.delivery.views import Notice
from edxml_router.core.detail import Detail
from edxml_router.core.link.resync import Recovery
from edxml_router.core.link.route import Route
from edxml_router.core.problems import Refusal
from edxml_router.services.office import called
from edxml_router.store.ledger import SqlLedger

_CURSOR: Final = re.compile(r"([0-9a-z]{0,64})-([0-9]{1,18})")
_PORTION: Final = 500  # notices of one commit


@dataclass(frozen=True, slots=True)
class NoticePage:
    """``documents``: the DocumentId of each envelope; ``calls``: to send again, because a back-up was restored."""

    notes: Sequence[Notice]
    documents: Mapping[str, str]
    calls: Sequence[Recovery]
    cursor: str
    more: bool


def read_notices(ledger: SqlLedger, office: str, limit: int) -> NoticePage:
    """The oldest that are not cleared."""
    views = ledger.views
    rows = views.notices(Route.office(office), 0, limit + 1)
    shown = rows[:limit]
    documents = views.document_ids({row.receipt.envelope for row in shown})
    number = shown[-1].number if shown else 0
    calls = [one for _, one in called(ledger, [office])]
    return NoticePage(shown, documents, calls, f"{views.feed_head().epoch}-{number}", len(rows) > limit)


def clear_notices(ledger: SqlLedger, office: str, cursor: str) -> int:
    """Do not show again what was shown up to this; how many that were. Clearing twice is no mistake."""
    read = _CURSOR.fullmatch(cursor)
    if read is None:
        raise Refusal("EDX418", where="cursor", detail=Detail("not a cursor of this node"))
    if read[1] != ledger.views.feed_head().epoch:
        return 0
    count, last = 0, int(read[2])
    while True:
        rows = [one for one in ledger.views.notices(Route.office(office), 0, _PORTION) if one.number <= last]
        if not rows:
            return count
        with ledger.book() as book:
            book.receipts.sent([one.number for one in rows], ledger.clock.now())
        # Commit. A crash here leaves the rest, which is shown again.
        count += len(rows)
