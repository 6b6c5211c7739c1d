"""What happened: journal entries, everything about one envelope, and what was refused and kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from edxml_router.core.delivery.lifecycle import outcome
from edxml_router.core.delivery.views import (
    DeliveryHistory,
    EnvelopeHistory,
    FoundEnvelope,
    Hindrance,
    JournalLine,
    QuarantinedItem,
)
from edxml_router.core.link.manifest import exact_instant, instant
from edxml_router.core.link.statement import Evidence
from edxml_router.core.link.wire import Hop
from edxml_router.core.problems import Finding
from edxml_router.core.retention.values import RemovedBody
from edxml_router.shapes.delivery import DeliveryShape, TracedDeliveryShape, delivery_shape, traced_delivery_shape
from edxml_router.shapes.envelope import EnvelopeShape, envelope_shape
from edxml_router.shapes.form import Digest, Instant
from edxml_router.shapes.keeping.retention import RemovedBodyShape, removed_body_shape
from edxml_router.shapes.problem import ProblemShape, kept_problem, problem_shape


class EntryShape(TypedDict):
    """An entry of the journal, with its number here, and its position and stamp in the log."""

    number: int
    position: int | None
    stamp: Instant | None
    at: Instant
    event: str
    digest: str | None
    recipient: str | None
    before: str | None
    after: str | None
    actor: str
    problem: ProblemShape | None
    detail: str
    evidence: Digest | None


class ChangeShape(TypedDict):
    """An envelope that recalls, updates or replaces a document."""

    envelope: EnvelopeShape
    outcome: str


class QuarantinedShape(TypedDict):
    """Input that was refused or could not be read, kept for the operator."""

    number: int
    digest: Digest
    document_id: str | None
    peer: str
    channel: str
    problem: ProblemShape | None
    size: int
    count: int
    kept: bool
    at: Instant
    last_at: Instant


class HistoryShape(TypedDict):
    """All that this node knows of an envelope, as its journal tells it; ``envelope`` is null when it was only ever
    refused, or when no entry tells of its acceptance."""

    envelope: EnvelopeShape | None
    outcome: str
    deliveries: list[TracedDeliveryShape]
    changes: list[ChangeShape]
    entries: list[EntryShape]
    quarantined: list[QuarantinedShape]
    differences: list[ProblemShape]
    table_only: list[str]
    removed_body: RemovedBodyShape | None


class DeliveryHistoryShape(DeliveryShape):
    """A delivery with its journal entries."""

    entries: list[EntryShape]
    differences: list[ProblemShape]


def entry_shape(line: JournalLine) -> EntryShape:
    entry = line.told
    return {
        "number": line.number,
        "position": line.position,
        "stamp": exact_instant(line.stamp) if line.stamp else None,
        "at": exact_instant(entry.at),
        "event": entry.event,
        "digest": entry.envelope or None,
        "recipient": entry.recipient or None,
        "before": entry.before or None,
        "after": entry.after or None,
        "actor": entry.actor,
        "problem": kept_problem(entry.code, "", entry.detail),
        "detail": entry.detail,
        "evidence": entry.evidence or None,
    }


def quarantined_shape(item: QuarantinedItem) -> QuarantinedShape:
    return {
        "number": item.number,
        "digest": item.digest,
        "document_id": item.document_id or None,
        "peer": item.peer,
        "channel": item.channel,
        "problem": kept_problem(item.code, item.where, item.detail),
        "size": item.size,
        "count": item.count,
        "kept": item.kept,
        "at": instant(item.at),
        "last_at": instant(item.last_at),
    }


def history_shape(
    told: EnvelopeHistory,
    paths: Mapping[str, Sequence[Hop]],
    proofs: Mapping[str, Evidence],
    changes: Iterable[FoundEnvelope],
    refusals: Iterable[QuarantinedItem],
    hindrances: Mapping[int, Hindrance],
    differences: Iterable[Finding] = (),
    gone: RemovedBody | None = None,
) -> HistoryShape:
    """``paths`` has the nodes passed by recipient; without them the envelope has come as far as here."""
    envelope = told.envelope
    return {
        "envelope": envelope_shape(envelope),
        "outcome": outcome(one.state for one in told.deliveries),
        "deliveries": [
            traced_delivery_shape(
                one,
                envelope.document_id,
                paths.get(one.recipient, envelope.hops),
                hindrances.get(one.id),
                proofs.get(one.recipient),
            )
            for one in told.deliveries
        ],
        "changes": [{"envelope": envelope_shape(one.envelope), "outcome": one.outcome} for one in changes],
        "entries": [entry_shape(line) for line in told.lines],
        "quarantined": [quarantined_shape(item) for item in refusals],
        "differences": [problem_shape(each) for each in differences],
        "table_only": [each or "envelope" for each in told.untold],
        "removed_body": removed_body_shape(gone) if gone else None,
    }


def refused_history_shape(
    items: Iterable[QuarantinedItem], lines: Iterable[JournalLine], differences: Iterable[Finding] = ()
) -> HistoryShape:
    """Of what was never accepted here."""
    return {
        "envelope": None,
        "outcome": "refused",
        "deliveries": [],
        "changes": [],
        "entries": [entry_shape(line) for line in lines],
        "quarantined": [quarantined_shape(item) for item in items],
        "differences": [problem_shape(each) for each in differences],
        "table_only": [],
        "removed_body": None,
    }


def delivery_history_shape(
    story: DeliveryHistory, hindrance: Hindrance | None, differences: Iterable[Finding] = ()
) -> DeliveryHistoryShape:
    standing = delivery_shape(story.delivery, story.envelope.document_id, hindrance)
    entries = [entry_shape(line) for line in story.lines]
    return {**standing, "entries": entries, "differences": [problem_shape(each) for each in differences]}
