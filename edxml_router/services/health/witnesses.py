"""Whether others hold this node to its journal: neighbours that cosign it, authorities that stamp it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.services.proof.gaps import comparisons
from edxml_router.services.proof.time_stamps import stamp_gaps
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


def stamping(settings: Settings) -> Findings:
    """The age of each authority's last time stamp, and whether one is late."""
    if settings.journal.key is None:
        return
    if not settings.journal.stamps:
        yield Detail("no authority stamps the journal (journal.stamps): all times are this node's word"), None
        return
    now = datetime.now(UTC)
    with closing(composition.open_ledger(settings, PATIENCE)) as ledger:
        found = list(stamp_gaps(settings, ledger.views, now))
    for authority, last, finding in found:
        if finding is not None:
            yield authority, finding
        elif last is None:
            yield Detail("{authority}: no time stamp yet", authority=authority), None
        else:
            yield (
                Detail(
                    "{authority}: stamped {size} entries at {at:%Y-%m-%d %H:%M} UTC",
                    authority=authority,
                    size=last.size,
                    at=last.at,
                ),
                None,
            )


def links(settings: Settings) -> Findings:
    """Gaps by neighbour and kind, and neighbours that do not compare."""
    if settings.journal.key is None or not (settings.children or settings.parent):
        return
    with closing(composition.open_ledger(settings, PATIENCE)) as ledger:
        counts = ledger.views.link_gap_counts()
        found = list(comparisons(settings, ledger.views, datetime.now(UTC)))
    for each in found:
        gaps = {code: count for (peer, code), count in counts.items() if peer == each.peer}
        for code, count in sorted(gaps.items()):
            told = Detail(
                "{peer}: {count} deliveries; `edxml-router link check` names them", peer=each.peer, count=count
            )
            yield told, Finding(code, each.peer, told)
        if each.finding is not None:
            yield each.peer, each.finding
        elif not gaps and each.reached is not None:
            yield (
                Detail("{peer}: the same at both ends up to {at:%Y-%m-%d %H:%M}", peer=each.peer, at=each.reached),
                None,
            )
