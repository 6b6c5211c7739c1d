"""Erase what could name a person: the words that entries of the journal only commit to, and a letter, if asked for.

    plan = plan_redaction(node, "H53.31.22,2026/11/22,7/UBND-VP", "", letter=False)
    done = redact(node, plan, "an", "91/2025/QH15:14")      # exactly what the plan names
    forget(node)                                            # and what the database's own log still had of it

Raises Refusal EDX606, EDX675 (nothing of it is a person's word), EDX676 (something speaks against it), EDX687.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from edxml_router.core.delivery.entries.reasons import FACT, CommittedReason
from edxml_router.core.delivery.entries.redaction import RULE, Redaction, require_ground
from edxml_router.core.delivery.journal import WORDS_REDACTED
from edxml_router.core.detail import Detail
from edxml_router.core.link.statement import BY_RECIPIENT
from edxml_router.core.problems import Refusal
from edxml_router.core.retention.judging import KeptBody, Reason, body_ruling
from edxml_router.core.retention.values import removal_of
from edxml_router.ports.ledger import Book
from edxml_router.services import auditor
from edxml_router.stages.node import Node
from edxml_router.stages.outcomes.removing import UNTOUCHED
from edxml_router.store.database import space
from edxml_router.wiring.stored import StoredNode

_TERMS = frozenset({Reason.NOT_YET, Reason.FOR_EVER})  # what the law asks for does not wait for our own terms
_LINES = 1000


@dataclass(frozen=True, slots=True)
class RedactionPlan:
    """What would go: words, and letters by digest. ``written``: entries of earlier versions, which hold such words
    themselves and cannot be changed."""

    document: str
    words: Sequence[CommittedReason]
    letters: Sequence[str] = ()
    written: int = 0


def plan_redaction(node: Node, document: str, recipient: str, *, letter: bool) -> RedactionPlan:
    """What would go of a document, and nothing else. ``recipient``: only what its office wrote; empty for all."""
    recipient = node.rules.registry.canonical_or_none(recipient) or recipient
    digests = [one.envelope.digest for one in auditor.find(node.ledger.views, document)]
    with node.ledger.book() as book:
        words = _words(book, digests, recipient)
        letters = _letters(node, book, digests) if letter else []
    written = _written(node, digests, recipient)
    if not words and not letters:
        raise Refusal("EDX675", where=document[:100], detail=_why_nothing(node, digests, recipient, written))
    return RedactionPlan(document, words, letters, written)


def redact(node: Node, plan: RedactionPlan, operator: str, ground: str) -> Sequence[Redaction]:
    """Erase what the plan names, as far as it is still there."""
    ground, actor, now = require_ground(ground), f"operator:{operator}", node.now()
    named = {one.commitment for one in plan.words}
    digests = list(dict.fromkeys([*(one.digest for one in plan.words), *plan.letters]))
    with node.ledger.book() as book:
        book.retention.alone()  # a hold comes before, and refuses this, or after
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for one in _unhindered(book, [each for each in book.retention.words(digests) if each.commitment in named]):
            groups[one.digest, one.recipient].append(one.commitment)
        letters = _letters(node, book, plan.letters) if plan.letters else []
        done = [
            Redaction(now, digest, recipient, tuple(sorted(found)), actor, ground)
            for (digest, recipient), found in groups.items()
        ]
        done += [Redaction(now, digest, "", (), actor, ground, letter=True) for digest in letters]
        book.retention.redact(done)
        if letters:
            sizes = {one.envelope.digest: one.envelope.size for one in book.retention.standings(letters)}
            book.retention.remove_bodies(removal_of(now, RULE, actor, list(sizes.items())), list(sizes))
    # Committed: words, salt, statements, bodies and the entries that tell of it, together. A crash before leaves all
    # of it; after it, at most a file that nothing refers to, which the sweep takes.
    node.bodies.remove(letters, UNTOUCHED, now)
    return done


def forget(node: StoredNode) -> bool:
    """Have the database's own log give up what it still has of it; False where somebody reads just now, and it goes
    with the log's next turn."""
    return space.empty_log(node.ledger.engine)


def _words(book: Book, digests: Sequence[str], recipient: str) -> list[CommittedReason]:
    return _unhindered(book, [one for one in book.retention.words(digests) if recipient in ("", one.recipient)])


def _unhindered(book: Book, found: list[CommittedReason]) -> list[CommittedReason]:
    """The same words. Raises Refusal EDX676 where a hold, or a neighbour who is to be told them, speaks against it."""
    if not found:
        return []
    about = sorted({one.digest for one in found})
    held = [one.envelope for one in book.retention.standings(about, gone=True) if one.held]
    if held:
        raise Refusal("EDX676", where=held[0].document_id or held[0].digest, detail=Detail("it is held"))
    untold = book.retention.untold(about)
    for one in found:
        if (one.digest, one.recipient) in untold:
            told = Detail("a neighbour has not been told yet what {recipient} wrote", recipient=one.recipient)
            raise Refusal("EDX676", where=one.digest, detail=told)
    return found


def _letters(node: Node, book: Book, digests: Sequence[str]) -> list[str]:
    standings = book.retention.standings(digests)
    for one in standings:
        if against := _against(node, one):
            name = one.envelope.document_id or one.envelope.digest
            told = Detail("the letter stays: {reasons}", reasons=", ".join(against))
            raise Refusal("EDX676", where=name, detail=told)
    return [one.envelope.digest for one in standings]


def _against(node: Node, kept: KeptBody) -> list[str]:
    ruling = body_ruling(node.rules.retention, kept, node.now())
    return [str(each) for each in ruling.reasons if each not in _TERMS]


def _written(node: Node, digests: Sequence[str], recipient: str) -> int:
    lines = (
        line.entry
        for digest in digests
        for line in node.ledger.views.lines(envelope=digest, recipient=recipient, code=BY_RECIPIENT, limit=_LINES)
    )
    return sum(FACT not in one.facts and bool(one.detail) and not isinstance(one.detail, Detail) for one in lines)


def _why_nothing(node: Node, digests: Sequence[str], recipient: str, written: int) -> Detail:
    if written:
        return Detail("{count} entries of an earlier version hold the words themselves", count=written)
    for digest in digests:
        lines = node.ledger.views.lines(envelope=digest, recipient=recipient, event=WORDS_REDACTED, limit=1)
        if lines:
            return Detail("it was erased on {at}", at=lines[0].entry.at)
    return Detail("what is said of it is the program's own: codes, times and agencies")
