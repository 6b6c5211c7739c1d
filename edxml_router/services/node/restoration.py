"""Making up for what a restored node has forgotten.

    for one in open_recoveries(settings): …
    finish(settings, ["h53", "vp"], "lan")

Raises Refusal EDX606 for a name that nobody waits for, and what opening the database raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from edxml_router.config import Settings
from edxml_router.core.link.resync import Recovery
from edxml_router.services.naming import unknown
from edxml_router.stages.outcomes import recovery
from edxml_router.store.epochs import identity
from edxml_router.store.epochs.recovery import pending
from edxml_router.wiring.opening import ledger_of, node_of
from edxml_router.wiring.own_ledger import claim


def open_recoveries(settings: Settings) -> Sequence[Recovery]:
    """Who has not repeated yet what was handed in since the back-up."""
    with ledger_of(settings) as ledger:
        return pending(ledger.engine)


def finish(settings: Settings, names: Sequence[str], operator: str) -> None:
    """These have repeated it, or cannot be asked; journalled with the operator's name. A name is an office's or a
    neighbour's, or "link:NAME" and "office:NAME"."""
    open_ones = [one.party for one in open_recoveries(settings)]
    parties = {text: party for party in open_ones for text in (party.name, str(party))}
    for name in names:
        if name not in parties:
            raise unknown(name, sorted(party.name for party in open_ones))
    with node_of(settings) as node:
        for name in names:
            recovery.finish(node, parties[name], "", f"operator:{operator}")


def begin(settings: Settings, since: datetime, reason: str, operator: str) -> Sequence[Recovery]:
    """A back-up was restored which the node cannot recognise, and everything after ``since`` is missing: who has to
    repeat it."""
    with ledger_of(settings) as ledger:
        said = f"operator:{operator}: {reason[:200]}"
        identity.declare_restored(ledger, claim(settings), since, said)
        return pending(ledger.engine)
