"""The database that a node depends on, and what waits in it that should not."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edxml_router.config import Settings
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.detail import Detail
from edxml_router.core.problems import Finding
from edxml_router.node.sole import holder, served_before
from edxml_router.services.health.report import PATIENCE, Findings
from edxml_router.stages.forwarding.room import WANTED
from edxml_router.stages.outcomes.inquiring import ABSENT
from edxml_router.store import integrity, tables
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import probe_tables
from edxml_router.store.epochs import identity, recovery
from edxml_router.store.journal import sequencer
from edxml_router.wiring import own_ledger

NOT_SENT: Final = (State.QUEUED, State.DEFERRED, State.HELD)
NOT_LAID: Final = ("EDX623", "EDX702", "EDX703", "EDX705", "EDX706")  # why what was offered is not in its mailbox
LETTERS: Final = 1000  # the oldest deliveries, or items quarantined, that are looked at
UNNUMBERED: Final = timedelta(hours=1)  # workers number each few seconds, ten thousand at a time


def is_lost(settings: Settings) -> bool:
    """Whether the database file is missing: the volume may not be mounted, so this need not be a new node."""
    file = settings.database_url.partition("sqlite:///")[2]
    return bool(file) and not Path(file).exists()


def database(settings: Settings) -> Findings:
    file = settings.database_url.partition("sqlite:///")[2]
    if is_lost(settings):  # connecting would create it
        yield file, Finding("EDX617", file, Detail("no such file"))
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        schema, newest = migrate.current(ledger.engine), migrate.newest()
        if schema == newest:
            probe_tables(ledger.engine, tables.WRITTEN)  # reading does not reveal a forgotten lock
        # A large PostgreSQL cannot be read within the time allowed for an answer: `journal verify` does that.
        if schema and (damage := integrity.database_damage(ledger.engine, quick=not file)):
            yield ledger.engine.dialect.name, Finding("EDX610", "store.url", damage)
            return
        whose = identity.owner(ledger.engine) if schema == newest else ""
    if schema != newest:
        found = schema or Detail("missing")
        detail = Detail("schema {schema}, needed {newest}; run `edxml-router init`", schema=found, newest=newest)
        yield ledger.engine.dialect.name, Finding("EDX602", "store.url", detail)
        return
    if whose not in ("", settings.node.name, *settings.node.formerly):
        detail = Detail("it is the database of {whose}, not of {name}", whose=whose, name=settings.node.name)
        yield ledger.engine.dialect.name, Finding("EDX619", "store.url", detail)
        return
    yield Detail("{name}, schema {schema}", name=ledger.engine.dialect.name, schema=schema), None


def repetitions(settings: Settings) -> Findings:
    """Who has not yet repeated what a restored back-up has forgotten. Nothing where none was restored."""
    if is_lost(settings):
        return
    with closing(own_ledger.open_ledger(settings)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return
        for one in recovery.pending(ledger.engine):
            asked = Detail("has not answered") if one.party.is_link else Detail("has not sent again")
            detail = Detail(
                "{asked} what was handed in since {at:%Y-%m-%d %H:%M:%S}", asked=asked, at=one.since.astimezone()
            )
            yield one.party.name, Finding("EDX618", one.party, detail)


def peers(settings: Settings) -> Findings:
    """Whether a neighbour or office sends so much odd input that it is only counted, and what is quarantined until an
    operator has looked at it."""
    if not served_before(settings.node.data):
        return
    with closing(own_ledger.open_ledger(settings)) as ledger:
        found = ledger.views.counted_input(datetime.now(UTC))
        kept = ledger.views.list_quarantined(limit=LETTERS)
    for peer, since, counted in found:
        who = peer or Detail("strangers")
        detail = Detail("{who}: {count} more since {since:%Y-%m-%d %H:%M} UTC", who=who, count=counted, since=since)
        yield peer or "strangers", Finding("EDX413", peer, detail)
    for peer, items in Counter(one.peer for one in kept).items():
        since = min(one.at for one in kept if one.peer == peer).astimezone()
        detail = Detail("{count} items since {since:%Y-%m-%d %H:%M}", count=items, since=since)
        yield peer or "strangers", Finding("EDX621", peer, detail)
    if not found and not kept:
        yield Detail("no more of it than is noted piece by piece"), None


def numbering(settings: Settings) -> Findings:
    """Whether the workers give the journal's entries their places: without one an entry may be removed unseen."""
    if not served_before(settings.node.data) or holder(settings.node.data) is None:
        return  # another check reports that the node does not run
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        since = sequencer.waiting_since(ledger)
    if since is not None and datetime.now(UTC) - since > UNNUMBERED:
        detail = Detail("the oldest is of {since:%Y-%m-%d %H:%M}", since=since.astimezone())
        yield "journal", Finding("EDX616", "journal", detail)
    else:
        yield Detail("numbered"), None


def webhooks(settings: Settings) -> Findings:
    """Offices whose systems could not be called, or want no more calls."""
    if not any(office.webhook for office in settings.offices) or not served_before(settings.node.data):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        failed = [hook for hook in ledger.views.webhooks() if hook.code]
    for hook in failed:
        yield hook.office, Finding(hook.code, hook.url, hook.detail)
    if not failed:
        yield Detail("none failed"), None


def letters(settings: Settings) -> Findings:
    """What could not be sent for longer than an answer takes, by problem and route. Mail that waits for room or behind
    an absent neighbour is reported with the mailboxes; mail held by an operator has no problem."""
    if not served_before(settings.node.data):
        return
    with closing(own_ledger.open_ledger(settings, PATIENCE)) as ledger:
        before = datetime.now(UTC) - settings.delivery.receipt_timeout
        waiting = [
            *ledger.views.list_deliveries(states=NOT_SENT, accepted_before=before, limit=LETTERS),
            *(
                one
                for code in NOT_LAID
                for one in ledger.views.list_deliveries(
                    code=code, states=(State.AVAILABLE,), accepted_before=before, limit=LETTERS
                )
            ),
        ]
    troubled = Counter((one.route, one.code) for one in waiting if one.code not in ("", ABSENT, WANTED))
    for (route, code), number in troubled.items():
        yield route.name, Finding(code, route, Detail("{number} deliveries wait", number=number))
    if not troubled:
        yield Detail("none waits with a problem"), None
