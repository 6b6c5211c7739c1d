"""Quarantined input: list it, write it out, and remove it once it has been dealt with.

Raises Refusal EDX606 for an unknown item.
"""

from __future__ import annotations

from collections.abc import Sequence

from edxml_router.core.delivery.views import QuarantinedItem
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding, Refusal
from edxml_router.ports.views import Views
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.quarantine import queries


def items(views: Views, *, document: str = "", code: str = "", limit: int = 100) -> Sequence[QuarantinedItem]:
    """At most so many, the oldest first; ``document`` is a DocumentId, or the beginning of a digest."""
    return views.list_quarantined(document=document, code=code, limit=limit)


def item(views: Views, number: int) -> QuarantinedItem:
    """The item of this number."""
    return _found(views, number)[0]


def content(views: Views, number: int) -> bytes:
    """The bytes of an item, where they were kept."""
    _, data = _found(views, number)
    if data is None:
        raise Refusal(
            "EDX606",
            where=Detail("quarantine {number}", number=number),
            detail=Detail("its bytes were not kept (EDX604)"),
        )
    return data


def remove(ledger: SqlLedger, numbers: Sequence[int], operator: str) -> tuple[Sequence[int], Finding | None]:
    """Remove items, with a journal entry each. Returns the numbers removed, and a finding about the others."""
    with ledger.book() as book:
        removed = queries.remove(book, numbers, f"operator:{operator}", ledger.clock.now())
    missing = sorted(set(numbers) - set(removed))
    return removed, Finding("EDX606", ", ".join(map(str, missing))[:200]) if missing else None


def _found(views: Views, number: int) -> tuple[QuarantinedItem, bytes | None]:
    found = views.one_quarantined(number)
    if found is None:
        raise Refusal("EDX606", where=Detail("quarantine {number}", number=number))
    return found
