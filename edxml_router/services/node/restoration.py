"""Copies of a node, and making up for what a restored one has forgotten.

    made = copy_node(settings, folder, progress)
    for one in open_recoveries(settings): …
    finish(settings, ["h53", "vp"], "lan")

Raises Refusal EDX606 for a name that nobody waits for, EDX608 for a back-up of PostgreSQL, EDX908, and what opening the
database raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.link.resync import Recovery
from edxml_router.core.problems import Finding
from edxml_router.services.naming import unknown
from edxml_router.shapes.node import BackupShape
from edxml_router.stages.outcomes import recovery
from edxml_router.store import backup
from edxml_router.store.backup import Backup
from edxml_router.store.epochs import identity
from edxml_router.store.epochs.recovery import pending
from edxml_router.wiring.opening import ledger_of, node_of
from edxml_router.wiring.ownership import claim

_NAMED: Final = 10  # bodies or damages that are named


def copy_node(settings: Settings, folder: Path, progress: Callable[[int, int], None]) -> Backup:
    """Copy the journal and the large bodies to a new folder, and verify the copy; ``progress`` gets (done, of)."""
    with ledger_of(settings) as ledger:
        return backup.backup(
            ledger, settings.node.data / "bodies", folder.absolute(), datetime.now(UTC), progress
        )


def findings(kept: Backup) -> Sequence[Finding]:
    """What of a copy is damaged, the first of each kind."""
    missing = [Finding("EDX603", digest) for digest in kept.missing[:_NAMED]]
    return [*missing, *(Finding("EDX605", one.where, one.detail) for one in kept.damages[:_NAMED])]


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


def shape(kept: Backup) -> BackupShape:
    """A copy as JSON."""
    return {
        "folder": str(kept.folder),
        "sound": kept.sound,
        "entry_count": kept.entries,
        "root": kept.root,
        "body_count": kept.bodies,
        "size": kept.size,
        "missing": list(kept.missing),
        "damages": [{"where": one.where, "detail": one.detail} for one in kept.damages],
    }
