"""The composition root: the only place that chooses adapters and puts a node together from its settings.

    with open_node(settings) as node: …             # store and rules, for a command
    with open_worker(settings) as opened: …         # and the transports, for a worker process

Raises ConfigErrors for files that the settings name and that cannot be used, and Setback EDX602 when the database
is away. A hub that is away is no failure: its transport mends itself, and :meth:`Opened.declare` is tried again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.x509.oid import NameOID

from edxml_router import credential_sources, trust_sources
from edxml_router.config import ConfigErrors, HubSettings, QuotaSettings, Settings
from edxml_router.config import UnsignedException as UnsignedSettings
from edxml_router.core import certificate as certificates
from edxml_router.core.classification import Markings
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.registry import Registry
from edxml_router.core.routing import Routes
from edxml_router.core.safe_xml import Limits
from edxml_router.core.verdict import Engine
from edxml_router.credential_sources import Signing
from edxml_router.ports import Transport
from edxml_router.resources import folder
from edxml_router.rules import Link, Node, Peer, Policy, Quota, Role, Rules, Timing, UnsignedException
from edxml_router.store import catalogue, pkcs11_keys, sequencer, trust_files
from edxml_router.store.bodies import BodyStore
from edxml_router.store.engine import connect
from edxml_router.store.ledger import SqlLedger
from edxml_router.store.patience import PATIENCE
from edxml_router.store.trust_files import Fingerprint
from edxml_router.transport import local, rabbitmq, topology
from edxml_router.transport.amqp_connection import RabbitSettings
from edxml_router.transport.tls import Tls
from edxml_router.trust_sources import canonical, read

WORKER_PATIENCE = 20  # seconds for one statement; other links wait meanwhile
SWEEP_AGE = timedelta(hours=24)  # files that nothing refers to are kept this long, for a transaction under way


class SystemClock:
    """The machine's clock and its chance."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def chance(self) -> float:
        return random.random()  # noqa: S311  # jitter, not a secret


@dataclass(slots=True)
class Opened:
    """A node with its transports, as a worker runs it."""

    node: Node
    transports: Sequence[Transport]
    settings: Settings
    declared: bool = False
    trust_seen: Fingerprint = ()
    credentials_seen: Fingerprint = ()
    signing: Signing | None = None

    def renew_trust(self) -> Sequence[Finding] | None:
        """Apply what has changed in the files of [trust] since the last look: a blocked key must not wait for a
        person. None when nothing has; else what is wrong with them, or nothing. The rest of the configuration is not
        looked at; it may be half written.
        """
        seen = trust_files.fingerprint(trust_sources.paths(self.settings))
        if seen == self.trust_seen:
            return None
        self.trust_seen = seen
        self.node.rules, findings = trust_sources.renewed(self.node.rules, self.settings)
        return findings

    def renew_credentials(self) -> Sequence[Finding] | None:
        """Take the node's own key and certificate, and those of its neighbours, as their files are now. None when no
        file has changed; else what is wrong with them, or nothing. What cannot be used leaves what was in force: a
        key is often written a moment before its certificate.
        """
        seen = trust_files.fingerprint(credential_sources.paths(self.settings))
        if seen == self.credentials_seen:
            return None
        peers, findings = credential_sources.renewed(self.node.rules.peers, self.settings)
        self.node.rules = replace(self.node.rules, peers=peers)
        try:
            self._sign_by(credential_sources.signing(self.settings))
        except Setback as setback:  # a token that is away: nothing was seen, so it is tried again
            return [*findings, setback.finding]
        except Refusal as refusal:
            findings.append(refusal.finding)
        self.credentials_seen = seen
        return findings

    def _sign_by(self, signing: Signing | None) -> None:
        before, self.signing = self.signing, signing
        _sign_by(self.node, signing)
        if before is not None and isinstance(before.key, pkcs11_keys.Key):
            before.key.close()

    def declare(self) -> None:
        """Make the mailboxes of the own hub once it can be reached. Raises Setback EDX701, EDX706, EDX707."""
        if not self.declared and self.settings.hub is not None:
            declare(self.settings)
        self.declared = True

    def problems(self) -> Mapping[str, Finding | None]:
        """What is wrong with each hub now: the own one is "hub", the other "parent"."""
        transports = zip(_hub_names(self.settings), self.transports, strict=True)
        return {name: transport.problem for name, transport in transports}

    def number_journal(self) -> None:
        """Let the journal's new entries take their places in the log."""
        number_journal(self.node)

    def sweep(self) -> None:
        """Remove files that nothing refers to."""
        bodies = self.node.bodies
        assert isinstance(bodies, BodyStore)  # noqa: S101  # this module made it
        bodies.sweep(older_than=SWEEP_AGE, now=self.node.now())

    def reload(self, settings: Settings) -> None:
        """Swap the rules. A neighbour or office that is new gets its mailboxes and link; a hub that moved needs a
        restart. Raises ConfigErrors and changes nothing when a file cannot be used."""
        seen = trust_files.fingerprint(trust_sources.paths(settings))  # before they are read
        credentials_seen = trust_files.fingerprint(credential_sources.paths(settings))
        rules, signing = build_rules(settings), _signing(settings)
        self.settings, self.declared, self.trust_seen = settings, False, seen
        self.credentials_seen = credentials_seen
        self.node.rules = rules
        self._sign_by(signing)
        transports = dict(zip(_hub_names(settings), self.transports, strict=True))
        self.node.links, self.node.writers = _links(settings, transports), _writers(settings)
        if settings.hub is not None:
            transports["hub"].consume(_intakes(settings))


