"""What the fields of shapes about keeping and removing mean; a part of the glossary."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edxml_router.shapes.reference.flow_fields import FLOW_FIELDS
from edxml_router.shapes.reference.people_fields import PEOPLE_FIELDS

KEEPING_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **FLOW_FIELDS,
        "digests": "SHA-256 of the bytes of each envelope, hex.",
        "gone": "Those of them whose bodies had been removed before.",
        "going": "What would go now, by rule.",
        "staying": "What was accepted long enough ago that a term may be over, and stays; by the first reason.",
        "younger": "What no term can be over for yet.",
        "oldest": "When the oldest of it was accepted; null where there is none.",
        "reasons": "Why it stays: `for-ever`, `open`, `inbox`, `untold`, `unproven`, `held`, `not-yet`;"
        " empty where it goes.",
        "indexed_entries": "Entries that the index for questions holds; the newest are not in it yet.",
        "compared_entries": "Those of them of which the index was made again and compared.",
        "size_before": "The bytes of the file before.",
        "size_after": "The bytes of the file after.",
        "removed_body": "Why the body is not here any more, where it was removed on purpose; null where it was not.",
        "removed_sha256": "SHA-256 of the digests of the bodies that went, sorted, one a line; hex.",
        "PlannedDocument.due_at": "When its term is over; null where it has none, or a delivery is open.",
        "PlannedDocument.rule": "The rule that it comes under: a class, or `retention`.",
        "PlannedShare.count": "How many bodies.",
        "RetentionRule.count": "How many bodies, or texts.",
        "RetentionRule.rule": "The rule: a class, or `retention`.",
        "RetentionReason.count": "How many bodies, or texts.",
        "RetentionReason.reason": "Why it stays, as in `reasons`.",
        "RetentionPlan.kept": "All bodies that are here.",
        "RetentionPlan.texts": "What people wrote about letters when they sent them back, and is kept.",
        "next_at": "Where nothing would go now: when the next term ends, if nothing else speaks against it then.",
        "RetentionPlan.removed": "What was removed on purpose so far.",
        "Removal.actor": "Who removed it: `node`, or `operator:NAME`.",
        "Removal.count": "How many bodies went.",
        "Removal.rule": "The rule that they went by: a class, or `retention`.",
        "RemovedBody.actor": "Who removed it: `node`, or `operator:NAME`.",
        "RemovedBody.number": "The number of the entry that says so; null where it is not found.",
        "RemovedBody.position": "Its place in the log; null until it has one.",
        "RemovedBody.rule": "The rule that it went by: a class, or `retention`.",
        "characters": "How long the words are.",
        "ground": "The number of the law, order or request by which it was done; `retention:` and a rule whose term"
        " was over.",
        "Redaction.letter": "Whether the bytes of the letter were removed as well.",
        "letters": "SHA-256 of the letters whose bytes would be removed, hex.",
        "reason_sha256": "What the entry has in the place of the words: their salted digest, hex.",
        "reasons_sha256": "What the entries have in the place of the words: their salted digests, hex.",
        "redactions": "What was erased on purpose, the first hundred.",
        "redaction_count": "How often something was erased on purpose.",
        "words": "What would be erased.",
        "package": "The name of the package, which is that of the folder in it.",
        "Export.certificate": "Whether the delivery certificate is in it.",
        "Export.letter": "Whether the signed original is in it.",
        "Export.size": "The bytes of the file.",
        "Export.entry_count": "How many entries of the journal it tells of.",
        "Redaction.actor": "Who erased it: `operator:NAME`, or `node`.",
        "Redaction.recipient": "Whose office wrote the words; null for the letter.",
        "PlannedWords.recipient": "Whose office wrote the words; null for others.",
        "PlannedRedaction.document": "The document, as it was named.",
        "Hold.actor": "Who holds it.",
        "Hold.subject": "The document: its id in the form in which ids are compared, or a digest.",
        "HeldDocument.subject": "The document: its id in the form in which ids are compared, or a digest.",
    } | PEOPLE_FIELDS
)
