"""Cosign a neighbour's checkpoint, if it continues all that was cosigned of that journal before; else keep what it
showed as evidence.

    answer, fork = cosign_for(node, "xa-an-thanh", question)

One transaction compares with what is known, and keeps; the cosignature is made after its commit, and only then sent. A
crash before the commit: the question comes again. After it: the neighbour asks from the size that is known now, and is
answered. Nothing that was cosigned is ever forgotten, by no command: a journal that cannot continue it takes another
name and key.

A smaller checkpoint than the known one is an old question that came late, unless the neighbour sent it after the known
one: then its journal was shortened.
"""

from __future__ import annotations

from typing import Final

from edxml_router.core.delivery.journal import Entry
from edxml_router.core.detail import Detail
from edxml_router.core.link.witnessing import WitnessAnswer, WitnessQuestion, WitnessStatus
from edxml_router.core.problems import Finding
from edxml_router.core.proof.checkpoint import TreeHead, cosign, read_checkpoint, read_head
from edxml_router.core.proof.note import read_note
from edxml_router.core.proof.paths import is_consistent, tree_root
from edxml_router.core.proof.witness import ForkKind, LogFork, WitnessedLog
from edxml_router.ports.ledger import Book
from edxml_router.stages.node import Node

FORKED: Final = "EDX641"
EVENT: Final = "log.forked"
_EMPTY: Final = tree_root(lambda _height, _place: b"", 0)


def cosign_for(node: Node, peer: str, question: WitnessQuestion) -> tuple[WitnessAnswer, Finding | None]:
    """The answer to a neighbour, and what its question has revealed of its journal, if that is new."""
    try:
        head = read_head(read_note(question.note).text)
    except ValueError:
        return WitnessAnswer(0, WitnessStatus.MISTAKEN, old=question.old), None
    keys = node.rules.peers[peer].log_keys
    if node.log_signer is None or not any(key.name == head.origin for key in keys):
        return WitnessAnswer(head.size, WitnessStatus.UNKNOWN, old=question.old), None
    try:
        _, note = read_checkpoint(question.note, keys)
    except ValueError:
        return WitnessAnswer(head.size, WitnessStatus.UNPROVEN, old=question.old), None
    with node.ledger.book() as book:
        status, known, fork = _compared(book, peer, head, question, node)
        finding = _caught(node, book, fork) if fork else None
        # Committed when this block ends. A crash before: nothing was cosigned; behind it, it is known here.
    if status is not WitnessStatus.COSIGNED:
        return WitnessAnswer(head.size, status, known, old=question.old), finding
    line = cosign(node.log_signer, note.text, node.now()).line
    return WitnessAnswer(head.size, status, head.size, line, question.old), None


def _compared(
    book: Book, peer: str, head: TreeHead, question: WitnessQuestion, node: Node
) -> tuple[WitnessStatus, int, LogFork | None]:
    known = book.witnesses.newest(head.origin)
    size, root = (known.size, known.root) if known else (0, _EMPTY)
    if question.old > head.size:
        return WitnessStatus.MISTAKEN, size, None

    def fork(kind: ForkKind) -> LogFork | None:
        if known is None:
            return None
        return LogFork(head.origin, peer, kind, known.size, known.note, head.size, question.note, node.now())

    if head.size < size:
        later = known is not None and question.sent_at > known.sent_at
        return WitnessStatus.CONFLICT, size, fork(ForkKind.SHORTENED) if later else None
    if head.size == size and head.root != root:
        return WitnessStatus.CONFLICT, size, fork(ForkKind.FORKED)
    if question.old != size:
        return WitnessStatus.CONFLICT, size, None
    if not is_consistent(size, root, head.size, head.root, question.path):
        return WitnessStatus.INCONSISTENT, size, fork(ForkKind.FORKED)
    sent_at = max(question.sent_at, known.sent_at) if known and head.size == size else question.sent_at
    book.witnesses.keep(WitnessedLog(head.origin, peer, head.size, head.root, question.note, sent_at, node.now()))
    return WitnessStatus.COSIGNED, head.size, None


def _caught(node: Node, book: Book, fork: LogFork) -> Finding | None:
    """Keep the two notes and journal them; None where the same was shown before."""
    if not book.witnesses.catch(fork):
        return None
    finding = fork_finding(fork)
    entry = Entry(fork.at, EVENT, actor=fork.peer, code=finding.code, detail=finding.detail)
    book.journal.note_odd([entry], node.rules.limits.noted_hourly, node.rules.peers.keys())
    return finding


def fork_finding(fork: LogFork) -> Finding:
    """What there is to say of a neighbour whose journal does not continue what it was."""
    told = Detail(
        "{origin}: cosigned at {known} entries; shown {shown}, which does not continue them",
        origin=fork.origin,
        known=fork.known_size,
        shown=fork.shown_size,
    )
    if fork.kind is ForkKind.SHORTENED:
        told = Detail(
            "{origin}: cosigned at {known} entries; shown with {shown} later: entries are gone",
            origin=fork.origin,
            known=fork.known_size,
            shown=fork.shown_size,
        )
    return Finding(FORKED, fork.peer, told)