@contextmanager
def open_node(settings: Settings) -> Iterator[Node]:
    """The node without its transports and its key: what a command needs to submit, look, and act."""
    with closing(open_ledger(settings)) as ledger:
        yield _node(settings, ledger)


@contextmanager
def open_worker(settings: Settings) -> Iterator[Opened]:
    """The node with the transports of its own hub and its parent's."""
    with ExitStack() as stack:
        trust_seen = trust_files.fingerprint(trust_sources.paths(settings))  # before they are read
        credentials_seen = trust_files.fingerprint(credential_sources.paths(settings))
        node = _node(settings, stack.enter_context(closing(open_ledger(settings, WORKER_PATIENCE))))
        signing = _signing(settings)
        _sign_by(node, signing)
        transports: dict[str, Transport] = {}
        if settings.hub is not None:
            transports["hub"] = open_hub(settings, settings.hub, _intakes(settings))
            stack.callback(transports["hub"].close)
        if settings.parent is not None:
            consumes = topology.child_mailboxes(settings.node.name)
            transports["parent"] = open_hub(settings, settings.parent.hub, consumes)
            stack.callback(transports["parent"].close)
        node.links, node.writers = _links(settings, transports), _writers(settings)
        yield Opened(node, list(transports.values()), settings, False, trust_seen, credentials_seen, signing)


def number_journal(node: Node) -> None:
    """Let the journal's new entries take their places in the log. Raises Setback EDX601, EDX602, EDX605."""
    assert isinstance(node.ledger, SqlLedger)  # noqa: S101  # this module made it
    sequencer.number(node.ledger)


def _node(settings: Settings, ledger: SqlLedger) -> Node:
    bodies = BodyStore(ledger.engine, settings.node.data / "bodies", reserve_bytes=settings.store.reserve_bytes)
    return Node(settings.node.name, ledger, bodies, ledger.clock, build_rules(settings), {})


def _signing(settings: Settings) -> Signing | None:
    try:
        return credential_sources.signing(settings)
    except Refusal as refusal:
        raise ConfigErrors([refusal.finding]) from refusal


def _sign_by(node: Node, signing: Signing | None) -> None:
    node.sign_receipts, node.certificates = (signing.sign, signing.certificates) if signing else (None, ())


