"""Read how things stand with a node: from its database, and from its files.

    for gauge, labels, value in database_figures(settings, now): …

Each pass over the database is a few bounded queries, given :data:`PATIENCE` seconds by its server. Raises Setback for
the database, Refusal EDX902 for a file.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.trust.expiry import Expiry
from edxml_router.credentials import blocks, endings, identities
from edxml_router.services.flow import draining
from edxml_router.services.health.report import PATIENCE
from edxml_router.services.metrics import gauges
from edxml_router.services.metrics.gauges import Reading
from edxml_router.services.proof.witnesses import neighbour_logs
from edxml_router.store import upkeep
from edxml_router.store.bodies import damaged
from edxml_router.store.clocks import neighbour_clocks
from edxml_router.store.clocks.neighbour_clocks import KeptSkews
from edxml_router.store.deliveries.waiting import waiting_groups
from edxml_router.store.journal import sequencer
from edxml_router.wiring import clocks
from edxml_router.wiring.own_ledger import OwnLedger, open_ledger

_DAMAGES: Final = 1000  # bodies that are counted


def probe(settings: Settings) -> None:
    """Whether the database answers, and something new is taken. Raises Setback where it does not, EDX664 where nothing
    is."""
    with closing(open_ledger(settings, PATIENCE)) as ledger:
        ledger.views.checkpoint()
        draining.require_taking(ledger.views)


def database_figures(settings: Settings, now: datetime) -> Iterator[Reading]:
    """What only the database knows."""
    with closing(open_ledger(settings, PATIENCE)) as ledger:
        yield from _waiting(ledger)
        yield from _journal(settings, ledger, now)
        yield from _upkeep(ledger)
        for (peer, code), count in ledger.views.link_gap_counts().items():
            yield gauges.GAPS, (peer, code), count
        yield gauges.DOUBTFUL, (), float(clocks.compare_clock(ledger).doubt() is not None)


def _waiting(ledger: OwnLedger) -> Iterator[Reading]:
    for group in waiting_groups(ledger.engine):
        labels = (str(group.route), str(group.state), urgency(urgent=group.urgent))
        yield gauges.OPEN, labels, group.count
        yield gauges.OLDEST, labels, group.since.timestamp()
    yield gauges.DRAINING, (), float(ledger.views.drain() is not None)
    for each in ledger.views.halts():
        yield gauges.HALTED, (str(each.halt.id),), each.count
    for (route, urgent), silence in ledger.views.silences().items():
        yield gauges.SILENT, (str(route), urgency(urgent=urgent)), silence.since.timestamp()


def _journal(settings: Settings, ledger: OwnLedger, now: datetime) -> Iterator[Reading]:
    checkpoint, signed = ledger.views.checkpoint(), ledger.views.signed_checkpoint()
    yield gauges.ENTRIES, (), checkpoint.size if checkpoint else 0
    if checkpoint is not None:
        yield gauges.CHECKPOINT, (), checkpoint.at.timestamp()
    if (since := sequencer.waiting_since(ledger)) is not None:
        yield gauges.UNNUMBERED, (), since.timestamp()
    if settings.journal.key is None:
        return
    yield gauges.SIGNED, (), signed.size if signed else 0
    for one in neighbour_logs(settings, ledger.views, now):
        answered = one.standing.answered_at if one.standing else None
        yield gauges.COSIGNED, (one.peer,), one.standing.size if one.standing else 0
        yield gauges.COSIGNED_AT, (one.peer,), answered.timestamp() if answered else 0
        for code in sorted({finding.code for finding in one.findings}):
            yield gauges.WITNESS_PROBLEM, (one.peer, code), 1
    for authority in settings.journal.stamps:
        last = ledger.views.last_time_stamp(authority.url)
        beyond = ledger.views.unstamped_since(last.size if last else 0)
        if last is not None:
            yield gauges.STAMPED_AT, (authority.url,), last.at.timestamp()
        if beyond is not None:
            yield gauges.UNSTAMPED, (authority.url,), beyond.timestamp()


def _upkeep(ledger: OwnLedger) -> Iterator[Reading]:
    for kind in (upkeep.SCRUB, upkeep.BACKUP, upkeep.DRILL):
        if (last := upkeep.last(ledger.engine, kind)) is not None:
            yield gauges.UPKEEP_AT, (kind,), last.at.timestamp()
            yield gauges.UPKEEP_SOUND, (kind,), float(last.sound)
    yield gauges.DAMAGED, (), len(damaged.damaged_bodies(ledger.engine, _DAMAGES))


def file_figures(settings: Settings, now: datetime) -> Iterator[Reading]:
    """What certificates, lists and the disk say."""
    disk = shutil.disk_usage(settings.node.data)
    yield gauges.FREE, (), disk.free
    yield gauges.SIZE, (), disk.total
    yield gauges.RESERVE, (), settings.store.reserve_bytes
    known = KeptSkews(settings.node.data / neighbour_clocks.FILE).all()
    for each in identities.neighbour_sections(settings):
        if skew := known.get(each.name):
            yield gauges.OFFSET, (each.name,), skew.ahead.total_seconds()
    yield from _trust(settings, now)


def _trust(settings: Settings, now: datetime) -> Iterator[Reading]:
    """Not the answers of responders: one for each signer, however many, and renewed within hours."""
    found = [*endings.authorities(settings, now), *endings.own(settings, now), *endings.neighbours(settings, now)]
    standing = [one for one in blocks.mark_blocked(settings, found, now) if not one.blocked]
    standing += endings.lists(settings, now)
    ends: dict[str, float] = {}
    for one in standing:
        if one.until is not None and not _is_spare(one, now):
            ends[one.kind] = min(one.until.timestamp(), ends.get(one.kind, one.until.timestamp()))
    for kind, end in ends.items():
        yield gauges.EXPIRY, (kind,), end
    for (kind, code), count in Counter((one.kind, one.finding.code) for one in standing if one.finding).items():
        yield gauges.ATTENTION, (kind, code), count


def _is_spare(one: Expiry, now: datetime) -> bool:
    """A neighbour's older certificate, while it has a newer one: that it ends is as it should be."""
    near = one.until is not None and (one.until - now).days < max(endings.THRESHOLDS)
    return one.kind == "neighbour" and one.finding is None and near


def urgency(*, urgent: bool) -> str:
    """As the measures call it."""
    return "urgent" if urgent else "ordinary"
