"""What auditors are told: the proof of the journal, and the history of one document. Questions to the journal are in
:mod:`edxml_router.services.asking`.

    found = verify(views, {104832: "9f86d0…"})
    told = history(views, "H53.31.22,2026/11/22,7/UBND-VP")

Nothing here changes anything, so it works on a node's database and on a copy alike. Raises Refusal EDX606 for what does
not exist; Setback EDX610 for a damaged database, and what the views raise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edxml_router.core.delivery.halts import HALT_ADDED, HALT_RELEASED, NODE_DRAINED, NODE_RESUMED
from edxml_router.core.delivery.journal import (
    ANSWER_WITHHELD,
    CLERK_ACTED,
    CLOCK_STEPPED,
    DELIVERY_EVENTS,
    DELIVERY_QUEUED,
    DELIVERY_REROUTED,
    DOCUMENT_EXPORTED,
    ENVELOPE_ACCEPTED,
    HANDLED,
    INPUT_COUNTED,
    JOURNAL_READ,
    JOURNAL_RESTORED,
    OUTCOME_DOUBTED,
    OUTCOME_SIGNED,
    PEER_RENAMED,
    QUARANTINE_REMOVED,
    RECEIPT_LATE,
    RULES_APPLIED,
    WORDS_REDACTED,
)
from edxml_router.core.delivery.lifecycle import ENDS
from edxml_router.core.delivery.views import (
    Damage,
    EnvelopeHistory,
    FoundEnvelope,
    JournalLine,
    QuarantinedItem,
    Verification,
)
from edxml_router.core.detail import Detail
from edxml_router.core.link.statement import Evidence
from edxml_router.core.link.wire import Hop
from edxml_router.core.message.document_id import comparable, is_digest
from edxml_router.core.problems import Finding, Refusal, Setback
from edxml_router.core.proof.note import VerifierKey
from edxml_router.core.retention.values import BODIES_REMOVED, DOCUMENT_HELD, DOCUMENT_RELEASED, RemovedBody
from edxml_router.core.trust.bindings import Act
from edxml_router.ports.views import Views
from edxml_router.services.naming import unknown

EVENTS: Final = (
    ENVELOPE_ACCEPTED,
    "envelope.refused",
    DELIVERY_QUEUED,
    *DELIVERY_EVENTS.values(),
    DELIVERY_REROUTED,
    *HANDLED,
    CLERK_ACTED,
    "delivery.pushed",
    RECEIPT_LATE,
    OUTCOME_SIGNED,
    OUTCOME_DOUBTED,
    ANSWER_WITHHELD,
    "input.quarantined",
    INPUT_COUNTED,
    "input.defect",
    QUARANTINE_REMOVED,
    "agency.asked",
    "axis.taken",
    "clock.doubtful",
    "clock.believed",
    CLOCK_STEPPED,
    "clock.differs",
    "clock.agrees",
    "token.issued",
    "token.revoked",
    "trust.add",
    JOURNAL_RESTORED,
    "backup.made",
    "backup.restored",
    "backup.tried",
    BODIES_REMOVED,
    DOCUMENT_HELD,
    DOCUMENT_RELEASED,
    RULES_APPLIED,
    WORDS_REDACTED,
    DOCUMENT_EXPORTED,
    HALT_ADDED,
    HALT_RELEASED,
    NODE_DRAINED,
    NODE_RESUMED,
    "body.damaged",
    "body.mended",
    "link.resync",
    "recovery.done",
    "letter.sealed",
    "log.forked",
    "link.gap",
    "node.renamed",
    JOURNAL_READ,
    PEER_RENAMED,
    *(f"trust.{undone}{act}" for act in Act for undone in ("", "un")),
)
DIFFERENCES: Final = 100  # between tables and journal that are told one by one
LONGEST: Final = 100_000  # recipients, and journal entries, of one envelope in its history


@dataclass(frozen=True, slots=True)
class EnvelopeStory:
    """The story of one accepted envelope: ``paths`` has the nodes passed on the way to each recipient; ``proofs`` what
    proves how a delivery has ended, by recipient; ``changes`` are the envelopes that recall, update or replace it;
    ``gone`` tells why the body is not here any more, where that was on purpose."""

    trace: EnvelopeHistory
    paths: Mapping[str, Sequence[Hop]]
    proofs: Mapping[str, Evidence]
    changes: Sequence[FoundEnvelope]
    gone: RemovedBody | None = None


@dataclass(frozen=True, slots=True)
class DocumentHistory:
    """All that is known of a document: what was accepted under its id, oldest first, and what was refused.

    ``lines`` are the journal entries, where nothing was accepted and nothing kept. ``unfounded``: what the tables have
    of envelopes of whose acceptance no entry tells, and is not told for this reason.
    """

    told: Sequence[EnvelopeStory]
    refused: Sequence[QuarantinedItem]
    lines: Sequence[JournalLine] = ()
    unfounded: Sequence[Finding] = ()


def require_event(name: str) -> None:
    """Raises Refusal EDX606 where there is no such event and none that begins so."""
    if not any(each == name or (name.endswith(".") and each.startswith(name)) for each in EVENTS):
        raise unknown(name, EVENTS)


def verify(
    views: Views,
    known: Mapping[int, str],
    progress: Callable[[int, int], None] | None = None,
    keys: Sequence[VerifierKey] = (),
    files: Path | None = None,
) -> Verification:
    """Verify the database's pages, then every entry and checkpoint; ``known`` are roots kept elsewhere, by size,
    ``keys`` those that sign the log's checkpoints, ``files`` the folder of the bodies that lie in files."""
    if broken := views.damage():  # the content of damaged pages means nothing
        raise Setback("EDX610", where="store.url", detail=broken)
    return views.verify(known, progress, keys, files)


