"""The checks of ``edxml-router doctor``, each about one thing that a node depends on.

A check yields details, each with a finding or None when all is well; it may also raise what it meets.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edxml_router.cli import mailboxes
from edxml_router.config import HubSettings, Settings, in_force
from edxml_router.core.delivery.credentials import UNPROVEN
from edxml_router.core.delivery.lifecycle import State
from edxml_router.core.problems import Finding, Refusal
from edxml_router.credentials import blocks, endings, keys, token_keys
from edxml_router.credentials import identities as credential_sources
from edxml_router.credentials.revocation import list_files, responders
from edxml_router.intake.reports import OBJECTED
from edxml_router.node import lookout, settings_file
from edxml_router.node.sole import holder, served_before
from edxml_router.node.supervisor import STUCK
from edxml_router.observe import sink
from edxml_router.stages.admission import VIETNAM
from edxml_router.stages.inquiring import ABSENT
from edxml_router.stages.room import WANTED
from edxml_router.store import integrity, tables
from edxml_router.store.clocks import neighbour_clocks
from edxml_router.store.clocks.neighbour_clocks import KeptSkews
from edxml_router.store.database import migrate
from edxml_router.store.database.engine import probe
from edxml_router.store.epochs import identity, recovery
from edxml_router.transport import local_folders, rabbitmq, topology
from edxml_router.wiring import broker_limit, clocks, hubs
from edxml_router.wiring import node as wiring

PATIENCE: Final = 5  # seconds that the database has for an answer
EARLIEST: Final = datetime(2026, 1, 1, tzinfo=UTC)  # a clock before this was never set

NOT_SENT: Final = (State.QUEUED, State.DEFERRED, State.HELD)
LETTERS: Final = 1000  # the oldest deliveries that are looked at

Found = Iterator[tuple[str, Finding | None]]


def _data(settings: Settings) -> Found:
    folder = settings.node.data
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield str(folder), Finding("EDX908", str(folder), error.strerror or "")
        return
    yield str(folder), None


def _disk(settings: Settings) -> Found:
    folder = settings.node.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    reserve = settings.store.reserve_bytes
    detail = f"{free // 1024**2} MiB free, reserve {reserve // 1024**2} MiB"
    yield detail, Finding("EDX601", str(folder), detail) if free < reserve else None


def _database(settings: Settings) -> Found:
    file = settings.database_url.partition("sqlite:///")[2]
    if file and not Path(file).exists():  # connecting would make it
        yield file, Finding("EDX617", file, "no such file")
        return
    with closing(wiring.open_ledger(settings, PATIENCE)) as ledger:
        schema, newest = migrate.current(ledger.engine), migrate.newest()
        if schema == newest:
            probe(ledger.engine, tables.WRITTEN)  # a lock that somebody forgot is not seen by reading
        # A large PostgreSQL is not read through in the time that its server has for an answer: `journal verify` does.
        if schema and (damage := integrity.damage(ledger.engine, quick=not file)):
            yield ledger.engine.dialect.name, Finding("EDX610", "store.url", damage)
            return
        whose = identity.owner(ledger) if schema == newest else ""
    if schema != newest:
        detail = f"schema {schema or 'missing'}, needed {newest}; run `edxml-router init`"
        yield ledger.engine.dialect.name, Finding("EDX602", "store.url", detail)
        return
    if whose not in ("", settings.node.name, *settings.node.formerly):
        detail = f"it is the database of {whose}, not of {settings.node.name}"
        yield ledger.engine.dialect.name, Finding("EDX619", "store.url", detail)
        return
    yield f"{ledger.engine.dialect.name}, schema {schema}", None


def _recovery(settings: Settings) -> Found:
    """Who has not repeated yet what a restored back-up has forgotten. Nothing to say where none was restored."""
    file = settings.database_url.partition("sqlite:///")[2]
    if file and not Path(file).exists():
        return
    with closing(wiring.open_ledger(settings)) as ledger:
        if migrate.current(ledger.engine) != migrate.newest():
            return
        for one in recovery.pending(ledger.engine):
            kind, _, name = one.party.partition(":")
            asked = "has not answered" if kind == "link" else "has not sent again"
            detail = f"{asked} what was handed in since {one.since.astimezone():%Y-%m-%d %H:%M:%S}"
            yield name, Finding("EDX618", one.party, detail)


def _trust(settings: Settings) -> Found:
    trust = wiring.build_rules(settings).trust
    if not trust.anchors:
        yield "trust.anchors", Finding("EDX316", str(settings.path))
        return
    yield f"{len(trust.anchors)} anchors, {len(trust.intermediates)} intermediates, epoch {trust.epoch}", None
    now = datetime.now(UTC)
    for one in blocks.marked(settings, endings.authorities(settings, now), now):
        if one.finding:
            yield one.name, one.finding


def _lists(settings: Settings) -> Found:
    """Whether the revocation lists are of today: once they are too old, envelopes wait (EDX314)."""
    for one in endings.lists(settings, datetime.now(UTC)):
        detail = f"{one.name}, next update {one.until:%Y-%m-%d %H:%M}" if one.until else one.name
        yield detail, one.finding


def _responders(settings: Settings) -> Found:
    """Whether each can be reached, and what they have said; of what is wrong with that, the first ten."""
    now = datetime.now(UTC)
    yield from responders.probe(settings, now)
    known = list(endings.answers(settings, now))
    if known:
        ends = [one.until for one in known if one.until]
        yield f"{len(ends)} answers, next update {min(ends):%Y-%m-%d %H:%M}" if ends else "0 answers", None
    for one in [one for one in known if one.finding][:10]:
        yield one.name, one.finding


def _certificate(settings: Settings) -> Found:
    """Whether the node's key has its certificate, and what of its own and its neighbours' certificates ends."""
    if settings.node.key is None or settings.node.certificate is None:
        detail = "without node.key the receipts of this node are not signed"
        yield "node.key", Finding("EDX907", "node.key", detail)
    else:
        key = token_keys.open_key(settings.node.key, settings.path.parent)
        chain = keys.load_certificates(settings.node.certificate)
        if chain[0].public_key() != key.public_key():
            detail = "node.key does not belong to node.certificate"
            yield str(settings.node.certificate), Finding("EDX903", str(settings.node.key).partition("?")[0], detail)
            return
        yield chain[0].subject.rfc4514_string(), None
    now = datetime.now(UTC)
    held = (*endings.own(settings, now), *endings.neighbours(settings, now))
    for one in blocks.marked(settings, held, now):
        if one.finding:
            yield one.name, one.finding


def _unproven(settings: Settings) -> Found:
    """The neighbours whose receipts nothing proves."""
    for each in credential_sources.neighbours(settings):
        if not each.certificate and each.authority is None:
            detail = f"receipts of {each.name} count without proof"
            counts = Finding("EDX907", each.name, detail)
            yield each.name, counts if each.unsigned_receipts else Finding("EDX411", each.name)


def _neighbours(settings: Settings) -> Found:
    """Whether receipts count at both ends of each link: else what is delivered looks open, and ends as expired."""
    names = [each.name for each in credential_sources.neighbours(settings)]
    unproven = dict(_unproven(settings))
    yield from unproven.items()
    if not names:
        return
    with closing(wiring.open_ledger(settings, PATIENCE)) as ledger, ledger.book() as book:
        doubts = [*book.kept_of((OBJECTED,)).items(), *book.kept_of(UNPROVEN).items()]
    wrong = {*unproven, *(name for name, _ in doubts if name in names)}
    for name, finding in doubts:
        if name in names and finding.code != "EDX411":  # which was said above, whether receipts came or not
            yield name, Finding(finding.code, name, finding.detail)
    if not wrong:
        yield ", ".join(names), None


def _catalogue(settings: Settings) -> Found:
    registry = wiring.load_registry(settings)
    yield f"{len(registry)} agencies, version {registry.version}", None
    for finding in registry.findings[:10]:
        yield finding.where, finding
    today = datetime.now(VIETNAM).date()
    for number, office in enumerate(settings.offices, 1):
        for text in office.agencies:
            place = f"offices[{number}].agencies"
            code = registry.canonical_or_none(text)
            if code is None or registry.get(code) is None:
                detail = f"{office.name}: {text} is not in the catalogue; nobody can send to it"
                yield text, Finding("EDX907", place, detail)
                continue
            try:
                registry.resolve(text, today)
            except Refusal as refusal:
                code = "EDX910" if refusal.code == "EDX502" else "EDX907"
                yield text, Finding(code, place, f"{office.name}: {refusal.finding.detail}")


def _set(_settings: Settings) -> Found:
    """Whether the clock was ever set."""
    now = datetime.now(UTC)
    local = now.astimezone()
    detail = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    if now < EARLIEST:
        wrong = f"the clock says {now:%Y}: certificates and lifetimes will be misjudged"
        yield detail, Finding("EDX907", "clock", wrong)
        return
    yield detail, None


def _clock(settings: Settings) -> Found:
    [(detail, finding)] = _set(settings)
    yield detail, finding or _jumped(settings)
    known = KeptSkews(settings.node.data / neighbour_clocks.FILE).all()
    for each in credential_sources.neighbours(settings):
        if skew := known.get(each.name):
            yield f"{each.name}, as of {skew.at.astimezone():%Y-%m-%d %H:%M:%S %Z}", skew.finding(each.name)


def _jumped(settings: Settings) -> Finding | None:
    with closing(wiring.open_ledger(settings, PATIENCE)) as ledger:
        return clocks.compare_clock(ledger).doubt()


def _serve(settings: Settings) -> Found:
    """Whether the node runs. One that never ran is new; one that ran and does not is an illness: mail waits."""
    folder = settings.node.data
    if holding := holder(folder):
        yield holding, None
        yield from _in_force(settings)
        if crowd := lookout.twin(settings):
            yield crowd.where, crowd
        for name, code in ((sink.FILE, "EDX622"), (STUCK, "EDX698")):
            note = folder / name
            if note.exists():
                yield name, Finding(code, name, note.read_text(encoding="utf-8", errors="replace")[:100])
    elif served_before(folder):
        yield "not running", Finding("EDX611", str(folder))
    else:
        yield "not running", Finding("EDX612", str(folder))


def _in_force(settings: Settings) -> Found:
    """Settings that the running node has not taken."""
    running = settings_file.read(settings.node.data)
    waiting = list(in_force.changes(running, in_force.texts(settings))) if running is not None else []
    for change in waiting[:20]:
        old, new = change.before or "-", change.after or "-"
        if change.taken:
            yield change.name, Finding("EDX915", change.name, f"{old} is in force, not {new}; a reload takes it")
        else:
            yield change.name, Finding("EDX915", change.name, f"{old} is in force, not {new}; a restart takes it")
    if len(waiting) > 20:
        yield "…", Finding("EDX915", str(settings.path), f"{len(waiting)} settings in all")


def _peers(settings: Settings) -> Found:
    """Whether a neighbour or office sends so much odd input that it is counted only."""
    if not served_before(settings.node.data):
        return
    with closing(wiring.open_ledger(settings)) as ledger:
        found = ledger.views.counted_input(datetime.now(UTC))
    for peer, since, counted in found:
        detail = f"{peer or 'strangers'}: {counted} more since {since:%Y-%m-%d %H:%M} UTC"
        yield peer or "strangers", Finding("EDX413", peer, detail)
    if not found:
        yield "no more of it than is noted piece by piece", None


def _letters(settings: Settings) -> Found:
    """What could not be sent for longer than an answer takes, by its problem and where it is to go. What waits for room
    or behind an absent neighbour is told of with the mailboxes; what an operator holds has no problem."""
    if not served_before(settings.node.data):
        return
    with closing(wiring.open_ledger(settings, PATIENCE)) as ledger:
        before = datetime.now(UTC) - settings.delivery.receipt_timeout
        waiting = ledger.views.list_deliveries(states=NOT_SENT, accepted_before=before, limit=LETTERS)
    troubled = Counter((one.route, one.code) for one in waiting if one.code not in ("", ABSENT, WANTED))
    for (route, code), number in troubled.items():
        yield route.partition(":")[2], Finding(code, route, f"{number} deliveries wait")
    if not troubled:
        yield "none waits with a problem", None


def _own_hub(settings: Settings) -> Found:
    if settings.hub is None:
        return
    folder, new = settings.hub.path, not served_before(settings.node.data)
    if new and folder is not None and not folder.exists():
        yield str(folder), Finding("EDX612", str(folder), "the node's own hub, which `edxml-router serve` makes")
    else:
        yield from _hub(settings, settings.hub, owner=True)


def _parent_hub(settings: Settings) -> Found:
    if settings.parent is not None:
        yield from _hub(settings, settings.parent.hub, owner=False)


def _hub(settings: Settings, hub: HubSettings, *, owner: bool) -> Found:
    """Whether the hub answers and has the mailboxes that this node takes from."""

    own = topology.child_mailboxes(settings.node.name)
    intakes = topology.intakes(*hubs.attached(settings)) if owner else own
    place = str(hub.path) if hub.kind == "local" else f"{hub.host}:{hub.port or ''}"
    if hub.kind == "local":
        assert hub.path is not None  # noqa: S101  # checked when the settings were loaded
        name = settings.node.name
        to_parent = (topology.up(name), topology.up(name, urgent=True))
        every = topology.mailboxes(*hubs.attached(settings)) if owner else (*intakes, *to_parent)
        for mailbox, found in local_folders.diverted(hub.path, every).items():
            yield mailbox, found
            intakes = tuple(name for name in intakes if name != mailbox)
        with closing(hubs.open_hub(settings, hub, intakes)) as transport:
            depths = transport.depths()
    else:  # a transport would begin to consume
        yield from _broker_lists(hub)
        depths = rabbitmq.depths(hubs.rabbit_settings(settings, hub), intakes)
    missing = [mailbox for mailbox in intakes if mailbox not in depths]
    if missing:
        new = owner and not served_before(settings.node.data)
        yield place, Finding("EDX612" if new else "EDX703", place, ", ".join(missing))
        return
    if owner and any(depths.values()) and holder(settings.node.data) is None:
        yield place, Finding("EDX611", place, f"{sum(depths.values())} messages wait here and nobody takes them")
        return
    if owner and hub.kind == "rabbitmq":
        yield broker_limit.look(settings, hub, datetime.now(UTC))
    waiting = [f"{name} {depth}" for name, depth in depths.items() if depth]
    yield f"{place} ({len(intakes)} mailboxes; waiting: {', '.join(waiting) or 'nothing'})", None


def _broker_lists(hub: HubSettings) -> Found:
    """Whether the revocation lists that the broker's certificate is checked by are of today: else nothing connects."""
    now = datetime.now(UTC)
    for path in hub.tls_crls:
        for one in list_files.read(path, "hub.tls_crls"):
            until = one.fresh_until
            detail = f"{path.name}, next update {until:%Y-%m-%d %H:%M}"
            yield detail, Finding("EDX707", str(path), f"{detail}: expired") if until < now else None


CHECKS: Final[Mapping[str, Callable[[Settings], Found]]] = {
    "data": _data,
    "disk": _disk,
    "database": _database,
    "recovery": _recovery,
    "trust": _trust,
    "lists": _lists,
    "responders": _responders,
    "certificate": _certificate,
    "neighbours": _neighbours,
    "catalogue": _catalogue,
    "clock": _clock,
    "serve": _serve,
    "peers": _peers,
    "letters": _letters,
    "hub": _own_hub,
    "parent": _parent_hub,
    "mailboxes": mailboxes.check,
}


def _nothing(_settings: Settings) -> Found:
    yield from ()


# What is checked in their place once the database is known not to answer: its trouble is said once, and each of these
# would wait for it in vain.
WITHOUT_DATABASE: Final[Mapping[str, Callable[[Settings], Found]]] = {
    "recovery": _nothing,
    "neighbours": _unproven,
    "clock": _set,
    "peers": _nothing,
    "letters": _nothing,
    "mailboxes": _nothing,
}
