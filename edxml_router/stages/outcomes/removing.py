"""Remove the bodies whose term is over: looking without a lock, deciding again in the transaction that removes.

portion = remove_portion(node, None, actor="node")
while portion.next: portion = remove_portion(node, portion.next, actor="node")
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from edxml_router.core.retention.judging import body_ruling
from edxml_router.core.retention.values import Removal, removal_of
from edxml_router.ports.retention import Key
from edxml_router.stages.node import Node

LOOKED_AT: Final = 500  # envelopes in one look
AT_ONCE: Final = 100  # bodies in one transaction, and in one turn of a worker: mail waits no longer
UNTOUCHED: Final = timedelta(hours=24)  # a younger file may be of a transaction under way; the sweep takes it later


@dataclass(frozen=True, slots=True)
class RemovedPortion:
    """What was done with one look: the removals, how many envelopes were looked at, and where to go on; None at the
    end."""

    removals: Sequence[Removal]
    looked_at: int
    next: Key | None


def remove_portion(node: Node, after: Key | None, actor: str) -> RemovedPortion:
    """Remove what is over among the next envelopes, in one transaction of at most :data:`AT_ONCE`. Nothing where no
    rule has a term. Raises Setback; what was removed before stays removed, and the next call goes on with the rest."""
    terms, now = node.rules.retention, node.now()
    shortest = terms.shortest
    if shortest is None:
        return RemovedPortion((), 0, None)
    kept, following = node.ledger.views.kept_bodies(now - shortest, after, LOOKED_AT)
    over = [one.envelope for one in kept if body_ruling(terms, one, now).goes]
    if len(over) > AT_ONCE:  # the others are looked at again: mail may have come meanwhile
        over = over[:AT_ONCE]
        following = (over[-1].accepted_at, over[-1].digest)
    removals = _remove(node, [row.digest for row in over], actor) if over else []
    return RemovedPortion(removals, len(kept), following)


def _remove(node: Node, digests: Sequence[str], actor: str) -> list[Removal]:
    terms, now = node.rules.retention, node.now()
    by_rule: dict[str, list[tuple[str, int]]] = defaultdict(list)
    removals: list[Removal] = []
    with node.ledger.book() as book:
        book.retention.alone()
        for one in book.retention.standings(digests):  # again: it may have been held or opened since the look
            ruling = body_ruling(terms, one, now)
            if ruling.goes:
                by_rule[ruling.rule.name].append((one.envelope.digest, one.envelope.size))
        for rule, sizes in sorted(by_rule.items()):
            removal = removal_of(now, rule, actor, sizes)
            book.retention.remove_bodies(removal, [digest for digest, _ in sizes])
            removals.append(removal)
    # Committed: rows, the note of what went, and the entry, together. A crash before leaves all bodies. After it, only
    # files are left that nothing refers to; the sweep takes those that are not removed here.
    node.bodies.remove([digest for sizes in by_rule.values() for digest, _ in sizes], UNTOUCHED, now)
    return removals
