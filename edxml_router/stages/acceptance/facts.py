"""What is known about a batch before anything is decided: a fixed number of reads, whatever its size.

    facts = gather(node, book, judged, now)

They are read inside the transaction that writes the decision. On SQLite nobody else can write meanwhile; on PostgreSQL
another worker may, and the write detects it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from edxml_router.core.delivery.chains import Known
from edxml_router.core.delivery.values import Delivery, EnvelopeRow
from edxml_router.core.problems import Finding
from edxml_router.ports.ledger import Book
from edxml_router.stages.acceptance import order
from edxml_router.stages.acceptance.submission import Candidate
from edxml_router.stages.node import Node

_QUOTA_TIME: Final = timedelta(minutes=1)
NOT_SERVED: Final = "EDX505"


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store and this process know about a batch."""

    known: Mapping[str, EnvelopeRow] = field(default_factory=dict)  # those of the batch that are here, by digest
    holders: Mapping[str, str] = field(default_factory=dict)  # identity → digest of the envelope that has it
    standing: Mapping[tuple[str, str], Delivery] = field(default_factory=dict)  # of ``known``, by digest and recipient
    chains: Known = field(default_factory=dict)
    documents: frozenset[str] = frozenset()  # keys of documents that were accepted here, whoever sent them
    waited: frozenset[str] = frozenset()  # names of those given back to wait for their document (see order)
    may_wait: bool = True
    brought: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)  # messages, bytes, recipients; by peer
    found_before: frozenset[str] = frozenset()  # recipients that have had mail behind this node
    skews: Mapping[str, Finding] = field(default_factory=dict)  # of neighbours' clocks, by peer


def gather(node: Node, book: Book, judged: Sequence[Candidate], now: datetime) -> Facts:
    """The facts of this moment. Raises Setback."""
    rows = [item.row for item in judged if item.row is not None]
    peers = {item.submission.peer for item in judged}
    digests = {item.digest for item in judged}
    there = book.envelopes.recognised(digests, {row.identity for row in rows})
    known = {row.digest: row for row in there if row.digest in digests}
    named = {(row.sender, key) for row in rows for key in (row.document_key, *row.refers_to) if key}
    wanted = {key for item in judged if order.may_have_to_wait(item) for key in order.changed(item)}
    names = {order.name(item) for item in judged} if wanted else set()
    return Facts(
        known=known,
        holders={row.identity: row.digest for row in there},
        standing={(one.digest, one.recipient): one for one in book.deliveries.of(known)} if known else {},
        chains=book.documents.chains(named) if named else {},
        documents=frozenset(book.documents.known(wanted)) if wanted else frozenset(),
        waited=frozenset(names & node.waited.keys()),
        may_wait=node.may_wait(),
        brought={
            name: book.envelopes.brought(name, now - _QUOTA_TIME)
            for name in sorted({item.submission.peer for item in judged if item.fit})
            if node.rules.peers[name].quota.limited
        },
        found_before=frozenset(each for each in sorted(_not_served(judged)) if book.moved.found_before(each)),
        skews={peer: skew.finding(peer) for peer in peers if (skew := node.skews.of(peer)) is not None},
    )


def _not_served(judged: Iterable[Candidate]) -> set[str]:
    """Recipients whose mail may have passed through here before they moved."""
    found: set[str] = set()
    for item in judged:
        if item.submission.transfer is None:
            continue
        for recipient in item.submission.transfer.recipients:
            finding = item.trouble.finding if item.trouble else item.unreachable.get(recipient)
            if finding is not None and not_served(finding):
                found.add(recipient)
    return found


def not_served(finding: Finding) -> bool:
    """Whether somebody else should serve this recipient, by the routes of this node."""
    return finding.code == NOT_SERVED and bool(finding.where)
