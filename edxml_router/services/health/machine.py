"""The machine that a node depends on: data folder, disk, clock, and whether the node runs."""

from __future__ import annotations

import http.client
import shutil
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from http.client import OK
from typing import Final

from edxml_router.config import Settings, in_force
from edxml_router.config.faces.gateway_checks import listen_address
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.core.wording import in_words
from edxml_router.credentials import identities
from edxml_router.node import lookout, settings_file
from edxml_router.node.sole import holder, served_before
from edxml_router.node.supervisor import STUCK
from edxml_router.observe import sink
from edxml_router.services.health.database import is_lost
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.store.clocks import neighbour_clocks
from edxml_router.store.clocks.neighbour_clocks import KeptSkews
from edxml_router.wiring import clocks, own_ledger

EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before this has never been set



def data(settings: Settings) -> Findings:
    folder = settings.node.data
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield str(folder), Finding("EDX908", str(folder), in_words(error))
        return
    yield str(folder), None


def disk(settings: Settings) -> Findings:
    folder = settings.node.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    reserve = settings.store.reserve_bytes
    detail = Detail("{free} MiB free, reserve {reserve} MiB", free=free // 1024**2, reserve=reserve // 1024**2)
    yield detail, Finding("EDX601", str(folder), detail) if free < reserve else None


def was_set(_settings: Settings) -> Findings:
    """Whether the clock was ever set."""
    now = datetime.now(UTC)
    local = now.astimezone()
    detail = Detail("{now:%Y-%m-%d %H:%M:%S %Z}", now=local)
    if now < EARLIEST:
        wrong = Detail("the clock says {now:%Y}: certificates and lifetimes will be misjudged", now=now)
        yield detail, Finding("EDX907", "clock", wrong)
        return
    yield detail, None


def clock(settings: Settings) -> Findings:
    [(detail, finding)] = was_set(settings)
    yield detail, finding or _jumped(settings)
    known = KeptSkews(settings.node.data / neighbour_clocks.FILE).all()
    for each in identities.neighbour_sections(settings):
        if skew := known.get(each.name):
            at = skew.at.astimezone()
            yield Detail("{name}, as of {at:%Y-%m-%d %H:%M:%S %Z}", name=each.name, at=at), skew.finding(each.name)


def _jumped(settings: Settings) -> Finding | None:
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        return clocks.compare_clock(ledger).doubt()


def serve(settings: Settings) -> Findings:
    """Whether the node runs. One that never ran is new; one that has stopped is a problem, because mail waits."""
    folder = settings.node.data
    if holding := holder(folder):
        yield holding, None
        yield from _in_force(settings)
        if crowd := lookout.lasting_twin(settings):
            yield crowd.where, crowd
        for name, code in ((sink.FILE, "EDX615"), (STUCK, "EDX698")):
            note = folder / name
            if note.exists():
                yield name, Finding(code, name, note.read_text(encoding="utf-8", errors="replace")[:100])
    elif served_before(folder):
        yield Detail("not running"), Finding("EDX611", str(folder))
    elif not is_lost(settings):  # else EDX617 has said what is to be done, and a start would be refused
        yield Detail("not running"), Finding("EDX612", str(folder))


def metrics(settings: Settings) -> Findings:
    """Whether the endpoint for Prometheus answers, where there is one and the node runs."""
    listen = settings.metrics.listen
    if listen is None:
        yield Detail("none (metrics.listen)"), None
        return
    if holder(settings.node.data) is None:
        return  # another check reports that the node does not run
    host, port = listen_address(listen)
    call = http.client.HTTPConnection(_reachable(host), port, timeout=PATIENCE)
    try:
        call.request("GET", "/healthz")
        status = call.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        yield listen, Finding("EDX695", listen, in_words(error))
        return
    finally:
        call.close()
    wrong = Detail("something else answers there: HTTP {status}", status=status)
    yield listen, Finding("EDX695", listen, wrong) if status != OK else None


def _reachable(host: str) -> str:
    """Where to call what listens on all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # as others wrote it


def _in_force(settings: Settings) -> Findings:
    """Settings that the running node has not applied."""
    running = settings_file.read(settings.node.data)
    waiting = list(in_force.changes(running, in_force.settings_texts(settings))) if running is not None else []
    for change in waiting[:20]:
        old, new = change.before or "-", change.after or "-"
        detail = Detail("{old} is in force, not {new}; a restart takes it", old=old, new=new)
        if change.taken:
            detail = Detail("{old} is in force, not {new}; a reload takes it", old=old, new=new)
        yield change.name, Finding("EDX915", change.name, detail)
    if len(waiting) > 20:
        yield "…", Finding("EDX915", str(settings.path), Detail("{count} settings in all", count=len(waiting)))
