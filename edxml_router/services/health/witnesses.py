"""Whether others hold this node to its journal, neighbours that cosign it and authorities that stamp it; and it them to
what they say of deliveries."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.link.statement import NOT_PROVEN, UNSIGNED
from edxml_router.core.problems import Finding
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.services.proof.gaps import comparisons
from edxml_router.services.proof.time_stamps import stamp_gaps
from edxml_router.services.proof.unproven import COUNTED, RECENT, sum_up_unproven
from edxml_router.services.proof.witnesses import neighbour_logs
from edxml_router.wiring import own_ledger

ON_ITS_WORD: Final = "EDX635"


def cosigning(settings: Settings) -> Findings:
    """What was cosigned last at both ends of each link, and whose journal does not continue what it was."""
    if settings.journal.key is None:
        yield Detail("the journal's checkpoints are not signed (journal.key)"), None
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
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
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
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
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
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


def outcomes(settings: Settings) -> Findings:
    """Deliveries that ended within a month by a neighbour's word alone, and those that stay open because proof is
    required; the newest of each kind by name. That nobody has signed is only worth a remark: so it is with nodes of
    older versions."""
    since = datetime.now(UTC) - RECENT
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        found = sum_up_unproven(ledger.views, since)
        counted = sum(map(len, found.values()))
        waiting = {
            code: len(ledger.views.list_deliveries(code=code, states=(State.FORWARDED,), limit=COUNTED))
            for code in NOT_PROVEN
        }
    for (peer, code), ends in sorted(found.items()):
        told = Detail(
            "{peer}: {count} ended by its word alone, say {documents}; `edxml-router link unproven {peer}` lists them",
            peer=peer,
            count=f"{len(ends)}+" if counted == COUNTED else len(ends),
            documents=", ".join(dict.fromkeys(end.document or end.receipt.envelope[:12] for end in ends[:3])),
        )
        yield told, Finding(ON_ITS_WORD if code == UNSIGNED else code, peer, told)
    for code, count in waiting.items():
        if count:
            told = Detail(
                "{count} wait for a proof; `edxml-router queue list --code {code}` lists them", count=count, code=code
            )
            yield told, Finding(code, "delivery.require_proof", told)
    if not found and not any(waiting.values()):
        yield Detail("none of the last 30 days is unproven"), None
