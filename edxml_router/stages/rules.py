"""What a node knows and allows: the immutable snapshot behind every decision of the pipeline.

A reload builds a new snapshot and swaps it as a whole, so that no envelope is judged by a mixture of old and new rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from edxml_router.core.agencies.registry import Registry
from edxml_router.core.agencies.routing import Routes
from edxml_router.core.delivery.terms import DeliveryTerms, IntakeLimits, Policy, Quota, UnsignedException
from edxml_router.core.link.credentials import Credentials
from edxml_router.core.link.route import Route
from edxml_router.core.message.classification import Markings
from edxml_router.core.proof.note import VerifierKey
from edxml_router.core.retention.terms import RetentionTerms
from edxml_router.core.signature.verdict import Engine
from edxml_router.core.trust.bindings import Bindings
from edxml_router.core.trust.chain import TrustStore
from edxml_router.core.xml.schema import schema_digest


class PeerRole(StrEnum):
    """What a peer is to this node."""

    OFFICE = "office"
    CHILD = "child"
    PARENT = "parent"
    AXIS = "axis"  # above, as the parent is, but spoken to as an office


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody who connects: an e-office system, a child node, or the parent node.

    ``prefixes`` and ``codes`` are the agencies whose mail the peer may bring; for the parent, those it may not.
    """

    name: str
    role: PeerRole
    prefixes: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    unsigned: UnsignedException | None = None
    credentials: Credentials = field(default_factory=Credentials)  # of a neighbour: they check its receipts
    unsigned_receipts: bool = False  # of a neighbour without credentials: its receipts count all the same
    log_keys: tuple[VerifierKey, ...] = ()  # of a neighbour: of its journal, the old and the new while they change
    quota: Quota = field(default_factory=Quota)
    pushed: bool = False  # an office that is attached over AMQP and gets its mail pushed
    chunks: bool = False  # … and puts together what comes in chunks


@dataclass(frozen=True, slots=True)
class Rules:
    """One snapshot."""

    limits: IntakeLimits
    registry: Registry
    routes: Routes
    trust: TrustStore
    bindings: Bindings
    peers: Mapping[str, Peer]
    delivery: DeliveryTerms = field(default_factory=DeliveryTerms)
    witness_interval: timedelta = timedelta(seconds=60)  # between checkpoints that a neighbour is shown
    retention: RetentionTerms = field(default_factory=RetentionTerms)
    policy: Policy = field(default_factory=Policy)
    markings: Markings = field(default_factory=Markings)  # of ``policy.classified``
    engine: Engine = Engine.SIGNXML  # for what is not too large for it
    nodes: TrustStore = field(default_factory=TrustStore)  # by it certificates of nodes are judged, far ones too
    largest: Mapping[Route, int] = field(default_factory=dict)  # bytes of an envelope, by route, where there is a bound

    def digests(self) -> Mapping[str, str]:
        """What an envelope is judged by, as SHA-256: the catalogue, the schemas, and who is trusted, with the lists
        and answers about revocation and the bindings of that moment. The journal keeps them with each acceptance."""
        trust = hashlib.sha256(f"{self.trust.digest}\n{self.bindings.digest}".encode()).hexdigest()
        return {"agencies": self.registry.digest, "schema": schema_digest(), "trust": trust}
