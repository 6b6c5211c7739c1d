"""The composition root: the only place that chooses adapters and puts a node together from its settings.

    with open_node(settings) as node: …             # store and rules, for a command
    with open_worker(settings) as opened: …         # and the transports, for a worker process

Raises ConfigErrors for files that the settings name and that cannot be used, and Setback EDX602 when the database is
away. An absent hub is not a failure: its transport recovers by itself, and :meth:`RunningNode.declare` is retried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from edxml_router.config import ConfigErrors, RabbitHub, Settings, in_force
from edxml_router.core.agencies.registry import Registry, canonical
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.delivery.terms import UnsignedException
from edxml_router.core.message.classification import Markings
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.proof.note import NoteSigner
from edxml_router.core.signature.verdict import Engine
from edxml_router.credentials import identities, sources, token_keys, trust_files
from edxml_router.credentials.identities import SigningIdentity
from edxml_router.credentials.setting_files import secret
from edxml_router.credentials.trust_files import Fingerprint
from edxml_router.disk.bell import FILE, READERS, FileBell, place_of
from edxml_router.ports.transport import Transport
from edxml_router.stages.node import HubsRead, Node
from edxml_router.stages.outcomes import inquiring
from edxml_router.stages.rules import Peer, PeerRole, Rules
from edxml_router.store.bodies.files import BodyStore
from edxml_router.store.clocks import neighbour_clocks
from edxml_router.store.clocks.neighbour_clocks import KeptSkews
from edxml_router.store.clocks.steady_clock import ClockStep, SteadyClock
from edxml_router.store.database.engine import WORKER
from edxml_router.store.epochs.identity import NewEpoch
from edxml_router.wiring import hubs, judging
from edxml_router.wiring.agencies import load_registry, retention_terms
from edxml_router.wiring.clocks import compare_clock, note_clock, shorten_pauses
from edxml_router.wiring.in_hand import InHandGuard
from edxml_router.wiring.own_ledger import OwnLedger, open_ledger, recognise
from edxml_router.wiring.stored import StoredNode

WORKER_PATIENCE_SECONDS = 20  # seconds for one statement; other links wait meanwhile
SWEEP_AGE = timedelta(hours=24)  # unreferenced files are kept this long, for transactions under way

# Wraps a port ("ledger", "bodies", "hub", "parent"): used by tests that make a call fail.
Wrap = Callable[[str, Any], Any]


@dataclass(slots=True)
class RunningNode:
    """A node with its transports, as a worker runs it."""

    node: StoredNode
    transports: Sequence[Transport]
    settings: Settings
    in_hand: InHandGuard
    bell: FileBell  # rung by commands
    declared: bool = False
    trust_seen: Fingerprint = ()
    credentials_seen: Fingerprint = ()
    signing: SigningIdentity | None = None
    pauses_seen: bool = False

    def watch_clock(self) -> ClockStep | None:
        """Keep the mark of the node's clock, and journal when the machine's clock becomes doubtful or is trusted again.
        Raises Setback."""
        if not self.pauses_seen:  # a clock that was ahead may have written them before
            shorten_pauses(self.node)
            self.pauses_seen = True
        change = self.node.clock.watch()
        if change is not None:
            note_clock(self.node, change, "node")
        return change

    def renew_trust(self) -> Sequence[Finding] | None:
        """Apply changes in the files of [trust] since the last look: a block must not wait for a person. Returns None
        when nothing has changed, else the findings, if any. The rest of the configuration is not read, since it may be
        half written.
        """
        seen = trust_files.fingerprint(sources.paths(self.settings))
        if seen == self.trust_seen:
            return None
        self.trust_seen = seen
        self.node.rules, findings = sources.renewed(self.node.rules, self.settings)
        return findings

    def renew_credentials(self) -> Sequence[Finding] | None:
        """Reload the node's own key and certificate, and its neighbours' certificates. Returns None when no file has
        changed, else the findings, if any. Unusable files leave the old ones in force: a key is often written a moment
        before its certificate.
        """
        seen = trust_files.fingerprint(identities.paths(self.settings))
        if seen == self.credentials_seen:
            return None
        peers, findings = identities.renewed(self.node.rules.peers, self.settings)
        self.node.rules = replace(self.node.rules, peers=peers)
        try:
            self.node.log_signer = identities.log_signer(self.settings)
            self._sign_by(identities.signing(self.settings))
        except Setback as setback:  # the token is away: nothing was seen, so try again
            return [*findings, setback.finding]
        except Refusal as refusal:
            findings.append(refusal.finding)
        self.credentials_seen = seen
        return findings

    def _sign_by(self, signing: SigningIdentity | None) -> None:
        before, self.signing = self.signing, signing
        _sign_by(self.node, signing)
        if before is not None and isinstance(before.key, token_keys.Key):
            before.key.close()

    def declare(self) -> Finding | None:
        """Make the mailboxes of the own hub once it can be reached, and again when they have gone: a queue was
        deleted, a broker or a folder lost what it had or was replaced by an empty one. The answer is what had gone,
        if it was made again. What was in them is sent again by those who sent it, once they have asked. Raises
        Setback EDX701, EDX706, EDX707."""
        lost = self.make_mailboxes()
        if lost is not None:
            self.ask_about_lost()
        return lost

    def make_mailboxes(self) -> Finding | None:
        """The part of :meth:`declare` that waits for the hub; it may run beside the turns and raises the same."""
        settings, lost = self.settings, self._lost()
        if settings.hub is None or (self.declared and lost is None):
            return None
        hubs.declare(settings)
        self.transports[0].declared()
        self.declared = self.settings is settings  # else they were reloaded meanwhile
        return lost

    def ask_about_lost(self) -> None:
        """The mailboxes of the own hub were empty: ask about what lay in them."""
        own = self.transports[0]
        inquiring.hurry(self.node, [route for route, link in self.node.links.items() if link.transport is own])

    @property
    def undeclared(self) -> bool:
        """Whether :meth:`declare` has something to do."""
        return self.settings.hub is not None and (not self.declared or self._lost() is not None)

    def _lost(self) -> Finding | None:
        problem = self.transports[0].problem if self.declared else None
        return problem if problem is not None and problem.code in self._gone() else None

    def _gone(self) -> tuple[str, ...]:
        """The problems of the own hub that making its mailboxes mends. A hub that is gone as a whole is not made anew:
        its folder may be a volume that is not mounted, and what neighbours laid beneath it would be hidden later."""
        return ("EDX703",)

    def problems(self) -> Mapping[str, Finding | None]:
        """What is wrong with each hub now: the own one is "hub", the other "parent"."""
        transports = zip(hubs.hub_names(self.settings), self.transports, strict=True)
        return {name: transport.problem for name, transport in transports}

    def look_at_journal(self) -> NewEpoch | None:
        """Whether the database is still the one that was left, a moment ago or by the run before; else a new epoch."""
        return recognise(self.settings, self.node.ledger)

    def number_journal(self) -> timedelta:
        """Let the journal's new entries take their places in the log. Returns by how much the clock went back since the
        last time, or less than nothing where it was set ahead, where that is to be told (``journal.step``)."""
        told = timedelta()

        def stepped(back: timedelta) -> None:
            nonlocal told
            told = back

        self.node.number_journal(stepped)
        return told if abs(told) >= self.settings.journal.step else timedelta()

    def sweep(self) -> None:
        """Remove unreferenced files and expired mail."""
        hubs.withdraw(self.settings)
        self.node.bodies.sweep(older_than=SWEEP_AGE, now=self.node.now())
        with self.node.ledger.book() as book:
            book.witnesses.thin(self.node.now(), self.settings.journal.hourly)

    def reload(self, settings: Settings) -> bool:
        """Swap the rules. A neighbour or office that is new gets its mailboxes and link. False: the settings are good,
        but what they change (a hub, the store) is only taken by a new worker, and nothing was. Raises ConfigErrors and
        changes nothing when a file cannot be used."""
        seen = trust_files.fingerprint(sources.paths(settings))  # before they are read
        credentials_seen = trust_files.fingerprint(identities.paths(settings))
        rules, signing, log_signer = check(settings)
        if in_force.of_worker(settings) != in_force.of_worker(self.settings):
            return False
        self.settings, self.declared, self.trust_seen = settings, False, seen
        self.credentials_seen = credentials_seen
        self.node.rules, self.node.log_signer = rules, log_signer
        self._sign_by(signing)
        transports = dict(zip(hubs.hub_names(settings), self.transports, strict=True))
        self.node.links, self.node.writers = hubs.links(settings, transports), hubs.writers(settings)
        if settings.hub is not None:
            transports["hub"].consume(hubs.intakes(settings))
        return True


def check(settings: Settings) -> tuple[Rules, SigningIdentity | None, NoteSigner | None]:
    """What a worker makes of the settings and the files they name. Raises ConfigErrors with what is wrong; Setback
    EDX909 for a token."""
    rules, signing, log_signer = build_rules(settings), _signing(settings), _log_signer(settings)
    try:
        for hub in settings.hubs.values():
            if isinstance(hub, RabbitHub):
                hubs.rabbit_settings(settings, hub)
        secret(settings.store.password_file, "store.password_file")
    except Refusal as refusal:
        raise ConfigErrors([refusal.finding]) from refusal
    return rules, signing, log_signer


@contextmanager
def open_node(settings: Settings) -> Iterator[StoredNode]:
    """The node without its transports and its key: what a command needs to submit, look, and act."""
    with closing(open_ledger(settings)) as ledger:
        node = _node(settings, ledger)
        ledger.bell = FileBell(settings.node.data / FILE)
        node.judging = judging.judge_apart
        yield node


@contextmanager
def open_worker(
    settings: Settings, clock: SteadyClock | None = None, wrap: Wrap = lambda _, port: port, *, apart: bool = False
) -> Iterator[RunningNode]:
    """The node with the transports of its own hub and its parent's. ``clock`` stands for the machine's; ``wrap`` is
    given each port by its name, and the node has what it answers. ``apart``: other processes judge the envelopes."""
    with ExitStack() as stack:
        trust_seen = trust_files.fingerprint(sources.paths(settings))  # before they are read
        credentials_seen = trust_files.fingerprint(identities.paths(settings))
        ledger = open_ledger(settings, WORKER_PATIENCE_SECONDS, WORKER, clock)
        node = _node(settings, stack.enter_context(closing(ledger)), wrap)
        node.judging = stack.enter_context(closing(judging.NotingJudge(settings.node.data / "judging", apart=apart)))
        in_hand = stack.enter_context(closing(InHandGuard(settings.node.data / "in-hand")))
        signing = _signing(settings)
        _sign_by(node, signing)
        node.log_signer = _log_signer(settings)
        transports: dict[str, Transport] = {}
        for name, hub in settings.hubs.items():
            transports[name] = hubs.open_hub(settings, hub, hubs.consumed(settings)[name])
            stack.callback(transports[name].close)
        transports = {name: wrap(name, transport) for name, transport in transports.items()}
        node.links, node.writers = hubs.links(settings, transports), hubs.writers(settings)
        node.hubs_read = HubsRead(list(transports.values()))
        hubs_open = list(transports.values())
        bell = stack.enter_context(closing(FileBell(settings.node.data / FILE, listening=True)))
        yield RunningNode(node, hubs_open, settings, in_hand, bell, False, trust_seen, credentials_seen, signing)


def _node(settings: Settings, ledger: OwnLedger, wrap: Wrap = lambda _, port: port) -> StoredNode:
    recognise(settings, ledger)
    compare_clock(ledger)
    ledger.readers, ledger.place = FileBell(settings.node.data / READERS), place_of(settings.node.data)
    bodies = BodyStore(ledger.engine, settings.node.data / "bodies", reserve_bytes=settings.store.reserve_bytes)
    skews = KeptSkews(settings.node.data / neighbour_clocks.FILE)
    name, rules = settings.node.name, build_rules(settings)
    ports = wrap("ledger", ledger), wrap("bodies", bodies)
    return StoredNode(name, *ports, ledger.clock, rules, {}, skews=skews, keeps_rules=True)


def _signing(settings: Settings) -> SigningIdentity | None:
    try:
        return identities.signing(settings)
    except Refusal as refusal:
        raise ConfigErrors([refusal.finding]) from refusal


def _log_signer(settings: Settings) -> NoteSigner | None:
    try:
        return identities.log_signer(settings)
    except Refusal as refusal:
        raise ConfigErrors([refusal.finding]) from refusal


def _sign_by(node: Node, signing: SigningIdentity | None) -> None:
    node.sign_receipts, node.certificates = (signing.sign, signing.certificates) if signing else (None, ())


# --- rules ------------------------------------------------------------------------------------------


def build_rules(settings: Settings) -> Rules:
    """The snapshot that the settings and the files they name make. Raises ConfigErrors with what is wrong."""
    try:
        registry, trust = load_registry(settings), sources.trust_store(settings)
        return Rules(
            limits=settings.limits,
            registry=registry,
            routes=routes_by(settings, registry),
            trust=trust,
            nodes=sources.node_store(settings, trust),
            bindings=sources.bindings(settings, registry, needed=settings.trust.bindings is not None),
            peers=_peers(settings, registry),
            engine=Engine(settings.signature.engine),
            retention=retention_terms(settings, registry),
            policy=settings.policy,
            markings=Markings(settings.policy.classified),
            delivery=settings.delivery,
            witness_interval=settings.journal.interval,
            largest=hubs.largest(settings),
        )
    except Refusal as refusal:
        raise ConfigErrors([refusal.finding]) from refusal


def routes_by(settings: Settings, registry: Registry) -> Routes:
    """Where each agency's mail goes from here, by the settings. Raises Refusal EDX901."""
    return Routes.build(
        served={canonical(registry, code): office.name for office in settings.offices for code in office.agencies},
        children={
            child.name: [canonical(registry, code) for code in (*child.prefixes, *child.codes)]
            for child in settings.children
        },
        parent=settings.parent.name if settings.parent else None,
        rest=settings.axis.name if settings.axis else None,
    )