def open_ledger(settings: Settings, patience: int = PATIENCE) -> SqlLedger:
    """The node's database, without looking whether its schema is of this version (``init`` and ``doctor`` do).

    ``patience``: seconds that its server has for a statement.
    """
    secret = settings.store.password_file
    password = read(secret, "store.password_file").decode().strip() if secret else None
    return SqlLedger(connect(settings.database_url, password, patience), SystemClock())


# --- rules ------------------------------------------------------------------------------------------


def build_rules(settings: Settings) -> Rules:
    """The snapshot that the settings and the files they name make. Raises ConfigErrors with what is wrong."""
    try:
        registry = load_registry(settings)
        return Rules(
            limits=Limits(**{each.name: getattr(settings.limits, each.name) for each in fields(Limits)}),
            registry=registry,
            routes=_routes(settings, registry),
            trust=trust_sources.trust_store(settings),
            bindings=trust_sources.bindings(settings, registry, needed=settings.trust.bindings is not None),
            peers=_peers(settings, registry),
            engine=Engine(settings.signature.engine),
            policy=Policy(Markings(settings.policy.classified), settings.policy.max_age, settings.policy.max_ahead),
            timing=Timing(**{each.name: getattr(settings.delivery, each.name) for each in fields(Timing)}),
            aside_quota=settings.limits.aside_bytes,
            batch=settings.delivery.batch,
            chunk_bytes=settings.delivery.chunk_bytes,
        )
    except Refusal as refusal:
        raise ConfigErrors([refusal.finding]) from refusal


def load_registry(settings: Settings) -> Registry:
    """The agencies: the packaged catalogue or the one named, then further ones, then the node's own imports."""
    first = settings.agencies.catalogue or folder("agency_codes")
    own = own_catalogue(settings)
    return catalogue.load(first, *settings.agencies.extra, *([own] if own.is_dir() else []))


def own_catalogue(settings: Settings) -> Path:
    """The folder that ``agency import`` writes to."""
    return settings.node.data / "agency_codes"


def _routes(settings: Settings, registry: Registry) -> Routes:
    return Routes.build(
        served={canonical(registry, code): office.name for office in settings.offices for code in office.agencies},
        children={
            child.name: [canonical(registry, code) for code in (*child.prefixes, *child.codes)]
            for child in settings.children
        },
        parent=settings.parent.name if settings.parent else None,
    )


def _peers(settings: Settings, registry: Registry) -> Mapping[str, Peer]:
    def codes(texts: Sequence[str]) -> frozenset[str]:
        return frozenset(canonical(registry, text) for text in texts)

    def exception(given: UnsignedSettings | None) -> UnsignedException | None:
        return UnsignedException(given.until, given.reason, codes(given.senders)) if given else None

    def quota(given: QuotaSettings) -> Quota:
        return Quota(given.messages, given.bytes, given.recipients)

    peers = [
        Peer(
            office.name,
            Role.OFFICE,
            codes=codes(office.agencies),
            unsigned=exception(office.unsigned),
            quota=quota(office.quota),
            pushed=office.attach == "amqp",
        )
        for office in settings.offices
    ]
    peers += [
        Peer(
            child.name,
            Role.CHILD,
            prefixes=codes(child.prefixes),
            codes=codes(child.codes),
            unsigned=exception(child.unsigned),
            credentials=credential_sources.credentials(child),
            quota=quota(child.quota),
        )
        for child in settings.children
    ]
    if settings.parent is not None:
        parent = Peer(
            settings.parent.name,
            Role.PARENT,
            prefixes=frozenset[str]().union(*(peer.prefixes for peer in peers)),
            codes=frozenset[str]().union(*(peer.codes for peer in peers)),
            unsigned=exception(settings.parent.unsigned),
            credentials=credential_sources.credentials(settings.parent),
        )
        peers.append(parent)
    return {peer.name: peer for peer in peers}


# --- hubs -------------------------------------------------------------------------------------------


def open_hub(settings: Settings, hub: HubSettings, consumes: Sequence[str]) -> Transport:
    """The mailboxes of a hub, as this node's user of it."""
    if hub.kind == "local":
        assert hub.path is not None  # noqa: S101  # checked when the settings were loaded
        return local.LocalTransport(hub.path, settings.node.name, consumes)
    return rabbitmq.RabbitTransport(rabbit_settings(settings, hub), consumes)


