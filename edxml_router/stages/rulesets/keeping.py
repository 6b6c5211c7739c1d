"""Keep the rules in force before anything is decided by them.

    keep_rules(node, now)        # before each batch; does nothing unless the snapshot is another than before
    rules_named(node)            # for the entries of what is decided: {"agencies": …, "set": …, …}

They are written when the first decision is at hand, not when a file changes: a night in which answers about a thousand
signers are renewed leaves one set and not a thousand. The writing is a transaction of its own, ahead of that of the
decision, so no entry ever names a set that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from edxml_router.core.delivery.journal import RULES_APPLIED, Entry
from edxml_router.stages.node import Node
from edxml_router.stages.rulesets.writing import KeptRules, kept_rules

SET: Final = "set"  # among the digests of an entry's ``rules``


def keep_rules(node: Node, now: datetime) -> None:
    """Write the set of rules in force, where it is not here yet, and an entry, where another was applied last. Raises
    Setback."""
    if not node.keeps_rules or (node.rules_kept is not None and node.rules_kept[0] is node.rules):
        return
    rules = node.rules
    kept = kept_rules(node.name, rules)
    with node.ledger.book() as book:
        lacking = book.rulesets.lacking(kept.parts)
        book.rulesets.keep({name: kept.parts[name] for name in lacking})
        if book.rulesets.applied() != kept.digest:
            book.rulesets.apply(kept.digest, now)
            book.journal.note([_applied(kept, rules.digests(), now)])
    # Committed: parts, the row and the entry together. A crash before this line leaves none of them, and after it the
    # next batch finds them. Of two workers whose snapshots differ for a moment each writes its own.
    node.rules_kept = (rules, kept.digest)


def rules_named(node: Node) -> Mapping[str, str]:
    """The digests of what is decided by, with that of the whole set where one is kept."""
    digests = node.rules.digests()
    if node.rules_kept is None or node.rules_kept[0] is not node.rules:
        return digests
    return {**digests, SET: node.rules_kept[1]}


def _applied(kept: KeptRules, digests: Mapping[str, str], now: datetime) -> Entry:
    return Entry(now, RULES_APPLIED, actor="node", facts={"rules": {**digests, SET: kept.digest}})
