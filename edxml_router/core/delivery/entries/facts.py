"""What entries of the journal say of envelopes and deliveries: enough to make their rows again.

An entry holds ids, codes, times and digests; content never, nor anything that names a person. A key is told by the
digest of its public part. What is empty, zero or false is left out;
:mod:`edxml_router.core.delivery.entries.replay` reads them.

Of ``envelope.accepted``: ``kind``, ``business``, ``sender``, ``document`` (its id as written), ``refers_to``,
``status_code``, ``size``, ``attachments``, ``urgent``, ``expires_at``, ``channel``, ``signer``, ``remarks``, ``hops``
(each a name and that node's time), ``chains``; ``recipients``, of many their ``recipient_count`` and
``recipients_sha256`` (of the sorted codes, one a line); ``rules``, the digests of what it was judged by.

Of ``delivery.…``: ``delivery`` (its number), ``generation``; and of what else a move changes, ``route``, ``origin``,
``expires_at``, ``far_accepted``, ``ended_at``, the ``hops`` that a receipt brought, and ``reason_sha256``, which stands
for what the recipient's office wrote (:mod:`edxml_router.core.delivery.entries.reasons`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from edxml_router.core.delivery.entries.reasons import FACT as REASON
from edxml_router.core.delivery.lifecycle import ENDS
from edxml_router.core.delivery.values import Delivery, EnvelopeRow, Move, NewDelivery
from edxml_router.core.link.manifest import shortest_instant
from edxml_router.core.link.wire import Hop

Facts = Mapping[str, Any]

RECIPIENTS_LISTED: Final = 16  # codes in the entry of an acceptance; of more, their number and digest
NONE: Final[Facts] = {}


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an acceptance rests on, besides the envelope: its recipients here by digest, and the digests of the rules in
    force (:meth:`edxml_router.stages.rules.Rules.digests`)."""

    recipients: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)


def envelope_facts(row: EnvelopeRow, grounds: Grounds) -> Facts:
    """Of an acceptance. Who brought it, when, and the verdict about its signature are fields of the entry itself."""
    facts = {
        "attachments": row.attachments,
        "business": row.business,
        "chains": list(row.chains),
        "channel": row.channel,
        "document": row.document_id,
        "expires_at": shortest_instant(row.expires_at),
        "hops": _told(row.hops),
        "kind": row.kind,
        "refers_to": list(row.refers_to),
        "remarks": list(row.remarks),
        "rules": dict(grounds.rules),
        "sender": row.sender,
        "signer": row.signer,
        "size": row.size,
        "status_code": row.status_code,
        "urgent": row.urgent,
    }
    facts |= recipient_facts(grounds.recipients.get(row.digest, ()))
    return {name: value for name, value in facts.items() if value}


def recipient_facts(recipients: Sequence[str]) -> Facts:
    """The codes, or of many how many they are and the digest of all."""
    if len(recipients) <= RECIPIENTS_LISTED:
        return {"recipients": sorted(recipients)}
    digest = hashlib.sha256("\n".join(sorted(recipients)).encode()).hexdigest()
    return {"recipient_count": len(recipients), "recipients_sha256": digest}


def queued_facts(row: NewDelivery, number: int) -> Facts:
    """Of a new delivery. Its route is the entry's detail, its origin the actor."""
    facts: dict[str, Any] = {"delivery": number, "expires_at": shortest_instant(row.expires_at)}
    if row.generation:
        facts["generation"] = row.generation
    if row.urgent:
        facts["urgent"] = True
    return facts


def delivery_facts(delivery: Delivery) -> dict[str, Any]:
    """Which delivery, and in which generation."""
    facts: dict[str, Any] = {"delivery": delivery.id}
    if delivery.generation:
        facts["generation"] = delivery.generation
    return facts


def move_facts(move: Move, now: datetime, reason: str = "") -> Facts:
    """Of a move that is made ``now``. ``reason``: the commitment to somebody's words."""
    old, facts = move.delivery, delivery_facts(move.delivery)
    if move.generation:
        facts["generation"] = move.generation
    # Always: a worker that binds a delivery to the routes of today moves it as it will be, not as it is stored.
    facts["route"] = move.route or old.route
    if move.origin is not None and move.origin != old.origin:
        facts["origin"] = move.origin
    if move.expires_at is not None and move.expires_at != old.expires_at:
        facts["expires_at"] = shortest_instant(move.expires_at)
    if move.far_accepted is not None and move.far_accepted != old.far_accepted:
        facts["far_accepted"] = move.far_accepted
    if move.after in ENDS:
        facts["ended_at"] = shortest_instant(move.ended_at or now)
    if move.hops:
        facts["hops"] = _told(move.hops)
    if reason:
        facts[REASON] = reason
    return facts


def hops_of(facts: Facts) -> tuple[Hop, ...]:
    """The nodes passed. Raises ValueError, TypeError for what is something else."""
    return tuple(Hop(name, datetime.fromisoformat(at)) for name, at in facts.get("hops", ()))


def _told(hops: Sequence[Hop]) -> list[list[str]]:
    return [[hop.node, shortest_instant(hop.at)] for hop in hops]