def declare(settings: Settings) -> None:
    """Make the mailboxes of the node's own hub. Raises Setback EDX701, EDX706, EDX707; Refusal EDX901."""
    hub = settings.hub
    assert hub is not None  # noqa: S101  # the caller asked
    children, offices = attached(settings)
    if hub.kind == "local":
        assert hub.path is not None  # noqa: S101  # checked when the settings were loaded
        local.declare(hub.path, children, offices)
    else:
        rabbitmq.declare(rabbit_settings(settings, hub), children, offices)


def attached(settings: Settings) -> tuple[list[str], list[str]]:
    """The children and the offices that have mailboxes on the node's own hub."""
    offices = [office.name for office in settings.offices if office.attach == "amqp"]
    return [child.name for child in settings.children], offices


def _intakes(settings: Settings) -> Sequence[str]:
    return topology.intakes(*attached(settings))


def rabbit_settings(settings: Settings, hub: HubSettings) -> RabbitSettings:
    """How to reach a broker. Raises Refusal EDX901, EDX902 for its files."""
    assert hub.host is not None  # noqa: S101  # checked when the settings were loaded
    password = read(hub.password_file, "hub.password_file").decode().strip() if hub.password_file else ""
    reached = RabbitSettings(
        host=hub.host,
        user=hub.user or settings.node.name,
        password=password,
        port=hub.port or (5671 if hub.tls_ca else 5672),
        vhost=hub.vhost,
        server_name=hub.server_name or "",
        external=hub.login == "certificate",
        label=f"edxml-router {settings.node.name}",
    )
    if reached.external:
        _check_user(hub, reached.user)
    if hub.tls_ca is None:
        return reached
    tls = Tls(hub.tls_ca, hub.tls_certificate, hub.tls_key, hub.tls_crls)
    tls.context()  # what is wrong with the files is said before anything is connected
    return replace(reached, tls=tls.context)


def _check_user(hub: HubSettings, user: str) -> None:
    """The broker takes the certificate's common name for the user, and checks every message's ``user_id`` by it."""
    assert hub.tls_certificate is not None  # noqa: S101  # checked when the settings were loaded
    [leaf, *_] = certificates.read_all(read(hub.tls_certificate, "hub.tls_certificate"), str(hub.tls_certificate))
    names = [str(each.value) for each in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [user]:
        raise Refusal("EDX901", where="hub.tls_certificate", detail=f"its common name is {names}, the user is {user}")


def _hub_names(settings: Settings) -> list[str]:
    return [name for name, hub in (("hub", settings.hub), ("parent", settings.parent)) if hub is not None]


def _links(settings: Settings, transports: Mapping[str, Transport]) -> dict[str, Link]:
    links: dict[str, Link] = {}
    if settings.hub is not None:
        hub = transports["hub"]
        for child in settings.children:
            links[f"link:{child.name}"] = Link(hub, topology.down(child.name), topology.down(child.name, urgent=True))
        for office in settings.offices:
            if office.attach == "amqp":
                links[f"office:{office.name}"] = Link(hub, topology.inbox(office.name), topology.inbox(office.name))
    if settings.parent is not None:
        links[f"link:{settings.parent.name}"] = Link(
            transports["parent"], topology.up(settings.node.name), topology.up(settings.node.name, urgent=True)
        )
    return links


def _writers(settings: Settings) -> dict[str, str]:
    """Who writes to each mailbox that the node takes from: on its own hub the child or office that it is named after,
    on the parent's hub the parent. The mailbox tells the hub, because none is called alike on both."""
    writers = {topology.submit(office.name): office.name for office in settings.offices}
    for child in settings.children:
        writers |= dict.fromkeys((topology.up(child.name), topology.up(child.name, urgent=True)), child.name)
    if settings.parent is not None:
        writers |= dict.fromkeys(topology.child_mailboxes(settings.node.name), settings.parent.name)
    return writers