def _peers(settings: Settings, registry: Registry) -> Mapping[str, Peer]:
    def codes(texts: Iterable[str]) -> frozenset[str]:
        return frozenset(canonical(registry, text) for text in texts)

    def exception(given: UnsignedException | None) -> UnsignedException | None:
        return replace(given, senders=codes(given.senders)) if given else None

    peers = [
        Peer(
            office.name,
            PeerRole.OFFICE,
            codes=codes(office.agencies),
            unsigned=exception(office.unsigned),
            quota=office.quota,
            pushed=office.attach == "amqp",
            chunks=office.chunks,
        )
        for office in settings.offices
    ]
    peers += [
        Peer(
            child.name,
            PeerRole.CHILD,
            prefixes=codes(child.prefixes),
            codes=codes(child.codes),
            unsigned=exception(child.unsigned),
            credentials=identities.credentials(child),
            log_keys=identities.log_keys(child),
            unsigned_receipts=child.unsigned_receipts,
            quota=child.quota,
        )
        for child in settings.children
    ]
    if settings.parent is not None:
        parent = Peer(
            settings.parent.name,
            PeerRole.PARENT,
            prefixes=frozenset[str]().union(*(peer.prefixes for peer in peers)),
            codes=frozenset[str]().union(*(peer.codes for peer in peers)),
            unsigned=exception(settings.parent.unsigned),
            credentials=identities.credentials(settings.parent),
            log_keys=identities.log_keys(settings.parent),
            unsigned_receipts=settings.parent.unsigned_receipts,
        )
        peers.append(parent)
    if settings.axis is not None:
        axis = Peer(
            settings.axis.name,
            PeerRole.AXIS,
            prefixes=frozenset[str]().union(*(peer.prefixes for peer in peers)),
            codes=frozenset[str]().union(*(peer.codes for peer in peers)),
            unsigned=exception(settings.axis.unsigned),
        )
        peers.append(axis)
    return {peer.name: peer for peer in peers}
