"""Whether neighbours hold each other to their journals."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.services.proof.witnesses import neighbour_logs
from edxml_router.wiring import composition


def cosigning(settings: Settings) -> Findings:
    """What was cosigned last at both ends of each link, and whose journal does not continue what it was."""
    if settings.journal.key is None:
        yield Detail("the journal's checkpoints are not signed (journal.key)"), None
        return
    with closing(composition.open_ledger(settings, PATIENCE)) as ledger:
        found = list(neighbour_logs(settings, ledger.views, datetime.now(UTC)))
    if not found:
        yield Detail("no neighbour cosigns the journal (log_keys)"), None
    for each in found:
        for finding in each.findings:
            yield each.peer, finding
        if not each.findings:
            ours, theirs = (each.standing.size if each.standing else 0), (each.log.size if each.log else 0)
            told = Detail("{peer}: cosigned {theirs} there, {ours} here", peer=each.peer, theirs=theirs, ours=ours)
            yield told, None
