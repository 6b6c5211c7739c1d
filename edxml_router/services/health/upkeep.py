"""Whether the node is looked after: how old the last copy of it is, and under which name its log goes on."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.services.health.database import is_lost
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.store import upkeep
from edxml_router.store.bodies import damaged
from edxml_router.store.database import migrate
from edxml_router.store.epochs import identity
from edxml_router.store.tiles.folder import TileFolder
from edxml_router.store.tiles.writing import TileWriter
from edxml_router.wiring import own_ledger

SHOWN: Final = 20  # damaged bodies
LATE: Final = timedelta(minutes=10)  # beyond two intervals, until files that are not written are told of
SILENT: Final = timedelta(days=2)  # without any body read again


def copies(settings: Settings) -> Findings:
    """The last back-up. A node that is younger than one may be has none, and is not blamed for it."""
    if is_lost(settings):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return
        tried = upkeep.last(ledger.engine, upkeep.DRILL)
        made, begun = upkeep.last(ledger.engine, upkeep.BACKUP), identity.begun_at(ledger.engine)
        ended = identity.log_ended(ledger.engine, settings.origin) if settings.journal.key else None
    if ended is not None:
        told = Detail("since {at:%Y-%m-%d %H:%M}", at=ended.astimezone())
        yield settings.origin, Finding("EDX680", settings.origin, told)
    age, now = settings.store.backup_age, datetime.now(UTC)
    since = made.at if made else begun
    if made is not None and not made.sound:
        yield made.place, Finding("EDX681", made.place, Detail("something of what was copied was damaged"))
    elif age and since is not None and now - since > age:
        told = Detail("the last is of {at:%Y-%m-%d %H:%M}", at=since.astimezone()) if made else Detail("there is none")
        yield told, Finding("EDX681", made.place if made else "", told)
    elif made is not None:
        yield Detail("{place}, {at:%Y-%m-%d %H:%M}", place=made.place, at=made.at.astimezone()), None
    else:
        yield Detail("none yet"), None
    yield from _drills(settings, tried, begun if made else None)


def bodies(settings: Settings) -> Findings:
    """Bodies that are damaged, and how far the reading again of all of them has come."""
    if is_lost(settings):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return
        found, read = damaged.damaged_bodies(ledger.engine, SHOWN), upkeep.last(ledger.engine, upkeep.SCRUB)
        begun = identity.begun_at(ledger.engine)
    for digest, since in found:
        told = Detail("since {at:%Y-%m-%d %H:%M}", at=since.astimezone())
        yield digest, Finding(damaged.CODE, digest, told)
    last = read.at if read else begun
    if settings.store.scrub_bytes and last is not None and datetime.now(UTC) - last > SILENT:
        # After the last body a round rests for a day, which is no silence.
        told = Detail("the last time was {at:%Y-%m-%d %H:%M}", at=last.astimezone()) if read else Detail("never yet")
        yield told, Finding("EDX684", detail=told)
        return
    if found:
        return
    if not settings.store.scrub_bytes:
        yield Detail("not read again (store.scrub_bytes)"), None
    elif read is None:
        yield Detail("not read again yet"), None
    elif read.place:
        at = read.at.astimezone()
        yield Detail("read again up to {place}, {at:%Y-%m-%d %H:%M}", place=read.place[:12], at=at), None
    else:
        yield Detail("all were read again by {at:%Y-%m-%d %H:%M}", at=read.at.astimezone()), None


def tiles(settings: Settings) -> Findings:
    """How far the journal is written as files."""
    folder = settings.journal.tiles
    if folder is None or is_lost(settings):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return
        standing = TileWriter(ledger.views, TileFolder(folder), settings.origin).standing()
    late = standing.since is not None and datetime.now(UTC) - standing.since > LATE + 2 * settings.journal.interval
    counts = {"written": standing.entries, "size": standing.size}
    told = Detail("{written} of {size} entries are in {folder}", folder=str(folder), **counts)
    yield told, Finding("EDX692", str(folder), told) if late else None


def _drills(settings: Settings, tried: upkeep.Upkeep | None, begun: datetime | None) -> Findings:
    """The last time that a copy was tried out; nothing where there is none to try out."""
    age, now = settings.store.drill_age, datetime.now(UTC)
    if tried is not None and not tried.sound:
        yield tried.place, Finding("EDX682", tried.place, Detail("{at:%Y-%m-%d %H:%M}", at=tried.at.astimezone()))
        return
    since = tried.at if tried else begun
    if age and since is not None and now - since > age:
        told = Detail("the last time was {at:%Y-%m-%d %H:%M}", at=since.astimezone()) if tried else Detail("never yet")
        yield told, Finding("EDX683", tried.place if tried else "", told)
    elif tried is not None:
        yield Detail("tried out: {place}, {at:%Y-%m-%d %H:%M}", place=tried.place, at=tried.at.astimezone()), None
