"""The checks of a node, each about one thing that it depends on, in the order shown.

A check yields details, each with a finding, or None when all is well; it may also raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edxml_router.config import Settings
from edxml_router.services.alerts.checking import told_alerts
from edxml_router.services.flow import reminding
from edxml_router.services.health import (
    axis,
    catalogue,
    database,
    folders,
    hubs,
    machine,
    mailboxes,
    trust,
    upkeep,
    witnesses,
)
from edxml_router.services.health.report import Check, Findings

CHECKS: Final[Mapping[str, Check]] = {
    "data": machine.data,
    "disk": machine.disk,
    "database": database.database,
    "recovery": database.repetitions,
    "backup": upkeep.copies,
    "bodies": upkeep.bodies,
    "trust": trust.authorities,
    "lists": trust.lists,
    "responders": trust.answers,
    "certificate": trust.certificate,
    "served": trust.served,
    "seals": trust.seals,
    "neighbours": trust.neighbours,
    "catalogue": catalogue.agencies,
    "clock": machine.clock,
    "serve": machine.serve,
    "metrics": machine.metrics,
    "alerts": told_alerts,
    "peers": database.peers,
    "letters": database.letters,
    "halts": reminding.halts,
    "webhooks": database.webhooks,
    "journal": database.numbering,
    "witnesses": witnesses.cosigning,
    "stamps": witnesses.stamping,
    "links": witnesses.links,
    "outcomes": witnesses.outcomes,
    "tiles": upkeep.tiles,
    "hub": hubs.own_hub,
    "parent": hubs.parent_hub,
    "mailboxes": mailboxes.loads,
    "folders": folders.folders,
    "axis": axis.axis,
}


def _nothing(_settings: Settings) -> Findings:
    yield from ()


# Replaces these checks once the database is known not to answer: the problem is reported once, and each of them would
# wait in vain.
WITHOUT_DATABASE: Final[Mapping[str, Check]] = {
    "recovery": _nothing,
    "backup": _nothing,
    "bodies": _nothing,
    "neighbours": trust.unproven,
    "clock": machine.was_set,
    "peers": _nothing,
    "letters": _nothing,
    "halts": _nothing,
    "webhooks": _nothing,
    "journal": _nothing,
    "witnesses": _nothing,
    "stamps": _nothing,
    "links": _nothing,
    "outcomes": _nothing,
    "tiles": _nothing,
    "mailboxes": _nothing,
    "axis": _nothing,
}
