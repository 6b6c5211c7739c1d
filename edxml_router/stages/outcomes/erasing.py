"""Erase what people wrote about letters, once its term is over: looking without a lock, deciding again in the
transaction that erases.

portion = erase_portion(node, "", actor="node")
while portion.next: portion = erase_portion(node, portion.next, actor="node")

The entries stay and only commit to the words, so every proof stands; an entry tells of each erasure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edxml_router.core.delivery.entries.redaction import Redaction, ground_of_rule
from edxml_router.core.retention.judging import words_ruling
from edxml_router.stages.node import Node

AT_ONCE: Final = 100  # envelopes in one look, and at most in one transaction


@dataclass(frozen=True, slots=True)
class ErasedPortion:
    """What was done with one look, and the digest to go on after; empty at the end."""

    redactions: Sequence[Redaction]
    next: str


def erase_portion(node: Node, after: str, actor: str) -> ErasedPortion:
    """Erase what is over among the next envelopes about which words are kept. Nothing where no rule has a term for
    words. Raises Setback; what was erased before stays erased, and the next call goes on with the rest."""
    terms, now = node.rules.retention, node.now()
    if not terms.erasing:
        return ErasedPortion((), "")
    kept, following = node.ledger.views.kept_words(after, AT_ONCE)
    over = [one.about.envelope.digest for one in kept if words_ruling(terms, one.about, now).goes]
    return ErasedPortion(_erase(node, over, actor) if over else (), following)


def _erase(node: Node, digests: Sequence[str], actor: str) -> Sequence[Redaction]:
    terms, now = node.rules.retention, node.now()
    with node.ledger.book() as book:
        book.retention.alone()
        rules: dict[str, str] = {}
        for one in book.retention.standings(digests, gone=True):  # again: it may have been held or opened since
            ruling = words_ruling(terms, one, now)
            if ruling.goes:
                rules[one.envelope.digest] = ruling.rule.name
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for words in book.retention.words(list(rules)):
            found[words.digest, words.recipient].append(words.commitment)
        done = [
            Redaction(now, digest, recipient, tuple(sorted(each)), actor, ground_of_rule(rules[digest]))
            for (digest, recipient), each in sorted(found.items())
        ]
        book.retention.redact(done)
    # Committed: words, salts, the statements that had them, and the entries that tell of it, together. A crash before
    # leaves all of it.
    return done
