"""What goes by the rules of [retention], what stays, and what is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypedDict

from edxml_router.core.delivery.values import EnvelopeRow
from edxml_router.core.link.manifest import exact_instant, instant
from edxml_router.core.retention.judging import BodyRuling
from edxml_router.core.retention.values import Hold, Removal, RemovedBody
from edxml_router.shapes.form import Digest, Instant


class RemovalShape(TypedDict):
    """Bodies that were removed on purpose in one transaction, or a part of a plan."""

    rule: str
    count: int
    size: int
    at: Instant
    actor: str
    removed_sha256: Digest


class RemovedBodyShape(TypedDict):
    """Why a body is not here: the rule by which it was removed on purpose, and the journal's entry that says so."""

    rule: str
    at: Instant
    actor: str
    number: int | None
    position: int | None


class PlannedShareShape(TypedDict):
    """Bodies that go by a rule, or stay for a reason."""

    count: int
    size: int
    oldest: Instant | None


class RetentionRuleShape(PlannedShareShape):
    """What goes by one rule."""

    rule: str


class RetentionReasonShape(PlannedShareShape):
    """What stays for one reason."""

    reason: str


class WordsPlanShape(TypedDict):
    """What people wrote that would be erased now, and what stays; ``count`` is of texts."""

    going: list[RetentionRuleShape]
    staying: list[RetentionReasonShape]


class RetentionPlanShape(TypedDict):
    """What would go now, and what stays."""

    going: list[RetentionRuleShape]
    staying: list[RetentionReasonShape]
    younger: PlannedShareShape
    kept: PlannedShareShape
    removed: PlannedShareShape
    texts: WordsPlanShape
    next_at: Instant | None


class PlannedDocumentShape(TypedDict):
    """One body that would go, or stays although its term may be over."""

    digest: Digest
    document_id: str | None
    sender: str
    size: int
    accepted_at: Instant
    rule: str
    due_at: Instant | None
    reasons: list[str]


class CompactionShape(TypedDict):
    """The bytes of a database's file before it was written anew, and after."""

    size_before: int
    size_after: int


class HoldShape(TypedDict):
    """A document that is held."""

    subject: str
    since: Instant
    actor: str
    reason: str


class HeldDocumentShape(TypedDict):
    """What a hold, or its end, concerns now."""

    subject: str
    digests: list[Digest]
    gone: list[Digest]


Share = tuple[int, int, datetime | None]


def removal_shape(removal: Removal) -> RemovalShape:
    return {
        "rule": removal.rule,
        "count": removal.count,
        "size": removal.size,
        "at": exact_instant(removal.at),
        "actor": removal.actor,
        "removed_sha256": removal.digest,
    }


def removed_body_shape(gone: RemovedBody) -> RemovedBodyShape:
    removal = gone.removal
    return {
        "rule": removal.rule,
        "at": exact_instant(removal.at),
        "actor": removal.actor,
        "number": gone.entry,
        "position": gone.position,
    }


def retention_plan_shape(
    going: Iterable[tuple[str, Share]],
    staying: Iterable[tuple[str, Share]],
    younger: tuple[int, int],
    kept: tuple[int, int],
    removed: tuple[int, int],
    texts: WordsPlanShape,
    next_at: datetime | None,
) -> RetentionPlanShape:
    """Shares are a count, bytes, and when the oldest was accepted."""
    return {
        "going": [{"rule": rule, **_share(*share)} for rule, share in going],
        "staying": [{"reason": reason, **_share(*share)} for reason, share in staying],
        "younger": _share(*younger),
        "kept": _share(*kept),
        "removed": _share(*removed),
        "texts": texts,
        "next_at": instant(next_at) if next_at else None,
    }


def words_plan_shape(going: Iterable[tuple[str, Share]], staying: Iterable[tuple[str, Share]]) -> WordsPlanShape:
    """The same of what people wrote."""
    return {
        "going": [{"rule": rule, **_share(*share)} for rule, share in going],
        "staying": [{"reason": reason, **_share(*share)} for reason, share in staying],
    }


def planned_document_shape(envelope: EnvelopeRow, ruling: BodyRuling) -> PlannedDocumentShape:
    return {
        "digest": envelope.digest,
        "document_id": envelope.document_id or None,
        "sender": envelope.sender,
        "size": envelope.size,
        "accepted_at": instant(envelope.accepted_at),
        "rule": ruling.rule.name,
        "due_at": instant(ruling.due_at) if ruling.due_at else None,
        "reasons": [str(reason) for reason in ruling.reasons],
    }


def compaction_shape(before: int, after: int) -> CompactionShape:
    return {"size_before": before, "size_after": after}


def hold_shape(hold: Hold) -> HoldShape:
    return {"subject": hold.subject, "since": instant(hold.since), "actor": hold.actor, "reason": hold.reason}


def held_document_shape(subject: str, digests: Sequence[str], gone: Sequence[str]) -> HeldDocumentShape:
    return {"subject": subject, "digests": list(digests), "gone": list(gone)}


def _share(count: int, size: int, oldest: datetime | None = None) -> PlannedShareShape:
    return {"count": count, "size": size, "oldest": instant(oldest) if oldest else None}
