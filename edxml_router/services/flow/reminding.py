"""What operators have told the whole flow to do, and may have forgotten."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services.health.database import is_lost
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.store.database import migrate
from edxml_router.wiring import own_ledger

_SHOWN: Final = 5  # halts


def halts(settings: Settings) -> Findings:
    """Whether nothing new is taken; the halts in force, the oldest first, and what they hold."""
    if is_lost(settings):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return  # the check of the database reports that
        found, drain = ledger.views.halts(), ledger.views.drain()
    if drain is not None:
        told = Detail("nothing new is taken since {at:%Y-%m-%d %H:%M}", at=drain.since.astimezone())
        yield told, Finding("EDX689", detail=Detail("{who}: {reason}", who=drain.actor, reason=drain.reason))
    for each in found[:_SHOWN]:
        halt = each.halt
        values = {"number": halt.id, "count": each.count, "at": halt.since.astimezone()}
        told = Detail("halt {number}, since {at:%Y-%m-%d %H:%M}: {count} deliveries wait", **values)
        yield (
            told,
            Finding(
                "EDX662",
                Detail("halt {number}", number=halt.id),
                Detail("{who}: {reason}", who=halt.actor, reason=halt.reason),
            ),
        )
    if len(found) > _SHOWN:
        yield Detail("and {count} halts more", count=len(found) - _SHOWN), None
    if not found and drain is None:
        yield Detail("nothing"), None