def damage_finding(found: Verification) -> Finding | None:
    """What is wrong with a journal, in one finding: EDX603 where it is only files of bodies, which neighbours may have.
    Those are found last, so where the first are, all are."""
    if found.sound:
        return None
    if all(one.body for one in found.damages):
        return Finding("EDX603", found.damages[0].body, Detail("{count}: {detail}", count=found.damage_count,
                                                               detail=found.damages[0].detail))  # fmt: skip
    return Finding(
        "EDX605",
        found.damages[0].where,
        Detail("{count}: {detail}", count=found.damage_count, detail=found.damages[0].detail),
    )


def filed_bodies(views: Views) -> int:
    """How many bodies lie in files beside the database."""
    return views.filed_bodies()


def find(views: Views, document: str, limit: int = 50) -> Sequence[FoundEnvelope]:
    """Envelopes by the beginning of their digest, or by DocumentId, newest first. Raises Refusal EDX606 when there is
    none."""
    if not comparable(document):  # the views would take an empty text for no condition
        raise Refusal("EDX606", detail=Detail("no document is named"))
    found: Sequence[FoundEnvelope] = ()
    if is_digest(document):
        found = views.find_envelopes(digest=document.lower(), limit=limit)
    if not found:
        found = views.find_envelopes(document_id=document, limit=limit)
    if not found:
        raise Refusal("EDX606", where=document[:100])
    return found


def history(views: Views, document: str, recipient: str = "") -> DocumentHistory:
    """What became of a document, on the way to one ``recipient`` (canonical code) or to all, as the journal tells
    it."""
    refused = views.list_quarantined(document=document)
    digests = _accepted(views, document)
    if not digests:
        lines = views.lines(envelope=document.lower()) if is_digest(document) and not refused else ()
        if not refused and not lines:
            raise Refusal("EDX606", where=document[:100])
        return DocumentHistory((), refused, lines)
    told, unfounded = _stories(views, digests, recipient)
    if not told and not is_digest(document):
        # What the table has under this id was never accepted: an envelope may have been given another digest there.
        told, more = _stories(views, [one for one in views.accepted_under(document) if one not in digests], recipient)
        unfounded += more
    return DocumentHistory(told, refused, (), differences(unfounded))


def _stories(views: Views, digests: Sequence[str], recipient: str) -> tuple[list[EnvelopeStory], list[Damage]]:
    told, unfounded = list[EnvelopeStory](), list[Damage]()
    gone = views.removed_bodies(digests)
    for digest in digests:
        trace = views.trace(digest, recipient, LONGEST)
        if trace is None:
            unfounded += views.unfounded(digest)
            continue
        changes, invented = _changes(views, trace)
        told.append(EnvelopeStory(trace, known_paths(trace), _proofs(trace), changes, gone.get(digest)))
        unfounded += invented
    return told, unfounded


def differences(damages: Sequence[Damage]) -> list[Finding]:
    """What does not follow from the journal, a finding each, the first hundred."""
    return [Finding("EDX659", each.where, each.detail) for each in damages[:DIFFERENCES]]


def _accepted(views: Views, document: str) -> list[str]:
    """Digests of what was accepted under this name, the oldest first. Whoever can write into the tables can take an
    envelope out of them, so what is not there is looked for in the journal."""
    try:
        return [found.envelope.digest for found in reversed(find(views, document))]
    except Refusal:
        if not comparable(document):
            raise
    if is_digest(document):
        lines = views.lines(envelope=document.lower(), event=ENVELOPE_ACCEPTED)
        return list(dict.fromkeys(line.entry.envelope for line in lines))
    return list(views.accepted_under(document))


def _changes(views: Views, told: EnvelopeHistory) -> tuple[list[FoundEnvelope], list[Damage]]:
    """The envelopes that change this one, as the journal tells them; and those that only the table has."""
    changes, invented = list[FoundEnvelope](), list[Damage]()
    for one in views.changes(told.envelope):
        trace = views.trace(one.envelope.digest, "", LONGEST)
        if trace is None:
            invented += views.unfounded(one.envelope.digest)
        elif told.envelope.document_key in trace.envelope.refers_to:
            states = Counter(each.state for each in trace.deliveries)
            changes.append(FoundEnvelope(trace.envelope, states))
    return changes, invented


def digests_of(views: Views, document: str) -> list[str]:
    """The digests of what was accepted or refused under an id; or of what begins so and is in the journal only. Raises
    Refusal EDX606."""
    digests = [item.digest for item in views.list_quarantined(document=document)]
    try:
        digests += [found.envelope.digest for found in reversed(find(views, document))]
    except Refusal:
        if is_digest(document):
            found = {line.entry.envelope for line in views.lines(envelope=document.lower(), limit=LONGEST)}
            return sorted({*digests, *found})
        if not digests:
            raise
    return list(dict.fromkeys(digests))


def _proofs(told: EnvelopeHistory) -> Mapping[str, Evidence]:
    """The evidence of the outcome that stands, where the delivery has ended."""
    ends = {(one.recipient, one.state.value) for one in told.deliveries if one.state in ENDS}
    notes = [note.receipt for note in told.receipts]
    return {one.recipient: one.evidence for one in notes if (one.recipient, one.outcome.value) in ends}


def known_paths(told: EnvelopeHistory) -> Mapping[str, Sequence[Hop]]:
    """By the entries; where these do not tell, by the latest receipt."""
    paths = {recipient: hops for recipient, hops in told.hops.items() if hops}
    for note in told.receipts:
        if note.receipt.recipient in told.hops:
            continue
        if len(note.receipt.hops) >= len(paths.get(note.receipt.recipient, ())):
            paths[note.receipt.recipient] = note.receipt.hops
    return paths
