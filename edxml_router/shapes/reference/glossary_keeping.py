"""What the fields of shapes about keeping and removing mean; a part of the glossary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KEEPING_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "digests": "SHA-256 of the bytes of each envelope, hex.",
        "gone": "Those of them whose bodies had been removed before.",
        "going": "What would go now, by rule.",
        "staying": "What was accepted long enough ago that a term may be over, and stays; by the first reason.",
        "younger": "What no term can be over for yet.",
        "oldest": "When the oldest of it was accepted; null where there is none.",
        "reasons": "Why it stays: `for-ever`, `open`, `inbox`, `untold`, `unproven`, `held`, `not-yet`;"
        " empty where it goes.",
        "size_before": "The bytes of the file before.",
        "size_after": "The bytes of the file after.",
        "removed_body": "Why the body is not here any more, where it was removed on purpose; null where it was not.",
        "removed_sha256": "SHA-256 of the digests of the bodies that went, sorted, one a line; hex.",
        "PlannedDocument.due_at": "When its term is over; null where it has none, or a delivery is open.",
        "PlannedDocument.rule": "The rule that it comes under: a class, or `retention`.",
        "PlannedShare.count": "How many bodies.",
        "RetentionRule.count": "How many bodies.",
        "RetentionRule.rule": "The rule: a class, or `retention`.",
        "RetentionReason.count": "How many bodies.",
        "RetentionReason.reason": "Why it stays, as in `reasons`.",
        "RetentionPlan.kept": "All bodies that are here.",
        "RetentionPlan.removed": "What was removed on purpose so far.",
        "Removal.actor": "Who removed it: `node`, or `operator:NAME`.",
        "Removal.count": "How many bodies went.",
        "Removal.rule": "The rule that they went by: a class, or `retention`.",
        "RemovedBody.actor": "Who removed it: `node`, or `operator:NAME`.",
        "RemovedBody.number": "The number of the entry that says so; null where it is not found.",
        "RemovedBody.position": "Its place in the log; null until it has one.",
        "RemovedBody.rule": "The rule that it went by: a class, or `retention`.",
        "Hold.actor": "Who holds it.",
        "Hold.subject": "The document: its id in the form in which ids are compared, or a digest.",
        "HeldDocument.subject": "The document: its id in the form in which ids are compared, or a digest.",
    }
)
